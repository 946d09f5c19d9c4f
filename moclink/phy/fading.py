"""Flat fading as a Sionna block, equalised: what `SemanticLink` puts between mapper and demapper.

The block is called as block(x, no) on the symbols x [B, S] of B images and gives the equalised
symbols with their effective noise variances, so it can be used wherever Sionna's AWGN can. A block
of your own needs no more than that; see docs/channels.md.
"""

from __future__ import annotations

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
        no: Noise variance, float32 [B].

    Returns:
        (y / h, complex64 [B, S]; no / |h|^2, float32 [B, S]).
    """
    power = tensors.at_least(tensors.real(h) ** 2 + tensors.imag(h) ** 2, MIN_POWER)
    return y * tensors.conj(h) / tensors.astype(power, y.dtype), no[:, None] / power


class RayleighFading(Block):
    """Flat Rayleigh fading, y = h x + w with h ~ CN(0, 1) known at the receiver.

    Args:
        coherence: Symbols in a row that share one gain; None for one gain per image (block fading),
            1 for one gain per symbol.
        **kwargs: Arguments of `sionna.phy.Block`.

    Input:
        x: complex64 [B, S].
        no: Noise variance per complex symbol, float32 [B].

    Output:
        x_hat: Equalised symbols y / h, complex64 [B, S].
        no_eff: Their noise variance no / |h|^2, float32 [B, S].

    Raises:
        ValueError: If `coherence` is below 1.
    """

    returns = "equalized"

    def __init__(self, coherence: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if coherence is not None and coherence < 1:
            raise ValueError(f"coherence is {coherence} symbols; it must be at least 1, or None")
        self._coherence = coherence
        self._gains = GenerateFlatFadingChannel(1, 1)
        self._awgn = AWGN()

    def call(self, x: Any, no: Any) -> tuple[Any, Any]:
        """Fade, add noise, divide the gain out."""
        batch, symbols = tensors.shape(x)[0], tensors.shape(x)[1]
        together = symbols if self._coherence is None else self._coherence
        blocks = -(-symbols // together)
        gains = tensors.reshape(self._gains(batch * blocks), [batch, blocks])
        h = tensors.with_shape_of(tensors.repeat(gains, together, axis=1)[:, :symbols], x)
        return divide_out(self._awgn(h * x, no), h, no)
