"""The symbols of one picture: the header, then the payload, scaled to a mean energy of exactly 1.

A header is 24 bits of the frame (the payload's gain in 16, the SNR that the sender was told in 8)
and then the description's bits. A picture so small that its description would take more than 60 %
of the symbols is sent with the model's default description, which has no bits; the rest of its
header is counted as far as there are symbols for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moclink.linear.side_information import SideInformationHeader, header_symbols, interleaver, qpsk
from moclink.linear.source_models import Description, Layout, SourceModel

_GAIN_BITS = 16
_GAIN_RANGE = 16.0  # log2 of the gain, from -16 to 16
_SNR_BITS = 8
_SNR_STEP_DB = 0.25
_SNR_LOWEST_DB = -20.0
_NO_SNR = 2**_SNR_BITS - 1
FRAME_BITS = _GAIN_BITS + _SNR_BITS
_LARGEST_SHARE = 0.6

Modulate = Callable[[Description, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Frame:
    """One picture on its way.

    Attributes:
        symbols: complex64 [S].
        bits: Header, uint8 of 0 and 1.
        header_symbols: How many of the symbols are the header's.
    """

    symbols: NDArray[np.complex64]
    bits: NDArray[np.uint8]
    header_symbols: int


@dataclass(frozen=True)
class ParsedHeader:
    """A header as the receiver reads it.

    Attributes:
        gain: Factor on the payload's amplitudes; 0 if the picture had nothing to send.
        snr_db: The SNR that the sender was told, or None.
        variance_levels: Of the coefficients, see `Description`.
        layout: What the coefficients mean.
    """

    gain: float
    snr_db: float | None
    variance_levels: NDArray[np.int16]
    layout: Layout


def rounded_snr_db(snr_db: float | None) -> float | None:
    """The SNR as the header carries it: in steps of 0.25 dB from -20 to 43.5 dB."""
    if snr_db is None:
        return None
    step = round((snr_db - _SNR_LOWEST_DB) / _SNR_STEP_DB)
    return _SNR_LOWEST_DB + _SNR_STEP_DB * min(max(step, 0), _NO_SNR - 1)


def _number(value: int, width: int) -> NDArray[np.uint8]:
    return np.array([(value >> (width - 1 - i)) & 1 for i in range(width)], dtype=np.uint8)


def _value(bits: NDArray[np.uint8]) -> int:
    return int("".join(map(str, bits.tolist())), 2)


def build(
    model: SourceModel,
    image: NDArray[np.float32],
    symbols: int,
    snr_db: float | None,
    modulate: Modulate,
) -> Frame:
    """Describe and modulate a picture.

    Args:
        model: How the picture becomes coefficients.
        image: float32 [H, W, 3].
        symbols: Symbols of the frame.
        snr_db: SNR that the sender is told, as `rounded_snr_db` gives it, or None.
        modulate: (description, uses) to the amplitudes of at most so many real channel uses, whose
            mean energy is scaled to that of the constellation here.
    """
    description = model.describe(image, 2 * symbols, snr_db)
    taken = header_symbols(len(description.bits) + FRAME_BITS, snr_db)
    if taken > _LARGEST_SHARE * symbols:
        description = model.describe_with_defaults(image)
        taken = min(header_symbols(FRAME_BITS, snr_db), symbols - 1)
    payload = symbols - taken
    axes = np.zeros(2 * payload)
    found = modulate(description, 2 * payload)
    axes[: len(found)] = found
    energy = 2 * np.mean(np.square(axes))
    if energy > 0:
        code = round((np.log2(1 / np.sqrt(energy)) / (2 * _GAIN_RANGE) + 0.5) * 2**_GAIN_BITS)
        code = min(max(code, 1), 2**_GAIN_BITS - 1)
        axes /= np.sqrt(energy)
    else:
        code = 0
        axes[:] = np.sqrt(0.5)
    mixed = axes[interleaver(2 * payload)].astype(np.float32)
    step = _NO_SNR if snr_db is None else round((snr_db - _SNR_LOWEST_DB) / _SNR_STEP_DB)
    bits = np.concatenate([_number(code, _GAIN_BITS), _number(step, _SNR_BITS), description.bits])
    sent = np.concatenate(
        [qpsk(bits, taken), (mixed[0::2] + 1j * mixed[1::2]).astype(np.complex64)]
    )
    return Frame(sent, bits, taken)


def parse_header(model: SourceModel, header: SideInformationHeader, picture: int) -> ParsedHeader:
    """Read the header of one picture of a batch."""
    bits = header.bits[picture]
    if len(bits) < FRAME_BITS:
        raise ValueError(
            f"header {picture} has {len(bits)} bits; a frame's header has at least {FRAME_BITS}"
        )
    code, step = _value(bits[:_GAIN_BITS]), _value(bits[_GAIN_BITS:FRAME_BITS])
    gain = 0.0 if code == 0 else 2.0 ** ((code / 2**_GAIN_BITS - 0.5) * 2 * _GAIN_RANGE)
    snr_db = None if step == _NO_SNR else _SNR_LOWEST_DB + _SNR_STEP_DB * step
    layout, rest = model.select(bits[FRAME_BITS:])
    return ParsedHeader(
        gain, snr_db, layout.variance_levels(rest, header.height, header.width), layout
    )


def payload_axes(
    received: NDArray[np.complexfloating], noise: NDArray[np.float64], taken: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The payload's real uses in the order of the modulator, and the noise variance of each.

    Args:
        received: complex [S] of one picture.
        noise: Noise variance of each symbol (both axes together), [S].
        taken: Symbols of the header.

    Returns:
        (float64 [uses], float64 [uses]).
    """
    payload = received[taken:]
    mixed = np.stack([payload.real, payload.imag], -1).ravel().astype(np.float64)
    variance = np.repeat(noise[taken:] / 2, 2)
    order = interleaver(len(mixed))
    axes, axis_noise = np.empty_like(mixed), np.empty_like(mixed)
    axes[order], axis_noise[order] = mixed, variance
    return axes, axis_noise
