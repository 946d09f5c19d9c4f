"""File codecs with adaptive modulation and coding: the sender knows the SNR and chooses the MCS."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.chain import DigitalChain
from moclink.chain_inputs import check_sent, usual_float_errors
from moclink.constants import OUTAGES
from moclink.errors import ChainError
from moclink.images import to_float
from moclink.metrics import psnr
from moclink.outages import lost_picture
from moclink.power import undo_scale, unit_power
from moclink.protocols import Modem
from moclink.single_transmission import SingleTransmission
from moclink.sources.file_source import FileCache, FileCodec, FileSource, fit_file
from moclink.types import ChannelState, Demodulated, ErrorRates, Header, Reception, Transmission

LARGEST_QUALITY = 100.0  # PSNR of equal images is infinite, which no expectation survives


class Scheme(Protocol):
    """What link adaptation chose."""

    @property
    def mcs(self) -> Hashable:
        """Modulation and coding scheme."""

    @property
    def bits(self) -> int:
        """Bits that a file may have."""


class Adaptation(Protocol):
    """Link adaptation, such as `moclink.phy.link_adaptation.LinkAdaptation`."""

    def choose(
        self, snr_db: float, symbols: int, quality: Callable[[int], float], outage_quality: float
    ) -> Scheme:
        """Choose the scheme for an SNR in dB, the available symbols and bits -> quality."""

    def with_csi(self, csi: ChannelState) -> Adaptation:
        """The same for what the sender is told: an SNR, or the average over a fading law."""

    def modem(self, mcs: Any) -> AdaptiveModem:
        """The modem of a scheme."""

    def carries(self, symbols: int) -> bool:
        """Whether so many symbols carry anything at all."""


class AdaptiveModem(Modem, Protocol):
    """A modem whose code blocks depend on the length of the message."""

    def code_blocks(self, symbols: int) -> tuple[slice, ...]:
        """Indices of each code block of a transmission of this many symbols."""


@dataclass(frozen=True)
class AdaptiveHeader(Header):
    """Side information of an adaptive chain: what a control channel tells a 5G receiver.

    Like the image's size and the file's length, the MCS is known without error and not counted.

    Attributes:
        mcs: Modulation and coding scheme of this transmission.
        file: Header of the file.
    """

    mcs: Any = None
    file: Header = None  # type: ignore[assignment]


@dataclass(frozen=True)
class AdaptiveFileChain(SingleTransmission):
    """A file codec with the MCS and the file that give the best expected quality at the sender's SNR.

    Attributes:
        name: Name in results and figures.
        codec: Image <-> file.
        symbols: (height, width) -> available complex symbols; fewer are sent where no file fills
            them.
        adaptation: Chooses the scheme.
        quality: (images, originals) -> quality of each, of which the mean is maximised.
        outage: How lost pictures are scored, see `moclink.outages.lost_picture`.
        cache: What was encoded and decoded before; shared by the chains of a worker.
    """

    name: str
    codec: FileCodec
    symbols: Callable[[int, int], int]
    adaptation: Adaptation
    quality: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]] = psnr
    outage: str = OUTAGES[0]
    cache: FileCache = field(default_factory=FileCache, compare=False, repr=False)
    adaptive = True
    modem = None  # there is one for each scheme

    def size_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be sent: its symbols carry no transport block; or None."""
        symbols = self.symbols(height, width)
        if self.adaptation.carries(symbols):
            return None
        return f"{symbols} symbols carry no transport block; give it a larger CBR"

    @usual_float_errors
    def transmit(
        self, images: NDArray[np.float32], csi: ChannelState | None = None
    ) -> Transmission:
        """Images [B, H, W, 3] in [0, 1] -> symbols of the chosen scheme, one for all B images.

        Where not even the coarsest file fits, as much of it is sent as the symbols carry, for
        nothing.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            csi: What the sender knows of the channel.

        Raises:
            ChainError: If the symbols of so small an image carry no transport block.
            ValueError: If csi is None.
        """
        if csi is None:
            raise ValueError(
                f"chain {self.name} adapts to the SNR: give transmit the channel state (csi)"
            )
        images = check_sent(images, csi)
        height, width = images.shape[1:3]
        if problem := self.size_problem(height, width):
            raise ChainError(self.name, problem)
        outage = self._mean_quality(lost_picture(self.outage, images), images)
        choice = self.adaptation.with_csi(csi).choose(
            csi.snr_db,
            self.symbols(height, width),
            lambda bits: self._expected_quality(images, bits, outage),
            outage,
        )
        payload = self._source(choice.bits).encode(images)
        file = payload.header
        header = AdaptiveHeader(height, width, file.lengths, mcs=choice.mcs, file=file)
        symbols = self.adaptation.modem(choice.mcs).modulate(payload.indices)
        return unit_power(Transmission(symbols, header, payload))

    @usual_float_errors
    def receive(
        self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header
    ) -> Reception:
        """Received symbols [B, S] and noise variances [B] or [B, S] -> images.

        Raises:
            ValueError: If the header is not one of an adaptive chain.
        """
        checked = _checked(header)
        return self._digital(checked).receive(*undo_scale(received, no, checked), checked.file)

    def decode(self, demodulated: Demodulated, header: Header) -> Reception:
        """What the modem of the header's scheme made of received symbols -> images."""
        checked = _checked(header)
        return self._digital(checked).decode(demodulated, checked.file)

    def count_errors(self, transmission: Transmission, reception: Reception) -> ErrorRates:
        """Bit errors over the indices in use, and block errors over the code blocks."""
        return self._digital(_checked(transmission.header)).count_errors(transmission, reception)

    def modem_for(self, header: Header) -> Any:
        """The modem of a transmission's scheme."""
        return self.adaptation.modem(_checked(header).mcs)

    def _digital(self, header: AdaptiveHeader) -> DigitalChain:
        """The chain with the MCS of a header."""
        return DigitalChain(self.name, self._source(0), self.adaptation.modem(header.mcs))

    def _source(self, budget_bits: int) -> FileSource:
        return FileSource(self.codec, lambda *_: budget_bits, self.cache)

    def _expected_quality(self, images: NDArray[np.float32], bits: int, outage: float) -> float:
        """Mean quality of the best files of so many bits; that of an outage where there is none."""
        qualities = []
        for image in images:
            data, fit = fit_file(self.codec, image, bits, self.cache)
            pixels = self.cache.decoded(self.codec, data, image.shape) if fit.fits else None
            shown = (
                outage
                if pixels is None
                else self._mean_quality(to_float(pixels)[None], image[None])
            )
            qualities.append(shown)
        return float(np.mean(qualities))

    def _mean_quality(self, images: NDArray[np.float32], originals: NDArray[np.float32]) -> float:
        return float(np.minimum(self.quality(images, originals), LARGEST_QUALITY).mean())


def _checked(header: Header) -> AdaptiveHeader:
    if not isinstance(header, AdaptiveHeader):
        raise ValueError(
            f"{type(header).__name__} does not say which MCS was sent; an AdaptiveHeader does"
        )
    return header
