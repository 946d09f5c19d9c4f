"""Unit power: the one place where the symbols of every chain are scaled to E|x|^2 = 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.chain_inputs import check_unmasked
from moclink.types import Header, Transmission


def unit_power(transmission: Transmission) -> Transmission:
    """Scale each row of symbols to a mean energy of 1, and say in the header by how much.

    The receiver undoes it with `undo_scale`. A silent row stays as it is.
    """
    energy = transmission.energy
    scale = 1 / np.sqrt(np.where(energy > 0, energy, 1.0))
    symbols = (transmission.symbols * scale[:, None].astype(np.float32)).astype(np.complex64)
    header = replace(transmission.header, scale=tuple(map(float, scale)), symbols=symbols.shape[1])
    return replace(transmission, symbols=symbols, header=header)


def undo_scale(
    received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Received symbols [B, S] and noise variances [B] or [B, S] at the scale before `unit_power`.

    Raises:
        ValueError: See `check_received`.
    """
    received, no = check_received(received, no, header)
    if set(header.scale) == {1.0}:
        return received, no
    scale = np.broadcast_to(np.array(header.scale, np.float32), len(received))
    variance = no / scale**2 if no.ndim == 1 else no / scale[:, None] ** 2
    return (received / scale[:, None]).astype(np.complex64), variance.astype(np.float32)


def check_received(
    received: Any, no: Any, header: Header
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """What a receiver is given, as arrays of the right shapes.

    Args:
        received: Equalised symbols, complex [B, S].
        no: Noise variances [B] or [B, S], or one number for all.
        header: The header of their transmission.

    Raises:
        ValueError: If the header is none; if symbols are no finite complex numbers [B, S], or not as
            many as were sent; or if variances are not positive and finite, or are not one for each
            row or each symbol.
    """
    if not isinstance(header, Header):
        raise ValueError(
            f"header is {header!r}; give the header of the transmission, as transmit returned it"
        )
    check_unmasked(received, "received")
    symbols, variances = np.asarray(received), np.asarray(no)
    if symbols.dtype.kind != "c" or symbols.ndim != 2:
        raise ValueError(
            f"received is {symbols.dtype} {list(symbols.shape)}; complex symbols [B, S] are wanted"
        )
    if header.symbols and symbols.shape[1] != header.symbols:
        raise ValueError(
            f"received has {symbols.shape[1]} symbols a row, and the transmission of this header "
            f"{header.symbols}; give the header of what was received, and all of its symbols"
        )
    if variances.ndim == 0:
        variances = np.full(len(symbols), variances)
    if variances.shape not in (symbols.shape[:1], symbols.shape):
        raise ValueError(
            f"received {list(symbols.shape)} and no {list(variances.shape)}: one noise variance is "
            "wanted for each row, or each symbol"
        )
    if variances.dtype.kind not in "fiu" or not (
        np.isfinite(variances).all() and (variances > 0).all()
    ):
        raise ValueError("no holds what is no noise variance; positive, finite numbers are wanted")
    if not np.isfinite(symbols).all():
        raise ValueError(
            "received holds NaN or infinite symbols; look at the channel that gave them"
        )
    return symbols.astype(np.complex64, copy=False), variances.astype(np.float32, copy=False)
