"""Rate control: the largest quality whose file fits a bit budget, and the budgets themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moclink.constants import LATENT_STRIDE
from moclink.types import RateFit

BITS_PER_POSITION_LEVEL = 12  # 4 heads of 3 bits
SYMBOLS_PER_POSITION_LEVEL = 2


def latent_positions(height: int, width: int) -> int:
    """Positions of the latent grid, ceil(H/8) * ceil(W/8): padding is paid for."""
    return -(-height // LATENT_STRIDE) * -(-width // LATENT_STRIDE)


def semantic_bits(height: int, width: int, levels: int = 4) -> int:
    """Bits of the semantic chain: 48 a position at L4."""
    return BITS_PER_POSITION_LEVEL * levels * latent_positions(height, width)


def semantic_symbols(height: int, width: int, levels: int = 4) -> int:
    """64-QAM symbols of the semantic chain: 8 a position at L4."""
    return SYMBOLS_PER_POSITION_LEVEL * levels * latent_positions(height, width)


def fit_quality(
    codec: str, encode: Callable[[float], bytes], qualities: Sequence[float], budget_bits: int
) -> tuple[bytes, RateFit]:
    """Find the best quality whose file fits the budget, by bisection.

    File size is taken to grow with quality; where a codec breaks that rule between neighbours, a
    quality that fits is still returned.

    Args:
        codec: Name, for the record.
        encode: Quality -> file.
        qualities: The codec's quality parameters, from the coarsest to the finest.
        budget_bits: Largest file, in bits.

    Returns:
        The file and how it was fitted. If even the coarsest file is too large, that file is
        returned and `RateFit.fits` is false.
    """
    data, chosen = encode(qualities[0]), qualities[0]
    low, high = 0, len(qualities) - 1
    while 8 * len(data) <= budget_bits and low < high:
        middle = (low + high + 1) // 2
        trial = encode(qualities[middle])
        if 8 * len(trial) <= budget_bits:
            low, data, chosen = middle, trial, qualities[middle]
        else:
            high = middle - 1
    return data, RateFit(codec, chosen, 8 * len(data), budget_bits)
