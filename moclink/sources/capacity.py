"""Ideal reference: a file codec behind a capacity-achieving channel code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.chain import ErrorRates, Header, Reception, Transmission
from moclink.images import to_float
from moclink.sources.file_source import GREY, FileCodec, fit_file


@dataclass(frozen=True)
class Genie(Header):
    """Header of an ideal chain: the images themselves, since its code makes no errors.

    Attributes:
        images: float32 [1, H, W, 3], what the transmitter fits to the channel's capacity.
    """

    images: NDArray[np.float32] = None  # type: ignore[assignment]


@dataclass(frozen=True)
class CapacityChain:
    """A file codec with an ideal, capacity-achieving code: bits = symbols * log2(1 + SNR).

    The transmitter knows the channel and fits the file to what it can carry, so this is an upper
    bound for separate source and channel coding with that codec.

    Attributes:
        name: Name in results and figures.
        codec: Image <-> file.
        symbols: (height, width) -> complex symbols to be used.
    """

    name: str
    codec: FileCodec
    symbols: Callable[[int, int], int]

    def transmit(self, images: NDArray[np.float32]) -> Transmission:
        """One image [1, H, W, 3] -> S symbols that stand for an ideal code's."""
        height, width = images.shape[1:3]
        silent = np.zeros((len(images), self.symbols(height, width)), np.complex64)
        return Transmission(silent, Genie(height, width, (0,) * len(images), images))

    def receive(self, received: NDArray[np.complex64], no: NDArray[np.float32], header: Header) -> Reception:
        """Deliver, for each of B channel states, the best file that its capacity carries.

        A file that does not fit even at the coarsest quality is an outage.
        """
        if not isinstance(header, Genie):
            raise ValueError("an ideal chain receives only what an ideal chain has sent")
        per_symbol = np.log2(1 + 1 / np.asarray(no, np.float64).reshape(len(received), -1)).mean(axis=1)
        shape = (len(received), header.height, header.width, 3)
        images, ok = np.full(shape, GREY, np.float32), np.zeros(len(received), bool)
        fits = []
        for row, capacity in enumerate(per_symbol):
            data, fit = fit_file(self.codec, header.images[0], int(received.shape[1] * capacity))
            fits.append(fit)
            if fit.fits:
                images[row] = to_float(self.codec.decode_file(data, header.height * header.width))
                ok[row] = True
        bits = np.array([fit.file_bits for fit in fits], np.int64)
        return Reception(images, ok, bits=bits, rate_fits=tuple(fits))

    def count_errors(self, sent: Transmission, got: Reception) -> ErrorRates:
        """An ideal code makes none, and there are no letters to count."""
        return ErrorRates()
