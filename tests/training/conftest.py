"""Pictures made by arithmetic, and the pack of patches that the stages train on."""

import numpy as np
import pytest
from PIL import Image


def textured(height: int, width: int, seed: int) -> np.ndarray:
    """A picture with waves and grain, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [128 + 80 * np.sin(x / (6 + seed + c) + y / (9 + c)) for c in range(3)]
    return np.uint8(np.clip(np.stack(waves, -1) + rng.normal(0, 6, (height, width, 3)), 0, 255))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(4):
        Image.fromarray(textured(140, 170, i)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def data(pictures, tmp_path_factory):
    """Folder that `python -m moclink.train patches` wrote."""
    from moclink.train import main

    folder = tmp_path_factory.mktemp("data")
    assert (
        main(["patches", str(pictures), "--out", str(folder), "--size", "64", "--hold-out", "1"])
        == 0
    )
    return folder


@pytest.fixture(scope="session")
def feeder(data):
    from moclink.training.patches import CropFeeder, PatchPack

    return CropFeeder(PatchPack(data), 32, 4)


@pytest.fixture(scope="session")
def held_out(data):
    from moclink.training.patches import PatchPack

    return [PatchPack(data / "held_out")[0][:48, :40].astype(np.float32) / 255]


@pytest.fixture
def started(feeder):
    """A toy codec at its linear start, with codebooks that fit."""
    import keras

    from moclink.codec.codebook_initialization import initialize_codebooks
    from moclink.codec.semantic_codec import SemanticCodec
    from moclink.training.linear_initialization import initialize_linear_paths

    keras.utils.set_random_seed(3)
    codec = SemanticCodec.from_size("toy")
    initialize_linear_paths(
        codec.encoder, codec.decoder, np.concatenate([feeder(1000 + i) for i in range(8)])
    )
    initialize_codebooks(codec.quantizer, keras.ops.convert_to_numpy(codec.encoder(feeder(2000))))
    return codec
