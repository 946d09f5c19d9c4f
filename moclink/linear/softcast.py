"""Linear analog transmission of pictures: SoftCast (Jakubczak and Katabi, 2010) over any source model.

Each coefficient of variance v is sent as one real amplitude sqrt(p / v) x. A sender that is told
the SNR shares power by water-filling over the variances; one that is not gives amplitudes v^(-1/4).
The receiver is the linear MMSE estimator: x = a v y / (a^2 v + no/2), a the amplitude factor of the
coefficient, no/2 the noise variance of a real axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear import allocation, frame
from moclink.linear.codec import PictureCodec
from moclink.linear.estimators import gaussian_mean, laplacian_mean
from moclink.linear.source_models import Description
from moclink.snr import from_decibels


@dataclass(frozen=True)
class LinearCodec(PictureCodec):
    """SoftCast: pictures to analog symbols and back. See `PictureCodec` for its methods.

    Attributes:
        model: How pictures become coefficients of known variance.
        cbr: Complex symbols per source value (3 a pixel), side information included.
        laplacian: Take coefficients as Laplacian at the receiver, which then estimates by the
            posterior mean; otherwise as Gaussian, for which the posterior mean is the linear MMSE
            estimate.
    """

    laplacian: bool = False

    def modulate(
        self, description: Description, uses: int, snr_db: float | None
    ) -> NDArray[np.float64]:
        """See `PictureCodec.modulate`."""
        chosen, factors = _amplitudes(description.variance_levels, uses, snr_db)
        return description.coefficients[chosen] * factors

    def estimate_coefficients(
        self, parsed: frame.ParsedHeader, axes: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """See `PictureCodec.estimate_coefficients`."""
        chosen, factors = _amplitudes(parsed.variance_levels, len(axes), parsed.snr_db)
        prior = allocation.levels_to_variances(parsed.variance_levels[chosen])
        scale = (
            factors * parsed.gain * np.sqrt(prior)
        )  # amplitude of a coefficient of unit variance
        if parsed.gain == 0:
            return chosen, np.zeros(len(chosen)), prior
        noise = variance[: len(chosen)] / scale**2
        mean = laplacian_mean if self.laplacian else gaussian_mean
        return (
            chosen,
            np.sqrt(prior) * mean(axes[: len(chosen)] / scale, noise),
            prior * noise / (1 + noise),
        )


def _amplitudes(
    levels: NDArray[np.int16], uses: int, snr_db: float | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which coefficients are sent, and the factors that give a mean energy of 1/2 a use."""
    chosen = allocation.strongest(levels, uses)
    if snr_db is None:
        power = allocation.quarter_power(levels[chosen], uses)
    else:
        power = allocation.water_filling(levels[chosen], uses, from_decibels(snr_db))
    sent = power > 0
    chosen = chosen[sent]
    return chosen, np.sqrt(power[sent] / 2 / allocation.levels_to_variances(levels[chosen]))
