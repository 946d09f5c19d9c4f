"""Side information: what the receiver needs beside the payload, and the symbols that it takes.

The bits travel over a strong code whose symbols are counted in the budget. The code is not
simulated: its bits arrive without error, as in any comparison that counts side information and
assumes it protected. The rate is that of QPSK with a low-rate code as in TS 38.214 (rates from
30/1024), at a gap of 2.5 dB to capacity: log2(1 + SNR - 2.5 dB) bits per symbol, at most 2 (QPSK), at
least 0.1. That is 0.24 bits per symbol at -5 dB, 0.64 at 0 dB, 1.48 at 5 dB and 2 from 7.3 dB on. A
sender that is not told the SNR uses the rate of -5 dB; below -5 dB its header would be lost, which
this simulation does not show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.snr import from_decibels

GAP_DB = 2.5
ROBUST_SNR_DB = -5.0
DESIGN_SNR_DB = 5.0  # for which a sender that is not told the SNR chooses what cannot fit them all


@dataclass(frozen=True)
class SideInformationHeader:
    """Side information of a batch of pictures of one size.

    Attributes:
        height: Height of the pictures.
        width: Width of the pictures.
        bits: For each picture uint8 [n] of 0 and 1, all that the receiver is told of it.
        symbols: For each picture the symbols that its bits occupy.
    """

    height: int
    width: int
    bits: tuple[NDArray[np.uint8], ...]
    symbols: tuple[int, ...]


def bits_per_symbol(snr_db: float | None) -> float:
    """Information bits a symbol of the header's code; None for a sender that is not told the SNR."""
    snr = from_decibels((ROBUST_SNR_DB if snr_db is None else snr_db) - GAP_DB)
    return float(np.clip(np.log2(1 + snr), 0.1, 2.0))


def header_symbols(bits: int, snr_db: float | None) -> int:
    """Symbols that a header of so many bits occupies."""
    return int(np.ceil(bits / bits_per_symbol(snr_db)))


def qpsk(bits: NDArray[np.uint8], symbols: int) -> NDArray[np.complex64]:
    """The header's place in the frame: its bits, repeated, as `symbols` QPSK symbols of energy 1."""
    pattern = np.resize(bits if len(bits) else np.zeros(1, np.uint8), 2 * symbols).astype(
        np.float32
    )
    axes = (1 - 2 * pattern) / np.float32(np.sqrt(2))
    return (axes[0::2] + 1j * axes[1::2]).astype(np.complex64)


def total_symbols(height: int, width: int, cbr: float) -> int:
    """Complex symbols of a picture: CBR times 3 * height * width, rounded up, at least 1."""
    return max(1, int(np.ceil(cbr * 3 * height * width - 1e-9)))


def noise_per_symbol(
    received: NDArray[np.complexfloating],
    no: NDArray[np.floating] | float,
    header: SideInformationHeader,
    symbols: int,
) -> NDArray[np.float64]:
    """Check what arrived and spread the noise variance over it.

    Args:
        received: complex [B, symbols]; any B if the header is of one picture (many channel states).
        no: Noise variance of each symbol, [], [B] or [B, symbols].
        header: Side information.
        symbols: Symbols of one picture.

    Returns:
        float64 [B, symbols], the noise variance of each symbol.

    Raises:
        ValueError: If shapes do not fit or a variance is not positive and finite.
    """
    pictures = len(header.bits)
    wanted = (received.shape[0] if received.ndim and pictures == 1 else pictures, symbols)
    if received.shape != wanted:
        raise ValueError(
            f"received has shape {received.shape}; the header is of a batch of shape {wanted}"
        )
    noise = np.asarray(no, dtype=np.float64)
    if noise.ndim == 1:
        noise = noise[:, None]
    if noise.shape not in {(), (wanted[0], 1), wanted}:
        raise ValueError(
            f"no has shape {np.shape(no)}; give one variance, one a picture, or {wanted}"
        )
    if not (np.isfinite(noise).all() and (noise > 0).all()):
        raise ValueError(
            f"no spans {noise.min()} to {noise.max()}; give positive, finite noise variances"
        )
    return np.broadcast_to(noise, wanted)


def checked_snr_db(csi: object) -> float | None:
    """The SNR in dB that a sender is told, or None.

    Args:
        csi: None, or anything with a finite `snr_db`.

    Raises:
        ValueError: If `snr_db` is not finite.
    """
    if csi is None:
        return None
    snr_db = float(csi.snr_db)  # type: ignore[attr-defined]
    if not np.isfinite(snr_db):
        raise ValueError(f"csi.snr_db is {snr_db}; give a finite SNR in dB, or None")
    return snr_db


def interleaver(length: int) -> NDArray[np.int64]:
    """A fixed permutation of channel uses, so that power and fades spread over the whole frame."""
    return np.random.default_rng(length).permutation(length)
