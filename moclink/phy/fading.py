"""Fading channels as Sionna blocks, equalised: what `SemanticLink` puts between mapper and demapper.

Each block here is called as block(x, no) on the symbols x [B, S] of B pictures and gives the
equalised symbols with their effective noise variances, so it stands wherever Sionna's AWGN does.
A block of one's own needs no more than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from sionna.phy import Block
from sionna.phy.channel import AWGN, GenerateFlatFadingChannel, OFDMChannel
from sionna.phy.channel.tr38901 import TDL
from sionna.phy.mimo import StreamManagement
from sionna.phy.ofdm import (
    LMMSEEqualizer,
    LSChannelEstimator,
    RemoveNulledSubcarriers,
    ResourceGrid,
    ResourceGridMapper,
)

MIN_POWER = 1e-12  # of a channel gain, so that a dead symbol divides by something
OFDM_SYMBOLS = 14  # of a slot in 5G
PILOT_SYMBOLS = (2, 11)
SUBCARRIER_SPACING = 30e3
CARRIER_FREQUENCY = 3.5e9


def divide_out(y: Any, h: Any, no: Any) -> tuple[Any, Any]:
    """Equalise with a known gain: y / h = x + w / h, and w / h has the variance no / |h|^2.

    Args:
        y: complex64 [B, S].
        h: complex64 [B, S].
        no: Noise variance, float32 [B].

    Returns:
        (y / h, complex64 [B, S]; no / |h|^2, float32 [B, S]).
    """
    power = tf.maximum(tf.math.real(h) ** 2 + tf.math.imag(h) ** 2, MIN_POWER)
    return y * tf.math.conj(h) / tf.cast(power, y.dtype), no[:, None] / power


class RayleighFading(Block):
    """Flat Rayleigh fading, y = h x + w with h ~ CN(0, 1) known at the receiver.

    Args:
        coherence: Symbols in a row that share one gain; None for one gain a picture (block fading), 1
            for a gain a symbol.
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

    def __init__(self, coherence: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if coherence is not None and coherence < 1:
            raise ValueError(f"coherence is {coherence} symbols; it must be at least 1, or None")
        self._coherence = coherence
        self._gains = GenerateFlatFadingChannel(1, 1)
        self._awgn = AWGN()

    def call(self, x: Any, no: Any) -> tuple[Any, Any]:
        """Fade, add noise, divide the gain out."""
        batch, symbols = tf.shape(x)[0], tf.shape(x)[1]
        together = symbols if self._coherence is None else self._coherence
        blocks = -(-symbols // together)
        gains = tf.reshape(self._gains(batch * blocks), [batch, blocks])
        h = tf.ensure_shape(tf.repeat(gains, together, axis=1)[:, :symbols], x.shape)
        return divide_out(self._awgn(h * x, no), h, no)


class TDLOverOFDM(Block):
    """A 3GPP tapped delay line behind OFDM: resource grid, channel, channel estimate, equaliser.

    The symbols of a picture fill as many slots of 14 OFDM symbols at 30 kHz spacing as they need, two
    of these 14 being pilots. Every slot meets its own realisation of the TDL at 3.5 GHz, of unit mean
    power over the realisations; subcarriers fade with the delay spread, OFDM symbols with the speed.
    `no` is per resource element: the energy of pilots and cyclic prefix is not counted in the SNR.

    Args:
        model: Power delay profile of TR 38.901, "A" to "E".
        delay_spread: RMS delay spread in seconds.
        speed: Speed of the receiver in m/s.
        fft_size: Subcarriers; 12 make a resource block.
        csi: "perfect" for the channel known at the receiver, "ls" for least squares on the pilots,
            interpolated linearly.
        **kwargs: Arguments of `sionna.phy.Block`.

    Input:
        x: complex64 [B, S].
        no: Noise variance per resource element, float32 [B].

    Output:
        x_hat: Equalised symbols (LMMSE, bias removed), complex64 [B, S].
        no_eff: Their effective noise variance, float32 [B, S].

    Raises:
        ValueError: If `csi` is neither "perfect" nor "ls".

    Reference: 3GPP TR 38.901, clause 7.7.2.
    """

    def __init__(
        self,
        model: str = "A",
        delay_spread: float = 100e-9,
        speed: float = 0.0,
        fft_size: int = 72,
        csi: str = "perfect",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if csi not in ("perfect", "ls"):
            raise ValueError(f"csi is {csi!r}; it must be 'perfect' or 'ls'")
        self._csi = csi
        grid = ResourceGrid(
            OFDM_SYMBOLS,
            fft_size,
            SUBCARRIER_SPACING,
            pilot_pattern="kronecker",
            pilot_ofdm_symbol_indices=list(PILOT_SYMBOLS),
        )
        self._slot = int(grid.num_data_symbols)
        tdl = TDL(model, delay_spread, CARRIER_FREQUENCY, min_speed=speed)
        self._map = ResourceGridMapper(grid)
        self._channel = OFDMChannel(tdl, grid, return_channel=True)
        self._active = RemoveNulledSubcarriers(grid)
        self._estimate = LSChannelEstimator(grid, interpolation_type="lin")
        self._equalize = LMMSEEqualizer(grid, StreamManagement(np.array([[1]]), 1))

    def call(self, x: Any, no: Any) -> tuple[Any, Any]:
        """Map to slots, send, estimate, equalise, read the slots out."""
        batch, symbols = tf.shape(x)[0], tf.shape(x)[1]
        slots = -(-symbols // self._slot)
        filled = tf.pad(x, [[0, 0], [0, slots * self._slot - symbols]])
        no = tf.repeat(no, slots)
        y, h = self._channel(self._map(tf.reshape(filled, [-1, 1, 1, self._slot])), no)
        if self._csi == "perfect":
            h_hat, err_var = self._active(h), tf.zeros([], no.dtype)
        else:
            h_hat, err_var = self._estimate(y, no)
        x_hat, no_eff = self._equalize(y, h_hat, err_var, no)
        outputs = (tf.reshape(out, [batch, -1])[:, :symbols] for out in (x_hat, no_eff))
        return tuple(tf.ensure_shape(out, x.shape) for out in outputs)
