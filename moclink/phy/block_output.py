"""The output of a channel block, converted to equalised symbols and their noise variance.

Blocks return one of three things (`RETURNS`):

    "y"          y                received symbols: x + w
    "gains"      (y, h)           received symbols and the gains known to the receiver: h x + w
    "equalized"  (x_hat, no_eff)  equalised symbols and the noise variance that each is left with

A block says which by an attribute `returns` of that value. Without one, one output is "y", a pair
whose second part is complex is "gains", and a pair whose second part is real is "equalized".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.phy.noise import MIN_POWER
from moclink.phy.tensors import tensor, to_numpy

READINGS = "y, (y, h) or (x_hat, no_eff) is wanted"
RETURNS = ("auto", "y", "gains", "equalized")
FIT = (0.5, 2.0)  # mean squared error over the variance claimed for it, if the claim is right
BETTER = 0.5  # nats a symbol by which another reading explains the output better
ENOUGH = 64  # symbols for a judgement: then the mean of Exp(1) is within FIT, and BETTER is 32 nats


def equalized(
    output: Any, sent: NDArray[np.complex64], no: float, returns: str, vectors: int = 0
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Equalise the output of a channel block.

    With gains known, y = h x + w: one gain per symbol is divided out; the gains [S, M] of M receive
    antennas are combined (maximum ratio); with `vectors` = K the gains are matrices [S / K, M, K],
    and the symbols are detected by LMMSE, without bias.

    Args:
        output: What the block returned.
        sent: What it was given, complex64 [S].
        no: Noise variance it was given.
        returns: One of `RETURNS`.
        vectors: Symbols that are sent at the same time from as many antennas; 0 for one at a time.

    Returns:
        (complex64 [S], float32 [S]).

    Raises:
        ValueError: If the output is not what `returns` says, has another shape, is not finite, or a
            variance is not positive.
    """
    several = output if isinstance(output, tuple | list) else (output,)
    parts = [to_numpy(part) for part in several]
    if none := [part for part, found in zip(several, parts, strict=True) if found.dtype.hasobject]:
        raise ValueError(f"it returned {type(none[0]).__name__}; {READINGS}")
    kind = _kind(parts, returns)
    y = parts[0]
    if not np.iscomplexobj(y):
        raise ValueError(f"it returned symbols of type {y.dtype}; complex symbols are wanted")
    _finite("received symbols", y)
    if kind == "gains":
        _finite("gains", parts[1])
        _check_order(sent, y, parts[1], no)
        x_hat, variances = _with_gains(y, parts[1], sent.size, no, vectors)
    else:
        x_hat = _symbols("received symbols", y, sent.size)
        variances = np.full(sent.size, no) if kind == "y" else _per_symbol(parts[1], sent.size)
    _finite("noise variances", variances)
    if variances.size and variances.min() <= 0:
        raise ValueError(
            f"it returned a noise variance of {variances.min():g}; it must be positive"
        )
    if kind == "equalized" and returns == "auto":
        _check_reading(sent, y, parts[1], no)
    return x_hat.astype(np.complex64), variances.astype(np.float32)


def _kind(parts: list[NDArray], returns: str) -> str:
    """Which of the three was returned."""
    number = {"auto": (1, 2), "y": (1,)}.get(returns, (2,))
    if len(parts) not in number:
        shapes = ", ".join(f"{part.dtype} {list(part.shape)}" for part in parts)
        wanted = READINGS if returns == "auto" else f"returns={returns} is set"
        raise ValueError(f"it returned {len(parts)} of {shapes}; {wanted}")
    if len(parts) == 1:
        return "y"
    is_complex = np.iscomplexobj(parts[1])
    if returns == "equalized" and is_complex:
        raise ValueError(f"it returned noise variances of type {parts[1].dtype}; they are real")
    return returns if returns != "auto" else "gains" if is_complex else "equalized"


def _with_gains(
    y: NDArray, h: NDArray, count: int, no: float, vectors: int
) -> tuple[NDArray, NDArray[np.floating]]:
    """Divide out, combine or detect."""
    if vectors:
        return _detect(y, h, count, no, vectors)
    if y.size == count and h.size in (1, count):
        h = np.broadcast_to(np.ravel(h), count)
        power = np.maximum(np.abs(h) ** 2, MIN_POWER)
        return np.ravel(y) * np.conj(h) / power, no / power
    if y.shape == h.shape and y.ndim >= 2 and y.size == count * y.shape[-1]:
        y, h = y.reshape(count, -1), h.reshape(count, -1)
        power = np.maximum(np.sum(np.abs(h) ** 2, axis=1), MIN_POWER)
        return np.sum(np.conj(h) * y, axis=1) / power, no / power
    raise ValueError(
        f"it returned received symbols {list(y.shape)} and gains {list(h.shape)} for {count} symbols; a gain "
        "a symbol, one gain for all, or both [..., S, M] for M receive antennas are wanted"
    )


def _detect(
    y: NDArray, h: NDArray, count: int, no: float, vectors: int
) -> tuple[NDArray, NDArray[np.floating]]:
    """LMMSE detection of vectors of symbols."""
    from sionna.phy.mimo import lmmse_equalizer

    uses = count // vectors
    antennas = y.size // uses if y.size % uses == 0 else 0
    if not antennas or h.size != y.size * vectors:
        raise ValueError(
            f"it returned received vectors {list(y.shape)} and gains {list(h.shape)} for {uses} vectors of "
            f"{vectors} symbols; y [{uses}, M] and h [{uses}, M, {vectors}] are wanted"
        )
    y = y.reshape(uses, antennas).astype(np.complex128)
    h = h.reshape(uses, antennas, vectors).astype(np.complex128)
    covariance = np.broadcast_to(
        no * np.eye(antennas, dtype=np.complex128), (uses, antennas, antennas)
    )
    tensors = [tensor(values) for values in (y, h, covariance)]
    # In double precision: Sionna takes 1 from a number close to 1 to find the variance.
    x_hat, no_eff = lmmse_equalizer(*tensors, precision="double")
    return np.ravel(to_numpy(x_hat)), np.ravel(to_numpy(no_eff))


def _symbols(what: str, values: NDArray, count: int) -> NDArray:
    if values.size != count:
        raise ValueError(f"it returned {what} of shape {list(values.shape)} for {count} symbols")
    return np.ravel(values)


def _per_symbol(variances: NDArray, count: int) -> NDArray:
    if variances.size == 1:
        return np.full(count, float(np.ravel(variances)[0]))
    return _symbols("noise variances", variances, count)


def _finite(what: str, values: NDArray) -> None:
    bad = values.size - np.count_nonzero(np.isfinite(values))
    if bad:
        raise ValueError(
            f"{bad} of the {values.size} {what} that it returned are not finite numbers"
        )


def _check_reading(sent: NDArray, y: NDArray, second: NDArray, no: float) -> None:
    """Refuse real gains that nobody declared: taken for noise variances they would give wrong figures."""
    if sent.size < ENOUGH or second.size not in (1, sent.size):
        return
    y, second = np.ravel(y), np.broadcast_to(np.ravel(second), sent.size)
    as_variances = np.mean(np.abs(y - sent) ** 2 / second + np.log(second))
    as_gains = np.mean(np.abs(y - second * sent) ** 2) / no
    if FIT[0] < as_gains < FIT[1] and as_variances - (as_gains + np.log(no)) > BETTER:
        raise ValueError(
            "it returned real numbers beside the symbols that fit gains h of y = h x + w, not noise "
            'variances; declare them: returns=gains (or the attribute returns = "gains" of the block)'
        )


def _check_order(sent: NDArray, y: NDArray, h: NDArray, no: float) -> None:
    """Refuse gains that stand before the received symbols: divided out they would give 1 / x."""
    if sent.size < ENOUGH or not y.size == h.size == sent.size:
        return
    y, h = np.ravel(y), np.ravel(h)
    as_given = np.mean(np.abs(y - h * sent) ** 2) / no
    exchanged = np.mean(np.abs(h - y * sent) ** 2) / no
    if FIT[0] < exchanged < FIT[1] and as_given > 2 * FIT[1]:
        raise ValueError(
            "it returned gains h before received symbols y = h x + w; (y, h) is the order"
        )
