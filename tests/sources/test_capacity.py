"""A file codec behind an ideal channel code."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.sources.capacity import CapacityChain
from moclink.sources.pillow_codecs import JPEG
from moclink.sources.rate import semantic_symbols


def test_an_ideal_code_carries_what_shannon_allows():
    photo = to_float(read_image(sample_paths()[0])[None, 60:188, 100:292])
    chain = CapacityChain("jpeg-capacity", JPEG, semantic_symbols)
    sent = chain.transmit(photo)
    symbols = semantic_symbols(*photo.shape[1:3])
    assert sent.symbols.shape == (1, symbols)
    no = np.float32([1.0, 0.1, 0.01])
    got = chain.receive(np.repeat(sent.symbols, 3, 0), no, sent.header)
    for fit, noise in zip(got.rate_fits, no, strict=True):
        assert fit.budget_bits == int(symbols * np.log2(1 + 1 / noise))
    assert got.decoded.tolist() == [fit.fits for fit in got.rate_fits]
    quality = psnr(got.images, photo)
    assert quality[0] < quality[1] < quality[2]
    with pytest.raises(ValueError, match="an ideal chain receives only"):
        chain.receive(sent.symbols, no[:1], sent.header.__class__.__mro__[1](1, 1, (0,)))
