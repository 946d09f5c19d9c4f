"""Flat fading as a Sionna block, equalised: what `SemanticLink` puts between mapper and demapper.

The block is called as block(x, no) on the symbols x [B, S] of B images and gives the equalised
symbols with their effective noise variances, so it can be used wherever Sionna's AWGN can. A block
of your own needs no more than that; see docs/channels.md.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sionna.phy import Block
from sionna.phy.channel import AWGN, GenerateFlatFadingChannel

from moclink.phy import tensors

MIN_POWER = 1e-12  # of a channel gain, so that a symbol in a deep fade stays finite


def divide_out(y: Any, h: Any, no: Any) -> tuple[Any, Any]:
    """Equalise with a known gain: y / h = x + w / h, and w / h has the variance no / |h|^2.

    Args:
        y: complex64 [B, S].
        h: complex64 [B, S].
        no: Noise variance, float32 [B] or [B, S], or a number.

    Returns:
        (y / h, complex64 [B, S]; no / |h|^2, float32 [B, S]).
    """
    power = tensors.at_least(tensors.real(h) ** 2 + tensors.imag(h) ** 2, MIN_POWER)
    each = no[:, None] if _rank(no, 1) == 1 else no
    return y * tensors.conj(h) / tensors.astype(power, y.dtype), each / power


def _rank(value: Any, unknown: int) -> int:
    """Axes of a tensor, an array or a number; `unknown` where a graph does not know them."""
    shape = getattr(value, "shape", ())
    return unknown if getattr(shape, "rank", 0) is None else len(shape)


def check_symbols(x: Any, no: Any, per_symbol: bool = True) -> Any:
    """What a block on symbols is called with; returns the noise variance.

    Args:
        x: Should be complex [B, S].
        no: Should be a number, or [B]; or [B, 1] or [B, S] if it may differ from symbol to symbol.
        per_symbol: Whether it may; if not, what is returned is [B].

    Raises:
        ValueError: If one is something else.
    """
    if _rank(x, 2) != 2 or "complex" not in str(x.dtype):
        raise ValueError(f"x is {x.dtype} of shape {x.shape}; complex symbols [B, S] are wanted")
    axes = _rank(no, 1)
    if axes > (2 if per_symbol else 1):
        wanted = "a number, [B] or [B, S]" if per_symbol else "a number or [B]"
        raise ValueError(f"no has the shape {tuple(no.shape)}; {wanted} is wanted")
    if axes == 0 and not per_symbol:
        return tensors.zeros([tensors.shape(x)[0]], "float32") + no
    return no


class RayleighFading(Block):
    """Flat Rayleigh fading, y = h x + w with h ~ CN(0, 1) known at the receiver.

    Args:
        coherence: Symbols in a row that share one gain; None for one gain per image (block fading),
            1 for one gain per symbol.
        **kwargs: Arguments of `sionna.phy.Block`.

    Input:
        x: complex64 [B, S].
        no: Noise variance per complex symbol, float32 [B] or [B, S], or a number.

    Output:
        x_hat: Equalised symbols y / h, complex64 [B, S].
        no_eff: Their noise variance no / |h|^2, float32 [B, S].

    Raises:
        ValueError: If `coherence` is no whole number from 1 up, or inputs are something else.
    """

    returns = "equalized"

    def __init__(self, coherence: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if coherence is not None and not (isinstance(coherence, Integral) and coherence >= 1):
            raise ValueError(
                f"coherence is {coherence} symbols; it must be a whole number from 1 up, or None"
            )
        self._coherence = coherence
        self._gains = GenerateFlatFadingChannel(1, 1)
        self._awgn = AWGN()

    def call(self, x: Any, no: Any) -> tuple[Any, Any]:
        """Fade, add noise, divide the gain out."""
        no = check_symbols(x, no)
        batch, symbols = tensors.shape(x)[0], tensors.shape(x)[1]
        together = symbols if self._coherence is None else self._coherence
        blocks = -(-symbols // together)
        gains = tensors.reshape(self._gains(batch * blocks), [batch, blocks])
        h = tensors.with_shape_of(tensors.repeat(gains, together, axis=1)[:, :symbols], x)
        return divide_out(self._awgn(h * x, no), h, no)
