"""The command that trains through the channel, on a toy codec: files, checkpoints, use."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from moclink.chain import DigitalChain
from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.channel_optimized_grid import TrainedNetworks
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
from moclink.types import ChannelState, Demodulated


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
    changes = grid.networks["4"].changes
    assert any("modulation" in name for name in changes) and not plain.grid.networks
    assert not any("block_0_0" in name for name in changes)  # frozen
    # Three steps may gain nothing: whatever they gained, use them at one SNR of the two.
    made = ChannelOptimizedCodec(plain.semantic_codec, told_at_the_first(grid, "4"))
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
    told_at_the_first(grid, "4").save(start)
    out, options = folder / "further", ["--codebooks", str(start), "--learning-rate", "1e-12"]
    assert main([*arguments(folder, out, 1), *options, "--mixed-precision"]) == 0
    assert "used at 0" in capsys.readouterr().out
    found = ChannelOptimizedCodec.from_preset(folder / "toy", out / "channel.npz").grid
    # Nothing was learned at that rate: what is told stays told, and its network stays as it was.
    found_4, changes = found.networks["4"], grid.networks["4"].changes
    assert found_4.told[0] and found_4.changes.keys() == changes.keys()
    for name, value in changes.items():
        if value.dtype == np.float32:  # scales of changes, to the rounding of base + change - base
            np.testing.assert_allclose(found_4.changes[name], value, rtol=1e-4, err_msg=name)
        else:
            np.testing.assert_array_equal(found_4.changes[name], value, err_msg=name)
    if not found_4.told[1]:
        untold = plain.grid.books[4][1].codebooks
        np.testing.assert_array_equal(found.books[4][1].codebooks, untold)


def test_where_nothing_is_gained_the_codec_stays_as_it_is(folder):
    out = folder / "useless"
    assert main([*arguments(folder, out, 1), "--learning-rate", "1e-12"]) == 0
    made = ChannelOptimizedCodec.from_preset(folder / "toy", out / "channel.npz")
    plain = ChannelOptimizedCodec.from_preset(folder / "toy")
    for place in np.flatnonzero(~made.grid.networks["4"].told):
        ours, theirs = made.grid.books[4][place], plain.grid.books[4][place]
        np.testing.assert_array_equal(ours.codebooks, theirs.codebooks)


@pytest.mark.parametrize("row", ["2", "robust"])
def test_other_rows_have_networks_of_their_own(folder, row):
    out, plain = folder / f"row-{row}", ChannelOptimizedCodec.from_preset(folder / "toy")
    chosen = ["--robust"] if row == "robust" else ["--levels", row]
    assert main([*arguments(folder, out, 2), *chosen]) == 0
    made = ChannelOptimizedCodec.from_preset(folder / "toy", out / "channel.npz")
    grid = told_at_the_first(made.grid, row)
    made = ChannelOptimizedCodec(made.semantic_codec, grid)
    images = read_image(folder / "pictures" / "0.png")[None].astype(np.float32) / 255
    trained = grid.robust if row == "robust" else grid.at(2, 0.0)
    others = [grid.at(4, 0.0), grid.at(1, 0.0), grid.at(2, 40.0)]
    assert grid.trained_row(trained) == row and not any(map(grid.trained_row, others))
    moved = np.abs(made.latents(images, trained) - plain.latents(images, trained)).max()
    assert moved > 0
    for books in others:
        np.testing.assert_array_equal(made.latents(images, books), plain.latents(images, books))


def test_the_receiver_of_a_robust_sender_is_told_its_own_snr(folder):
    made = ChannelOptimizedCodec.from_preset(folder / "toy", folder / "row-robust" / "channel.npz")
    grid = told_at_the_first(made.grid, "robust")
    made = ChannelOptimizedCodec(made.semantic_codec, grid)
    source = ChannelOptimizedSource(made, 4, sender_knows_snr=False)
    images = read_image(folder / "pictures" / "0.png")[None].astype(np.float32) / 255
    payload = source.encode(images)
    exact = np.log(np.eye(8, dtype=np.float32)[payload.indices] + 1e-9)
    known = np.float32([0.0, 15.0])
    demodulated = Demodulated(np.repeat(exact, 2, axis=0), 10 ** (-known / 10))
    both = source.decode(demodulated, payload.header).images
    assert np.abs(both[0] - both[1]).max() > 0  # the same indices, but G is told another SNR
    louder = replace(payload.header, scale=(0.5,))  # the channel's noise is then a quarter
    scaled = replace(demodulated, no=4 * demodulated.no)
    np.testing.assert_allclose(source.decode(scaled, louder).images, both, atol=1e-5)
    likelihoods = exact.reshape(1, 20, 20, 4, 4, 8)
    for snr_db, image in zip(known, both, strict=True):
        alone = made.decode(likelihoods, grid.robust, 160, 160, np.array([snr_db]))
        assert np.abs(alone[0] - image).max() < 1e-5


def test_a_number_of_levels_without_codebooks_is_refused(folder, capsys):
    assert main([*arguments(folder, folder / "none", 1), "--levels", "7"]) == 2
    assert "--levels is 7; there are codebooks for [1, 2, 3, 4]" in capsys.readouterr().err


def told_at_the_first(grid, row):
    """The grid with the networks of a row used at its first SNR (robust: everywhere), gain or none."""
    told = np.array([True, row == "robust"])
    networks = TrainedNetworks(grid.networks[row].changes, told)
    return grid.with_row(row, grid.rows()[row], networks)


def make_stage(folder):
    made = ChannelOptimizedCodec.from_preset(folder / "toy")
    network = SNRAwareAutoencoder(made.semantic_codec, made.grid.snr_db)
    feeder = CropFeeder(PatchPack(folder / "data"), 64, 2, seed=0)
    options = ChannelOptions(row="4", gradient="expected-distortion", jit=False)
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
