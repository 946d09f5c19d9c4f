"""Checks of what a user-defined codec or chain returns; each message names the remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.arguments import shorten
from moclink.constants import GREY
from moclink.errors import ChainError
from moclink.types import Decoded

OVERSHOOT = 8.0  # mean distance from mid-grey; noise in a linear decoder stays far below
CLEAN_RANGE = (-0.5, 1.5)  # of pictures that were received without noise
SAME = 1e-3  # of a pixel in [0, 1]: far above rounding, far below a step of 8 bits
TOLERANCE = 0.02  # of a number of symbols, as where results compare bandwidth ratios


def call_user_code(chain: str, what: str, function: Callable[[], Any]) -> Any:
    """Call a user-defined function.

    Raises:
        ChainError: Whatever goes wrong in it.
    """
    try:
        return function()
    except ChainError:
        raise
    except (Exception, SystemExit) as error:  # whatever goes wrong in somebody else's code
        raise ChainError(chain, f"{what} failed: {error_summary(error)}") from error


def error_summary(error: BaseException) -> str:
    """Kind and first line of an error."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def as_array(chain: str, method: str, returned: Any, wanted: str) -> NDArray[Any]:
    """What a method returned as an array of numbers.

    Raises:
        ChainError: If it is none, such as a pair of an array and a scale, or a dict.
    """
    try:
        values = np.asarray(returned)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of unlike shapes, other devices
        parts = ", ".join(map(_described, returned)) if isinstance(returned, list | tuple) else ""
        raise ChainError(
            chain,
            f"{method} returned {type(returned).__name__} of {parts or error_summary(error)}; one "
            f"array {wanted} is wanted",
        ) from error
    if values.dtype.hasobject:
        raise ChainError(
            chain, f"{method} returned {type(returned).__name__}; one array {wanted} is wanted"
        )
    return values


def whole_multiple(chain: str, value: Any) -> int:
    """The attribute `multiple` of a codec: a whole number from 1 up.

    Raises:
        ValueError: If it is something else.
    """
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not number or value < 1:
        raise ValueError(
            f"chain {chain}: multiple is {value!r}; a whole number of pixels from 1 up is wanted"
        )
    return int(value)


def checked_reals(chain: str, returned: Any, batch: int) -> NDArray[Any]:
    """Amplitudes that `encode` returned, float32 or complex64 [B, ...].

    Raises:
        ChainError: If they are no array of finite numbers of that batch, or all zero.
    """
    values = as_array(chain, "encode", returned, f"[{batch}, ...], one row per picture")
    if values.dtype.kind not in "fc":
        raise ChainError(
            chain,
            f"encode returned {values.dtype}; real or complex floats are wanted, or a codec of "
            "bits or indices that has the attribute alphabet (2, or the number of indices)",
        )
    if values.ndim < 2 or len(values) != batch or not values.size:
        raise ChainError(
            chain,
            f"encode returned {list(values.shape)}; [{batch}, ...], one row per picture, is wanted",
        )
    if not np.isfinite(values).all():
        raise ChainError(
            chain, "encode returned NaN or infinite values; look for 0 / 0 or overflow"
        )
    if not values.reshape(batch, -1).any(axis=1).all():
        raise ChainError(
            chain, "encode returned zeros alone, which have no power to be scaled to 1"
        )
    return values.astype(np.complex64 if values.dtype.kind == "c" else np.float32)


def checked_indices(
    chain: str, returned: Any, batch: int, alphabet: int
) -> list[NDArray[np.uint8]]:
    """Indices that `encode` returned, uint8 [K] of each picture.

    Raises:
        ChainError: If they are no whole numbers below the alphabet, or there are none.
    """
    if not isinstance(returned, Sequence | np.ndarray) or len(returned) != batch:
        raise ChainError(
            chain,
            f"encode returned {_described(returned)}; [{batch}, K], one row per picture, is wanted",
        )
    wanted = "rows of whole numbers"
    rows = [as_array(chain, "encode", row, wanted).reshape(-1) for row in returned]
    for row in rows:
        if row.dtype.kind not in "bui" or not row.size:
            raise ChainError(
                chain,
                f"encode returned {row.size} indices of {row.dtype}; whole numbers are wanted",
            )
        if row.min() < 0 or row.max() >= alphabet:
            raise ChainError(
                chain,
                f"encode returned indices from {row.min()} to {row.max()}; its alphabet is "
                f"{alphabet}: 0 to {alphabet - 1}",
            )
    return [row.astype(np.uint8) for row in rows]


def checked_count(
    chain: str, count: int, allowed: float | None, size: tuple[int, int], unit: str = "symbols"
) -> None:
    """Check that no more is sent of a picture than its channel bandwidth ratio allows.

    Raises:
        ChainError: If it is more.
    """
    if allowed is not None and count > allowed * (1 + TOLERANCE) + 1:
        raise ChainError(
            chain,
            f"encode made {count} {unit} of {size[0]} x {size[1]} pixels, and the stated CBR allows "
            f"{int(allowed)}; send fewer, state another cbr, or say by the attribute multiple to "
            "which multiple of pixels sides are padded",
        )


def decoded_rows(
    chain: str,
    decode: Callable[[slice], Any],
    batch: int,
    size: tuple[int, int],
    clean: bool = False,
) -> Decoded:
    """Decode a batch; rows that fail are outages, each with its problem.

    Args:
        chain: Name of the chain, for messages.
        decode: Rows to decode -> pictures [n, H, W, 3], or a list of them with None for an outage.
        batch: Number of rows.
        size: Height and width of the pictures.
        clean: Whether there was no noise, so that pictures must keep to the range.
    """
    found: list[NDArray[np.float32] | str | None]
    try:
        # By itself first, so that the whole batch is what a decoder has seen last.
        alone = [_picture(chain, image, size, clean) for image in _rows(chain, decode, 0, 1)]
        found = list(alone)
        if batch > 1:
            rows = _rows(chain, decode, 0, batch)
            found = [_picture(chain, image, size, clean) for image in rows]
            _check_row(chain, found[0], alone[0])
    except ChainError:  # of some row or of all: one by one, so that the others are kept
        found = []
        for row in range(batch):
            try:
                (image,) = _rows(chain, decode, row, row + 1)
                found.append(_picture(chain, image, size, clean))
            except ChainError as error:
                found.append(error.problem)
    images = np.full((batch, *size, 3), GREY, np.float32)
    ok, problems = np.zeros(batch, bool), []
    for row, image in enumerate(found):
        problems.append(image if isinstance(image, str) else "")
        if isinstance(image, np.ndarray):
            images[row], ok[row] = image, True
    return Decoded(images, ok, tuple(problems) if any(problems) else ())


def _rows(chain: str, decode: Callable[[slice], Any], start: int, stop: int) -> Any:
    """What `decode` returns of some rows, if it is one picture per row."""
    returned = call_user_code(chain, "decode", lambda: decode(slice(start, stop)))
    if not isinstance(returned, Sequence | np.ndarray):
        if not hasattr(returned, "__array__"):
            raise ChainError(
                chain, f"decode returned {_described(returned)}; pictures [B, H, W, 3] are wanted"
            )
        returned = as_array(chain, "decode", returned, "pictures [B, H, W, 3]")
    if len(returned) != stop - start:
        raise ChainError(
            chain, f"decode returned {len(returned)} pictures of {stop - start}; one each is wanted"
        )
    return returned


def _check_row(chain: str, within: Any, alone: Any) -> None:
    """Raise ChainError if a row is another one in a batch than by itself.

    A network left in training mode normalises over the batch: rows would depend on which others
    are decoded with them.
    """
    lost = within is None, alone is None
    if any(lost) and not all(lost) or not any(lost) and np.abs(within - alone).max() > SAME:
        raise ChainError(chain, "decode mixes the rows of a batch")


def _picture(
    chain: str, returned: Any, size: tuple[int, int], clean: bool
) -> NDArray[np.float32] | None:
    """One picture, float32 [H, W, 3] clipped to [0, 1]; None for an outage."""
    if returned is None:
        return None
    image = as_array(chain, "decode", returned, f"a picture {[*size, 3]}")
    if image.shape != (*size, 3):
        raise ChainError(
            chain, f"decode returned a picture {list(image.shape)}; {[*size, 3]} is wanted"
        )
    if image.dtype.kind != "f":
        raise ChainError(
            chain, f"decode returned {image.dtype}; floats in [0, 1] are wanted (divide by 255?)"
        )
    if not np.isfinite(image).all():
        raise ChainError(chain, "decode returned NaN or infinite values; clip what it divides by")
    low, high = float(image.min()), float(image.max())
    beyond = clean and (low < CLEAN_RANGE[0] or high > CLEAN_RANGE[1])
    scaled = np.abs(image - GREY).mean() > OVERSHOOT or (low >= 0 and high > OVERSHOOT)
    if beyond or scaled:
        raise ChainError(
            chain,
            f"decode returned values from {low:.3g} to {high:.3g}; [0, 1] is wanted "
            "(of 0 to 255 divide by 255, of -1 to 1 add 1 and halve)",
        )
    return np.clip(image, 0, 1).astype(np.float32)


def _described(value: Any) -> str:
    return (
        f"{type(value).__name__} {list(value.shape)}" if hasattr(value, "shape") else shorten(value)
    )
