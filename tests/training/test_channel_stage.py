"""The command that trains through the channel, on a toy codec: files, checkpoints, use."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from moclink.chain import DigitalChain
from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.snr_aware import SNRAwareAutoencoder
from moclink.images import read_image, sample_paths
from moclink.phy.modems import IndexModem
from moclink.sources.channel_optimized_source import ChannelOptimizedSource
from moclink.train import main
from moclink.training.channel_codebooks import main as make_codebooks
from moclink.training.channel_stage import ChannelOptions, ChannelStage
from moclink.training.checkpoint import load_checkpoint, save_checkpoint
from moclink.training.options import make_parser
from moclink.training.patches import CropFeeder, PatchPack
from moclink.types import ChannelState


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Toy weights with channel-optimised codebooks, two pictures, and their patches."""
    folder = tmp_path_factory.mktemp("channel")
    codec = SemanticCodec.from_size("toy")
    (folder / "pictures").mkdir()
    for number, path in enumerate(sample_paths()[:2]):
        Image.fromarray(read_image(path)[:160, :160]).save(folder / "pictures" / f"{number}.png")
    crop = read_image(sample_paths()[2])[None, :128, :128].astype(np.float32) / 255
    initialize_codebooks(codec.quantizer, codec.latents(crop))
    codec.save(folder / "toy")
    make_codebooks(
        [str(folder / "pictures"), "--weights", str(folder / "toy")]
        + ["--out", str(folder / "toy-channel.npz"), "--snr", "0", "15", "15"]
        + ["--rounds", "2", "--samples", "200"]
    )
    assert main(["patches", str(folder / "pictures"), "--out", str(folder / "data")]) == 0
    return folder


def arguments(folder, out, steps):
    return (
        ["channel", "--codec", str(folder / "toy"), "--data", str(folder / "data")]
        + ["--out", str(out), "--steps", str(steps), "--batch", "2", "--crop", "64", "--no-jit"]
        + ["--warmup", "0", "--log-every", "1", "--validate-every", "0"]
    )


def test_trained_network_and_codebooks_are_a_chain(folder, capsys):
    out = folder / "run"
    assert main(arguments(folder, out, 3)) == 0
    assert "0dB " in capsys.readouterr().out
    plain = ChannelOptimizedCodec.from_preset(folder / "toy")
    grid = ChannelOptimizedCodec.from_preset(folder / "toy", out / "channel.npz").grid
    assert any("modulation" in name for name in grid.changes) and not plain.grid.changes
    assert not any("block_0_0" in name for name in grid.changes)  # frozen
    # Three steps may gain nothing: whatever they gained, use them at one SNR of the two.
    made = ChannelOptimizedCodec(plain.semantic_codec, replace(grid, told=np.array([True, False])))
    images = read_image(folder / "pictures" / "0.png")[None].astype(np.float32) / 255
    here, there = made.grid.at(4, 0.0), plain.grid.at(4, 0.0)
    assert np.abs(made.latents(images, here) - plain.latents(images, there)).max() > 0
    # Elsewhere, above the grid, with fewer levels and untold they are the codec's own.
    others = [made.grid.at(*at) for at in ((4, 15.0), (4, 40.0), (3, 0.0))] + [made.grid.robust]
    for books in others:
        np.testing.assert_array_equal(made.latents(images, books), plain.latents(images, books))
    chain = DigitalChain("trained", ChannelOptimizedSource(made, 4), IndexModem(8), adaptive=True)
    sent = chain.transmit(images, ChannelState(0.0))
    received = chain.receive(sent.symbols, np.float32([1.0]), sent.header)
    assert received.images.shape == images.shape and np.isfinite(received.images).all()


def test_training_goes_on_from_what_it_made(folder, capsys):
    first = folder / "run" / "channel.npz"
    plain = ChannelOptimizedCodec.from_preset(folder / "toy")
    grid = ChannelOptimizedCodec.from_preset(folder / "toy", first).grid
    start = folder / "start.npz"
    replace(grid, told=np.array([True, False])).save(start)
    out, options = folder / "further", ["--codebooks", str(start), "--learning-rate", "1e-12"]
    assert main([*arguments(folder, out, 1), *options, "--mixed-precision"]) == 0
    assert "used at 0" in capsys.readouterr().out
    found = ChannelOptimizedCodec.from_preset(folder / "toy", out / "channel.npz").grid
    # Nothing was learned at that rate: what is told stays told, and its network stays as it was.
    assert found.told[0] and found.changes.keys() == grid.changes.keys()
    for name, value in grid.changes.items():
        if value.dtype == np.float32:  # scales of changes, to the rounding of base + change - base
            np.testing.assert_allclose(found.changes[name], value, rtol=1e-4, err_msg=name)
        else:
            np.testing.assert_array_equal(found.changes[name], value, err_msg=name)
    if not found.told[1]:
        untold = plain.grid.books[4][1].codebooks
        np.testing.assert_array_equal(found.books[4][1].codebooks, untold)


def test_where_nothing_is_gained_the_codec_stays_as_it_is(folder):
    out = folder / "useless"
    assert main([*arguments(folder, out, 1), "--learning-rate", "1e-12"]) == 0
    made = ChannelOptimizedCodec.from_preset(folder / "toy", out / "channel.npz")
    plain = ChannelOptimizedCodec.from_preset(folder / "toy")
    for place in np.flatnonzero(~made.grid.told):
        ours, theirs = made.grid.books[4][place], plain.grid.books[4][place]
        np.testing.assert_array_equal(ours.codebooks, theirs.codebooks)
    changed = made.grid.levels[4] != plain.grid.levels[4]
    assert not (changed & ~made.grid.told).any()
    assert (made.grid.levels[4][made.grid.told] == 4).all()


def make_stage(folder):
    made = ChannelOptimizedCodec.from_preset(folder / "toy")
    network = SNRAwareAutoencoder(made.semantic_codec, made.grid.snr_db)
    feeder = CropFeeder(PatchPack(folder / "data"), 64, 2, seed=0)
    options = ChannelOptions(gradient="expected-distortion", jit=False)
    return ChannelStage(network, made.grid, feeder, [], options)


def test_a_checkpoint_holds_all_that_the_next_step_depends_on(folder, tmp_path):
    stage, again = make_stage(folder), make_stage(folder)
    for step in range(2):
        stage.train(step, 1e-3)
    save_checkpoint(tmp_path / "checkpoint.npz", stage.variables(), {})
    load_checkpoint(tmp_path / "checkpoint.npz", again.variables())
    found, wanted = again.train(2, 1e-3), stage.train(2, 1e-3)
    assert found == pytest.approx(wanted, rel=1e-6) and set(found) == {"loss", "psnr", "latent"}
    for name, value in stage.variables().items():
        np.testing.assert_allclose(again.variables()[name], value, rtol=1e-5, atol=1e-7)


def test_options_are_checked(folder, capsys):
    assert main([*arguments(folder, folder / "bad", 2), "--latent", "-1"]) == 2
    assert "--latent is -1.0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        make_parser().parse_args([*arguments(folder, "x", 2), "--gradient", "none"])
