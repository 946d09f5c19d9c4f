"""What the methods of chains are given: images, the state of the channel, headers, indices."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from moclink.types import ChannelState, Header

C = TypeVar("C", bound=Callable[..., Any])


def usual_float_errors(method: C) -> C:
    """Decorate a method: whatever a caller's `numpy.errstate` says, underflow to 0 is no error."""
    decorated: C = np.errstate(all="warn", under="ignore")(method)
    return decorated


def check_unmasked(array: Any, name: str) -> None:
    """Raise ValueError for a masked array, whose mask would be dropped."""
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array; fill what is masked first, with .filled(0)")


def check_sent(images: Any, csi: Any) -> NDArray[np.float32]:
    """Images as an array; lists and tensors become one.

    Args:
        images: float [B, H, W, 3] in [0, 1]. Their range is looked at by who codes them.
        csi: A `ChannelState`, or None.

    Raises:
        ValueError: If images have another shape, or csi is something else.
    """
    check_unmasked(images, "images")
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[3] != 3 or not array.size:
        raise ValueError(
            f"images have shape {list(array.shape)}; they must be [B, H, W, 3], of one image image[None]"
        )
    snr_db = getattr(csi, "snr_db", None)
    number = isinstance(snr_db, Real) and not isinstance(snr_db, bool) and math.isfinite(snr_db)
    if csi is not None and not (isinstance(csi, ChannelState) and number):
        raise ValueError(
            f"csi is {csi!r}; give the state of the channel, moclink.types.ChannelState(snr_db=10.0)"
        )
    return array


def check_lengths(header: Header, count: int) -> None:
    """Raise ValueError unless the header's lengths are from 0 to the `count` indices of a row."""
    if not 0 <= min(header.lengths, default=-1) <= max(header.lengths) <= count:
        raise ValueError(
            f"the header has lengths {list(header.lengths)}, and {count} indices were received; give "
            "the header of what was received"
        )


def check_counted(sent: NDArray[np.uint8], received: NDArray[np.uint8], alphabet: int) -> None:
    """Raise ValueError for indices sent that cannot be those that were received.

    Args:
        sent: [B, K].
        received: [B', K'], K' >= K.
        alphabet: Values of an index.
    """
    if sent.shape[1] > received.shape[1] or sent.max(initial=0) >= alphabet:
        raise ValueError(
            f"{sent.shape[1]} indices up to {sent.max(initial=0)} were sent, and {received.shape[1]} "
            f"below {alphabet} received; give the transmission of what was received"
        )
