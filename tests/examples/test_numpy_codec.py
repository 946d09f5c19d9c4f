"""The worked example in NumPy: its own claims, and a run by its command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moclink.chain_factory import make_chain
from moclink.images import read_image, sample_paths, to_float

EXAMPLE = Path(__file__).parents[2] / "examples" / "numpy_codec.py"


@pytest.fixture(scope="module")
def photo():
    return to_float(read_image(sample_paths()[0])[None, 60:125, 100:199])


@pytest.mark.parametrize("cbr,kept", [("1/24", 5), ("1/2", 64)])
def test_its_error_without_noise_is_the_energy_of_what_it_leaves_out(photo, cbr, kept):
    """The transform is orthonormal: at CBR 1/2 nothing is left out."""
    from scipy.fft import dctn

    chain = make_chain(f"{EXAMPLE}:BlockCodec@{cbr}")
    sent = chain.transmit(photo)
    assert sent.symbols.shape == (1, -(-9 * 13 * kept * 3 // 2))
    got = chain.receive(sent.symbols, np.float32([1e-6]), sent.header).images
    padded = np.pad(photo[0], ((0, 7), (0, 5), (0, 0)), "edge")
    spectrum = dctn(padded.reshape(9, 8, 13, 8, 3), axes=(1, 3), norm="ortho")
    u, v = np.mgrid[:8, :8]
    coarse = np.isin(np.arange(64), np.argsort((u + v).ravel(), kind="stable")[:kept])
    lost = np.moveaxis(spectrum, 2, 1).reshape(9, 13, 64, 3)[:, :, ~coarse]
    limit = (lost**2).sum() / photo.size  # of the padded picture, and before clipping
    error = np.mean((got - photo[0]) ** 2)
    assert error <= limit * 1.01 + 1e-9 and error >= 0.7 * limit


def test_it_runs_by_its_command_line(tmp_path):
    """The line of its docstring, with one small picture."""
    from PIL import Image

    Image.fromarray(read_image(sample_paths()[0])[60:124, 100:196]).save(tmp_path / "a.png")
    (line,) = [text for text in EXAMPLE.read_text().splitlines() if text.startswith("python -m")]
    command = [sys.executable, *line.split()[1:], "--images", str(tmp_path / "a.png")]
    command += ["--out", str(tmp_path / "r"), "--workers", "1"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=EXAMPLE.parents[1], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "BlockCodec" in done.stdout and "SoftCast" in done.stdout
