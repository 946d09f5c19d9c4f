"""A MIMO-OFDM link as one Sionna block."""

from __future__ import annotations

from typing import Any

from moclink.phy.ofdm import OFDMLink, channel_model


class MIMOOverOFDM(OFDMLink):
    """A spatially multiplexed MIMO-OFDM link: as many streams as antennas on either side, LMMSE detection.

    Each stream has unit energy, and each arrives at each receive antenna with unit mean energy: SNR
    is Es/N0 of a data symbol at a receive antenna, and with N antennas N times the power of a
    single antenna is sent. For equal total power, read the curves 10 log10 N dB further to the
    right.

    Args:
        antennas: Antennas on either side, N.
        model: "tdl-a" to "tdl-e" (antennas uncorrelated) or "cdl-a" to "cdl-e" (linear arrays).
        delay_spread: RMS delay spread in seconds.
        speed: Speed of the receiver in m/s.
        fft_size: Subcarriers, a multiple of the antennas.
        csi: "perfect" or "ls", see `OFDMLink`.
        carrier_frequency: In Hz.
        subcarrier_spacing: In Hz.
        **kwargs: Arguments of `sionna.phy.Block`.
    """

    def __init__(
        self,
        antennas: int = 2,
        model: str = "tdl-a",
        delay_spread: float = 100e-9,
        speed: float = 0.0,
        fft_size: int = 72,
        csi: str = "perfect",
        carrier_frequency: float = 3.5e9,
        subcarrier_spacing: float = 30e3,
        **kwargs: Any,
    ):
        made = channel_model(model, delay_spread, speed, carrier_frequency, antennas)
        super().__init__(made, antennas, fft_size, csi, subcarrier_spacing, **kwargs)
