"""OFDM over 3GPP channel models, equalised, as Sionna blocks.

The symbols of an image fill as many slots of 14 OFDM symbols as they need, two of these 14 being
pilots (symbols 2 and 11 on every subcarrier, as the front-loaded and the additional DM-RS of 5G).
Every slot has its own realisation of the channel model; within a slot, subcarriers fade with the
delay spread and OFDM symbols with the speed. Transmission is simulated per resource element, y = H
x + w: the cyclic prefix is assumed to be longer than the impulse response, and the Doppler shift
small against the subcarrier spacing.

SNR: `no` is the noise variance per resource element and receive antenna, the mean gain of the
channel is 1, so 1 / no is the mean Es/N0 of a data symbol. The energy of pilots (1/7 of the
resource elements) and of the cyclic prefix (1/15 of the time) is not counted in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sionna.phy import Block
from sionna.phy.channel import ChannelModel, OFDMChannel
from sionna.phy.channel.tr38901 import CDL, TDL, PanelArray
from sionna.phy.mimo import StreamManagement, lmmse_equalizer
from sionna.phy.ofdm import (
    LSChannelEstimator,
    OFDMEqualizer,
    RemoveNulledSubcarriers,
    ResourceGrid,
    ResourceGridMapper,
)

from moclink.constants import OFDM_CSI
from moclink.phy import engine, tensors
from moclink.phy.channel_estimation import OFDM_SYMBOLS, PILOT_SYMBOLS, error_gain
from moclink.phy.fading import check_symbols

CALL = 2**14  # about so many symbols go through a channel model at once, which bounds the memory
MIN_VARIANCE = 1e-30  # beyond 150 dB nothing is left of no_eff in double precision


class OFDMLink(Block):
    """OFDM over a channel model: resource grid, channel, channel estimate, LMMSE detection.

    With K streams, symbols are dealt to the streams in turn (the layer mapping of TS 38.211,
    7.3.1.3). Each stream has unit energy and its own transmit antenna.

    The noise variance `no_eff` of the detected symbols counts noise, the other streams and, with
    csi="ls", the noise of the estimated channel; not the error of interpolating the channel between
    the pilots in time (large at high speed) and, with several streams, in frequency (large at high
    delay spread).

    Args:
        channel_model: TDL, CDL or any other channel model of Sionna with K transmit antennas.
        streams: Streams, K; `fft_size` must be a multiple.
        fft_size: Subcarriers; 12 make a resource block.
        csi: "perfect" for the channel known at the receiver, "ls" for least squares on the pilots,
            interpolated linearly.
        subcarrier_spacing: In Hz.
        **kwargs: Arguments of `sionna.phy.Block`.

    Input:
        x: complex64 [B, S].
        no: Noise variance per resource element and receive antenna, float32 [B], or a number.

    Output:
        x_hat: Detected symbols (LMMSE, bias removed), complex64 [B, S].
        no_eff: Their effective noise variance, float32 [B, S].

    Attributes:
        error_gain: Noise variance of the channel estimate over that of the received signal; see the
            function `error_gain`.

    Raises:
        ValueError: If `csi` is neither "perfect" nor "ls", streams do not divide the subcarriers,
            or inputs are something else.
    """

    returns = "equalized"

    def __init__(
        self,
        channel_model: ChannelModel,
        streams: int = 1,
        fft_size: int = 72,
        csi: str = "perfect",
        subcarrier_spacing: float = 30e3,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if csi not in OFDM_CSI:
            raise ValueError(f"csi is {csi!r}; it must be 'perfect' or 'ls'")
        if fft_size < 1 or fft_size % streams:
            raise ValueError(
                f"{fft_size} subcarriers: a multiple of the {streams} streams is needed, as their pilots "
                "take turns"
            )
        with engine.generators_kept():  # Sionna 2 draws the pilots, Sionna 1.2 has them fixed
            grid = ResourceGrid(
                OFDM_SYMBOLS,
                fft_size,
                subcarrier_spacing,
                num_streams_per_tx=streams,
                cyclic_prefix_length=round(
                    fft_size / 14
                ),  # only lengthens the time between OFDM symbols
                pilot_pattern="kronecker",
                pilot_ofdm_symbol_indices=list(PILOT_SYMBOLS),
            )
        self._streams = streams
        self._slot = int(grid.num_data_symbols) * streams
        self._map = ResourceGridMapper(grid)
        self._channel = OFDMChannel(channel_model, grid, return_channel=True)
        self._active = RemoveNulledSubcarriers(grid)
        self._estimate = LSChannelEstimator(grid, interpolation_type="lin") if csi == "ls" else None
        self.error_gain = error_gain(grid)

        def detect(y: Any, h: Any, s: Any) -> Any:
            # In double precision: Sionna takes 1 from a number close to 1 to find the variance.
            return lmmse_equalizer(y, h, s, precision="double")

        management = StreamManagement(np.array([[1]]), streams)
        self._detect = OFDMEqualizer(detect, grid, management, precision="double")

    @property
    def symbols_per_slot(self) -> int:
        """Data symbols of a slot, all streams together."""
        return self._slot

    @property
    def symbols_per_call(self) -> int:
        """Symbols that the simulator sends through one call: whole slots."""
        return max(1, CALL // self._slot) * self._slot

    @engine.without_autograph
    def call(self, x: Any, no: Any) -> tuple[Any, Any]:
        """Map to slots, send, estimate, detect, read the slots out."""
        no = check_symbols(x, no, per_symbol=False)
        batch, symbols = tensors.shape(x)[0], tensors.shape(x)[1]
        slots = -(-symbols // self._slot)
        filled = tensors.pad_columns(x, slots * self._slot - symbols)
        dealt = tensors.reshape(filled, [-1, 1, self._slot // self._streams, self._streams])
        no = tensors.repeat(no, slots)
        y, h = self._channel(self._map(tensors.transpose(dealt, [0, 1, 3, 2])), no)
        if self._estimate is None:
            h_hat, err_var = self._active(h), tensors.zeros([], no.dtype)
        else:
            h_hat, _ = self._estimate(y, no)
            err_var = no[:, None, None, None, None, None, None] * self.error_gain
        x_hat, no_eff = self._detect(y, h_hat, err_var, no)
        no_eff = tensors.at_least(no_eff, MIN_VARIANCE)
        outputs = []
        for out, dtype in ((x_hat, self.cdtype), (no_eff, engine.real_dtype(self))):
            rows = tensors.reshape(tensors.transpose(out, [0, 1, 3, 2]), [batch, -1])[:, :symbols]
            outputs.append(tensors.astype(tensors.with_shape_of(rows, x), dtype))
        return tuple(outputs)


def channel_model(
    model: str,
    delay_spread: float = 100e-9,
    speed: float = 0.0,
    carrier_frequency: float = 3.5e9,
    antennas: int = 1,
) -> ChannelModel:
    """A channel model of TR 38.901 with as many transmit as receive antennas.

    Args:
        model: "tdl-a" to "tdl-e": tapped delay lines, antennas uncorrelated; "cdl-a" to "cdl-e":
            clustered delay lines between uniform linear arrays of vertical omnidirectional elements
            at half a wavelength, downlink, with the angles of the standard.
        delay_spread: RMS delay spread in seconds.
        speed: Speed of the receiver in m/s.
        carrier_frequency: In Hz.
        antennas: Antennas on either side.

    Raises:
        ValueError: If there is no such model.

    Reference: 3GPP TR 38.901, clauses 7.7.1 and 7.7.2.
    """
    family, _, profile = model.lower().partition("-")
    if family not in ("tdl", "cdl") or profile not in tuple("abcde"):
        raise ValueError(f"channel model {model!r}: there are tdl-a to tdl-e and cdl-a to cdl-e")
    if family == "tdl":
        return TDL(
            profile.upper(),
            delay_spread,
            carrier_frequency,
            min_speed=speed,
            num_rx_ant=antennas,
            num_tx_ant=antennas,
            **engine.PROFILES_OF,
        )
    array = PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=antennas,
        polarization="single",
        polarization_type="V",
        antenna_pattern="omni",
        carrier_frequency=carrier_frequency,
    )
    return CDL(
        profile.upper(),
        delay_spread,
        carrier_frequency,
        array,
        array,
        "downlink",
        min_speed=speed,
        **engine.PROFILES_OF,
    )


class TDLOverOFDM(OFDMLink):
    """OFDM over a tapped delay line of TR 38.901, one antenna on either side.

    Args:
        model: Power delay profile, "A" to "E".
        delay_spread: RMS delay spread in seconds.
        speed: Speed of the receiver in m/s.
        fft_size: Subcarriers; 12 make a resource block.
        csi: "perfect" or "ls", see `OFDMLink`.
        carrier_frequency: In Hz.
        subcarrier_spacing: In Hz.
        **kwargs: Arguments of `sionna.phy.Block`.

    Reference: 3GPP TR 38.901, clause 7.7.2.
    """

    family = "tdl"

    def __init__(
        self,
        model: str = "A",
        delay_spread: float = 100e-9,
        speed: float = 0.0,
        fft_size: int = 72,
        csi: str = "perfect",
        carrier_frequency: float = 3.5e9,
        subcarrier_spacing: float = 30e3,
        **kwargs: Any,
    ):
        made = channel_model(f"{self.family}-{model}", delay_spread, speed, carrier_frequency)
        super().__init__(made, 1, fft_size, csi, subcarrier_spacing, **kwargs)


class CDLOverOFDM(TDLOverOFDM):
    """OFDM over a clustered delay line of TR 38.901, one vertically polarised antenna on either side.

    Arguments as `TDLOverOFDM`.

    Reference: 3GPP TR 38.901, clause 7.7.1.
    """

    family = "cdl"
