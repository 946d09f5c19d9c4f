"""Base class of the linear and octonary codecs: batches, headers, frames, and expected errors."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear import allocation, frame
from moclink.linear.side_information import (
    SideInformationHeader,
    checked_snr_db,
    noise_per_symbol,
    total_symbols,
)
from moclink.linear.source_models import Description, SourceModel
from moclink.linear.transform import check_images
from moclink.snr import to_decibels


@dataclass(frozen=True)
class Estimate:
    """Pictures as a receiver estimates them.

    Attributes:
        images: float32 [B, H, W, 3] in [0, 1].
        errors: float32 [B, rows, columns, 6], expected squared error per pixel in each block of 32 by
            32: luma in four bands from low to high frequencies, then the two chroma planes. Their
            sum is three times the mean squared error.
        snr_db: float32 [B], Es/N0 of what arrived (mean over symbols of the noise variance, in dB).
    """

    images: NDArray[np.float32]
    errors: NDArray[np.float32]
    snr_db: NDArray[np.float32]


@dataclass(frozen=True)
class PictureCodec(abc.ABC):
    """A codec of pictures over real channel uses of unit-energy symbols.

    Attributes:
        model: How pictures become coefficients of known variance.
        cbr: Complex symbols per source value (3 a pixel), side information included.
    """

    model: SourceModel
    cbr: float

    def __post_init__(self) -> None:
        if not 0 < self.cbr <= 1:
            raise ValueError(
                f"cbr is {self.cbr}; give complex symbols per source value, above 0, at most 1"
            )

    @abc.abstractmethod
    def modulate(
        self, description: Description, uses: int, snr_db: float | None
    ) -> NDArray[np.float64]:
        """Amplitudes of a picture's coefficients.

        Args:
            description: Coefficients and their variance levels.
            uses: Real channel uses of the payload.
            snr_db: Es/N0 that the sender is told, in dB, or None.

        Returns:
            float64 [n], n at most `uses`, of any mean energy: the frame scales it.
        """

    @abc.abstractmethod
    def estimate_coefficients(
        self, parsed: frame.ParsedHeader, axes: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients from received amplitudes: the receiver's half of `modulate`.

        Args:
            parsed: What the header says.
            axes: Received amplitudes, float64 [uses].
            variance: Noise variance of each, float64 [uses].

        Returns:
            (indices of the coefficients that were sent, int64 [n]; estimates, float64 [n]; expected
            squared errors, float64 [n]).
        """

    def encode(
        self, images: NDArray[np.floating], csi: object = None
    ) -> tuple[NDArray[np.complex64], SideInformationHeader]:
        """Pictures to symbols.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            csi: What the sender knows of the channel: None, or an object with `snr_db` (Es/N0 in
                dB).

        Returns:
            (complex64 [B, S], mean energy of each row 1; side information).

        Raises:
            ValueError: If the images are none, or csi.snr_db is not finite.
        """
        images = check_images(images)
        _, height, width, _ = images.shape
        snr_db, symbols = (
            frame.rounded_snr_db(checked_snr_db(csi)),
            total_symbols(height, width, self.cbr),
        )

        def modulate(description: Description, uses: int) -> NDArray[np.float64]:
            return self.modulate(description, uses, snr_db)

        frames = [frame.build(self.model, image, symbols, snr_db, modulate) for image in images]
        header = SideInformationHeader(
            height, width, tuple(f.bits for f in frames), tuple(f.header_symbols for f in frames)
        )
        return np.stack([f.symbols for f in frames]), header

    def decode(
        self,
        received: NDArray[np.complexfloating],
        no: NDArray[np.floating] | float,
        header: SideInformationHeader,
    ) -> NDArray[np.float32]:
        """Received symbols to pictures.

        Args:
            received: complex [B, S], equalised to unit gain; any B if one picture was encoded.
            no: Effective noise variance, one for all, [B] or [B, S].
            header: Side information of `encode`.

        Returns:
            float32 [B, H, W, 3] in [0, 1].

        Raises:
            ValueError: If shapes do not fit, or a noise variance is not positive.
        """
        return self.estimate(received, no, header).images

    def estimate(
        self,
        received: NDArray[np.complexfloating],
        no: NDArray[np.floating] | float,
        header: SideInformationHeader,
    ) -> Estimate:
        """As `decode`, with the expected error beside the pictures."""
        height, width = header.height, header.width
        noise = noise_per_symbol(received, no, header, total_symbols(height, width, self.cbr))
        images, maps = [], []
        for i in range(len(received)):
            picture = i if len(header.bits) > 1 else 0
            parsed = frame.parse_header(self.model, header, picture)
            axes, variance = frame.payload_axes(received[i], noise[i], header.symbols[picture])
            chosen, values, error = self.estimate_coefficients(parsed, axes, variance)
            coefficients = np.zeros(len(parsed.variance_levels), dtype=np.float32)
            coefficients[chosen] = values
            errors = allocation.levels_to_variances(parsed.variance_levels).astype(np.float32)
            errors[chosen] = error
            images.append(parsed.layout.picture(coefficients, height, width))
            maps.append(parsed.layout.error_map(errors, height, width))
        snr_db = -to_decibels(noise.mean(1))
        return Estimate(np.stack(images), np.stack(maps), snr_db.astype(np.float32))
