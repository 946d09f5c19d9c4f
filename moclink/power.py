"""Unit power: the one place where the symbols of every chain are scaled to E|x|^2 = 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moclink.types import Header, Transmission


def unit_power(transmission: Transmission) -> Transmission:
    """Scale each row of symbols to a mean energy of 1, and say in the header by how much.

    The receiver undoes it with `undo_scale`. A silent row stays as it is.
    """
    energy = transmission.energy
    scale = 1 / np.sqrt(np.where(energy > 0, energy, 1.0))
    symbols = (transmission.symbols * scale[:, None].astype(np.float32)).astype(np.complex64)
    return replace(
        transmission,
        symbols=symbols,
        header=replace(transmission.header, scale=tuple(map(float, scale))),
    )


def undo_scale(
    received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Received symbols [B, S] and noise variances [B] or [B, S] at the scale before `unit_power`.

    Raises:
        ValueError: If there are not as many variances as received rows.
    """
    if len(no) != len(received):
        raise ValueError(
            f"received {list(received.shape)} and no {list(no.shape)}: one noise variance is wanted "
            "for each row, or each symbol"
        )
    if set(header.scale) == {1.0}:
        return received, no
    scale = np.broadcast_to(np.array(header.scale, np.float32), len(received))
    variance = no / scale**2 if no.ndim == 1 else no / scale[:, None] ** 2
    return (received / scale[:, None]).astype(np.complex64), variance.astype(np.float32)
