"""CRCs against Sionna's encoder."""

import numpy as np
import pytest
from sionna.phy.fec.crc import CRCEncoder

from moclink.phy.crc import CRC16, CRC24A, CRC24B, crc_bits, crc_passes
from moclink.phy.tensors import tensor


@pytest.mark.parametrize(
    ("crc", "name"), [(CRC24A, "CRC24A"), (CRC24B, "CRC24B"), (CRC16, "CRC16")]
)
@pytest.mark.parametrize("length", [1, 7, 40, 1001])
def test_parity_bits_equal_sionnas(crc, name, length):
    bits = np.random.default_rng(length).integers(0, 2, (9, length), dtype=np.uint8)
    expected = CRCEncoder(name)(tensor(bits, "float32")).numpy()
    np.testing.assert_array_equal(np.concatenate([bits, crc_bits(bits, crc)], axis=1), expected)


@pytest.mark.parametrize("crc", [CRC24A, CRC24B, CRC16])
def test_every_short_burst_is_found(crc):
    rng = np.random.default_rng(1)
    message = rng.integers(0, 2, (1, 200), dtype=np.uint8)
    word = np.concatenate([message, crc_bits(message, crc)], axis=1)
    assert crc_passes(word, crc).all()
    damaged = np.repeat(word, 150, axis=0)
    for row in range(150):  # a CRC of degree L finds every burst of at most L bits
        burst = rng.integers(0, 2, rng.integers(1, crc[1] + 1), dtype=np.uint8)
        burst[0] = 1
        damaged[row, row : row + len(burst)] ^= burst
    assert not crc_passes(damaged, crc).any()
