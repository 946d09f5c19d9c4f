"""How far the MCS tables are from capacity, and why: a table in Markdown.

    python -m benchmarks.mcs_gaps

For each scheme: the SNR at which one code block of 8448 bits (3840 below rate 1/4) in a thousand is
wrong, by the shipped curves; its distance to the SNR at which log2(1 + SNR) is the scheme's
spectral efficiency; and the share of that distance which no code can win back, since the points of
square QAM are equally likely and its bits are decoded as if they were independent (capacity of
bit-interleaved coded modulation).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from moclink.phy.block_errors import BlockErrorCurves
from moclink.phy.link_adaptation import distinct_schemes
from moclink.phy.modems import pam_amplitudes

NODES, WEIGHTS = np.polynomial.hermite.hermgauss(60)


def bicm_capacity(bits_per_symbol: int, snr_db: float) -> float:
    """Bits a symbol that bit-interleaved coding can carry over Gray square QAM and AWGN.

    One axis: sum over the bits of 1 - E[log2(1 + e^-L)], L the LLR of the bit that was sent.
    """
    amplitudes = pam_amplitudes(2 ** (bits_per_symbol // 2)).astype(np.float64)
    no = 10 ** (-snr_db / 10)
    y = amplitudes[:, None] + np.sqrt(no) * NODES  # noise variance no / 2 an axis
    metric = -((y[..., None] - amplitudes) ** 2) / no  # [sent, node, label]
    labels, capacity = np.arange(len(amplitudes)), 0.0
    whole = np.logaddexp.reduce(metric, axis=-1)
    for place in range(bits_per_symbol // 2):
        bit = labels >> place & 1
        alike = np.where(bit[:, None, None] == bit, metric, -np.inf)
        loss = (whole - np.logaddexp.reduce(alike, axis=-1)) / np.log(2)
        capacity += 1 - float((loss @ WEIGHTS).mean() / np.sqrt(np.pi))
    return 2 * capacity


def main() -> None:
    """Print the table."""
    curves = BlockErrorCurves.load()
    print(
        "| bits | rate x 1024 | bits per symbol | SNR of BLER 1e-3 | to capacity | by QAM | by code |"
    )
    print("|---|---|---|---|---|---|---|")
    for mcs in distinct_schemes():
        block = 8448 if mcs.coderate > 0.25 else 3840
        snr = brentq(
            lambda s, m=mcs, b=block: float(curves.block_error_rate(m, b, s)) - 1e-3, -20, 40
        )
        rate = mcs.spectral_efficiency
        shannon = 10 * np.log10(2**rate - 1)
        limit = brentq(
            lambda s, m=mcs, r=rate: bicm_capacity(m.bits_per_symbol, s) - r, shannon - 0.1, snr + 1
        )
        print(
            f"| {mcs.bits_per_symbol} | {mcs.rate_1024:g} | {rate:.3f} | {snr:.2f} | {snr - shannon:.2f} "
            f"| {limit - shannon:.2f} | {snr - limit:.2f} |"
        )


if __name__ == "__main__":
    main()
