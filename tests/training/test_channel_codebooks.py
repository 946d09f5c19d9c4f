"""The command that makes codebooks for a grid of SNRs, on an untrained toy codec."""

import numpy as np
import pytest
from keras import ops
from PIL import Image

from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.semantic_codec import SemanticCodec
from moclink.images import read_image, sample_paths
from moclink.training.channel_codebooks import crop_latents, main, simulated


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Toy weights with codebooks of pictures, and two pictures."""
    folder = tmp_path_factory.mktemp("toy")
    codec = SemanticCodec.from_size("toy")
    for number, path in enumerate(sample_paths()[:2]):
        Image.fromarray(read_image(path)[:128, :160]).save(folder / f"{number}.png")
    crop = read_image(sample_paths()[2])[None, :128, :128].astype(np.float32) / 255
    initialize_codebooks(codec.quantizer, ops.convert_to_numpy(codec.encoder(crop)))
    codec.save(folder / "toy")
    return folder


def test_the_command_makes_a_grid_that_is_better_than_the_noiseless_codebooks(folder):
    out = folder / "toy-channel.npz"
    main(
        [str(folder), "--weights", str(folder / "toy"), "--out", str(out)]
        + ["--snr", "0", "15", "15", "--rounds", "2", "--samples", "200"]
    )
    made = ChannelOptimizedCodec.from_preset(folder / "toy")
    grid = made.grid
    assert grid.snr_db.tolist() == [0, 15]
    pictures = sorted(folder.glob("*.png"))
    fresh = crop_latents(made.semantic_codec, pictures, 100, 300, seed=5).test
    deepest = max(grid.books)
    plain = simulated(grid.without_noise(deepest), fresh, 0.0)
    assert simulated(grid.at(deepest, 0.0), fresh, 0.0) < 0.9 * plain
    assert simulated(grid.robust, fresh, 0.0) < 0.9 * plain


def test_too_few_latents_are_refused(folder):
    codec = SemanticCodec.from_preset(folder / "toy")
    with pytest.raises(ValueError, match="1000 are wanted: give more pictures"):
        crop_latents(codec, [folder / "0.png"], 900, 100, seed=0)
