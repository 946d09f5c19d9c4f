"""The command that makes codebooks for a grid of SNRs, on an untrained toy codec."""

import numpy as np
import pytest
from keras import ops
from PIL import Image

from moclink.chain import DigitalChain
from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.sizes import size
from moclink.images import read_image, sample_paths
from moclink.phy.modems import IndexModem
from moclink.sources.channel_optimized_source import ChannelOptimizedSource
from moclink.training.channel_codebooks import crop_latents, main, simulated
from moclink.types import ChannelState


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


@pytest.mark.parametrize("states", [4, 16])
def test_codebooks_of_any_number_of_states_are_a_chain_of_their_qam(states, folder, tmp_path):
    """An index of 4 states is an axis of 16-QAM, one of 16 states an axis of 256-QAM."""
    config = size("toy")
    config["quantizer"]["states"] = states
    codec = SemanticCodec(config)
    image = read_image(folder / "0.png")[None].astype(np.float32) / 255
    initialize_codebooks(codec.quantizer, codec.latents(image))
    codec.save(tmp_path / "toy")
    main(
        [
            str(folder),
            "--weights",
            str(tmp_path / "toy"),
            "--out",
            str(tmp_path / "toy-channel.npz"),
        ]
        + ["--snr", "0", "15", "15", "--rounds", "2", "--samples", "200"]
    )
    made = ChannelOptimizedCodec.from_preset(tmp_path / "toy")
    fresh = crop_latents(made.semantic_codec, [folder / "1.png"], 10, 200, seed=5).test
    plain = simulated(made.grid.without_noise(4), fresh, 0.0)
    assert simulated(made.grid.at(4, 0.0), fresh, 0.0) < 0.9 * plain
    modem = IndexModem(states)
    chain = DigitalChain("n", ChannelOptimizedSource(made, 4), modem, adaptive=True)
    sent = chain.transmit(image, ChannelState(15.0))
    assert sent.symbols.shape == (1, 128 * 160 // 64 * 8)
    assert np.mean(np.abs(sent.symbols) ** 2) == pytest.approx(1, rel=1e-5)
    indices = made.encode(image, made.grid.at(4, 15.0))
    levels = np.unique(np.round(sent.symbols.real / np.abs(sent.symbols.real).min()))
    assert 0 <= indices.min() and states // 2 <= indices.max() < states
    assert len(np.unique(indices)) <= len(levels) <= states
    received = chain.receive(sent.symbols, np.float32([1e-3]), sent.header)
    assert received.images.shape == image.shape and np.isfinite(received.images).all()


def test_too_few_latents_are_refused(folder):
    codec = SemanticCodec.from_preset(folder / "toy")
    with pytest.raises(ValueError, match="1000 are wanted: give more pictures"):
        crop_latents(codec, [folder / "0.png"], 900, 100, seed=0)
