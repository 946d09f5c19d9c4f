"""A photograph, the four codecs, a channel and a PSNR."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths
from moclink.linear.analog_code import with_analog
from moclink.linear.block_sizes import BlocksOfSeveralSizes
from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.octonary import OctonaryCodec
from moclink.linear.softcast import LinearCodec
from moclink.linear.whole_picture import WholePictureBands


@pytest.fixture(scope="session")
def photo():
    """Part of a sample, float32 [256, 320, 3]."""
    return read_image(sample_paths()[0])[:256, :320].astype(np.float32) / 255


@pytest.fixture(scope="session")
def several_sizes():
    """The shipped models of blocks of 16, 32 and 64."""
    return BlocksOfSeveralSizes.load()


@pytest.fixture(scope="session")
def models():
    """One source model of each kind, by name."""
    return {"whole": WholePictureBands(), "blocks": ClassifiedBlocks(ClassModel.load())}


@pytest.fixture(scope="session")
def codecs(models):
    """Codecs by name, at a CBR of 1/24."""
    grid, cbr = CodebookGrid.load(), 1 / 24
    return {
        "softcast": LinearCodec(models["whole"], cbr),
        "linear": LinearCodec(models["blocks"], cbr, laplacian=True),
        "octonary": OctonaryCodec(models["blocks"], cbr, grid),
        "hybrid": OctonaryCodec(models["blocks"], cbr, with_analog(grid)),
    }


@pytest.fixture(scope="session")
def over_awgn():
    """(symbols, SNR in dB, seed) to (received, noise variance)."""

    def send(symbols, snr_db, seed=0):
        no = 10 ** (-snr_db / 10)
        noise = np.random.default_rng(seed).standard_normal((*symbols.shape, 2)) @ np.array([1, 1j])
        return symbols + noise * np.sqrt(no / 2), no

    return send


@pytest.fixture(scope="session")
def psnr():
    return lambda a, b: -10 * np.log10(max(np.mean((a - b) ** 2), 1e-12))
