"""Statistics of quantised coefficients: estimated on the samples, they code a picture as they should."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.coefficient_statistics import CoefficientStatistics
from moclink.linear.entropy_coded import PRICE, variance_floor
from moclink.train import main
from moclink.training.link_coefficients import train

STEP = -88


def described(model, picture):
    found = model.transform(picture)
    levels = model.describe_transformed(found, variance_floor(STEP), 1.0).variance_levels
    return found.coefficients, levels.reshape(found.coefficients.shape), STEP, PRICE


def test_two_pictures_give_statistics_that_code_a_third():
    """Within a tenth of the bits that the shipped ones take, which saw other pictures."""
    model = BlocksOfSeveralSizes.load().models[1]
    pictures = [read_image(path)[:160, :160].astype(np.float32) / 255 for path in sample_paths()]
    found = train(model, pictures[:2], seed=1)
    assert ((found.probabilities > 0) & (found.probabilities < 1)).all()
    # The larger the prediction, the likelier another value than 0, where there are enough of them.
    zero = found.probabilities[0, 8:24, 0]
    assert (np.diff(zero) < 0.05).all() and zero[0] > 0.95 and zero[-1] < 0.5
    assert (found.errors >= 0).all() and (np.abs(found.offsets) < 1).all()
    third = described(model, pictures[2])
    data, quantised = found.encode(*third)
    shipped, _ = CoefficientStatistics.load(32).encode(*third)
    assert len(data) < 1.1 * len(shipped)
    decoded, _ = found.decode(data, third[1], STEP)
    assert np.array_equal(np.sign(decoded), np.sign(quantised))


def test_the_command_writes_what_the_codec_loads(tmp_path, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    out = tmp_path / "found.npz"
    pictures = [str(path) for path in sample_paths()]
    assert main(["link-coefficients", *pictures, "--count", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "blocks of 64" in printed and f"wrote {out}" in printed
    for block in (16, 32, 64):
        assert CoefficientStatistics.load(block, out).weights.shape == (2, 12)
    assert main(["link-coefficients", str(broken), "--out", str(out)]) == 2
    assert "no picture is left" in capsys.readouterr().err or out.is_file()
    assert main(["link-coefficients", *pictures, "--count", "0", "--out", str(out)]) == 2
    assert "--count is 0" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["weights", "probabilities", "offsets", "errors"])
def test_what_is_stored_is_what_was_found(name, tmp_path):
    shipped = CoefficientStatistics.load(16)
    np.savez(tmp_path / "again.npz", **shipped.arrays(16))
    again = CoefficientStatistics.load(16, tmp_path / "again.npz")
    assert np.array_equal(getattr(again, name), getattr(shipped, name))
