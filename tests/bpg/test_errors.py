"""One family of errors: each kind of trouble has its class, and `ValueError` catches them all."""

import numpy as np
import pytest

from moclink import bpg
from moclink.bpg.errors import (
    BpgError,
    BpgTooLargeError,
    CorruptBpgError,
    UnsupportedBpgError,
)


@pytest.mark.parametrize("base", [ValueError, BpgError])
@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        (CorruptBpgError, lambda small, rdpcm: bpg.decode(small.data[:100], strict=True)),
        (CorruptBpgError, lambda small, rdpcm: bpg.decode(b"GIF89a" + small.data)),
        (UnsupportedBpgError, lambda small, rdpcm: bpg.decode(rdpcm.data)),
        (BpgTooLargeError, lambda small, rdpcm: bpg.decode(small.data, max_pixels=100)),
        (BpgTooLargeError, lambda small, rdpcm: bpg.encode(np.zeros((1, 8193, 3), np.uint8), 30)),
    ],
)
def test_each_trouble_has_its_class(base, kind, trouble, small_vector, rdpcm_vector):
    with pytest.raises(base) as caught:
        trouble(small_vector, rdpcm_vector)
    assert caught.type is kind
