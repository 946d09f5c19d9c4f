r"""Bit error rates of uncoded Gray-mapped square QAM in closed form.

With L = sqrt(M) levels per axis, bit k = 1 .. log2 L of an axis is wrong with probability (Cho and
Yoon, "On the general BER expression of one- and two-dimensional amplitude modulations", IEEE Trans.
Commun. 50, 2002)

    P_k = 1/L \sum_{i=0}^{(1 - 2^-k) L - 1} (-1)^floor(i 2^(k-1) / L)
          (2^(k-1) - floor(i 2^(k-1) / L + 1/2)) erfc((2i + 1) sqrt(3 Es/N0 / (2 (M - 1))))

and the bit error rate is the mean of P_k over k. Over Rayleigh fading that the receiver knows,
Es/N0 is exponentially distributed, and the mean of erfc(a sqrt(Es/N0)) is 1 - sqrt(g / (1 + g))
with g = a^2 E[Es/N0].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moclink.snr import from_decibels


def qam_bit_error_rate(
    bits_per_symbol: int, snr_db: ArrayLike, rayleigh: bool = False
) -> NDArray[np.float64]:
    """Bit error rate of uncoded Gray-mapped square QAM (QPSK is 4-QAM).

    Args:
        bits_per_symbol: 2, 4, 6, 8, ...
        snr_db: Mean Es/N0 in dB, any shape.
        rayleigh: Over Rayleigh fading known to the receiver, not over AWGN.

    Returns:
        float64 of the shape of `snr_db`.

    Raises:
        ValueError: If the number of bits is odd or not positive.
    """
    from scipy.special import erfc

    if bits_per_symbol < 2 or bits_per_symbol % 2:
        raise ValueError(
            f"bits_per_symbol {bits_per_symbol}: square QAM has an even number of at least 2"
        )
    levels = 2 ** (bits_per_symbol // 2)
    snr = from_decibels(np.asarray(snr_db, np.float64))
    total = np.zeros_like(snr)
    for k in range(1, bits_per_symbol // 2 + 1):
        half = 2 ** (k - 1)
        for i in range(levels - levels // 2**k):
            sign = (-1) ** (i * half // levels)
            weight = half - (2 * i * half + levels) // (2 * levels)
            squared = (2 * i + 1) ** 2 * 1.5 / (levels**2 - 1) * snr
            term = 1 - np.sqrt(squared / (1 + squared)) if rayleigh else erfc(np.sqrt(squared))
            total = total + sign * weight * term
    return total / (levels * bits_per_symbol / 2)
