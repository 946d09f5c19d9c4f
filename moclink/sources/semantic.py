"""The semantic codec as a source of octonary indices, and what its variants switch off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.cached_codec import CachedSemanticCodec
from moclink.codec.reordering import assign_codebook_labels, renumber
from moclink.codec.semantic_codec import SemanticCodec
from moclink.constants import LATENT_STRIDE, RECEIVERS
from moclink.types import ChannelState, Decoded, Demodulated, Header, Payload

ASSIGNMENT_SNRS = (0.0, 5.0, 10.0, 15.0)


@dataclass(frozen=True)
class SemanticSource:
    """Images <-> indices of the first levels of MOC-RVQ.

    Indices are sent position by position, level by level, head by head; two that follow each other
    (heads 1 and 2, 3 and 4) share a QAM symbol.

    Attributes:
        codec: The trained codec.
        levels: Levels sent, 1..D.
        receiver: "soft": posterior mean of the code vectors under the codes' priors; "hard": the
            vector of the nearest amplitude (the paper's).
        use_nrb: Whether the noise reduction block and requantisation run at the receiver.
        requantize: Whether requantisation (eq. 9) follows the noise reduction block.
    """

    codec: SemanticCodec | CachedSemanticCodec
    levels: int = 4
    receiver: str = "soft"
    use_nrb: bool = True
    requantize: bool = True

    def __post_init__(self) -> None:
        deepest = self.codec.quantizer.levels
        if not 1 <= self.levels <= deepest:
            raise ValueError(f"{self.levels} levels: this codec has 1 to {deepest}")
        if self.receiver not in RECEIVERS:
            raise ValueError(f"receiver {self.receiver!r}: there are {', '.join(RECEIVERS)}")

    @property
    def alphabet(self) -> int:
        """States of an index, N."""
        return self.codec.quantizer.states

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """Encode images into the indices that are sent.

        Args:
            images: float32 [B, H, W, 3] in [0, 1].
            csi: Channel state information, which this codec makes no use of.

        Returns:
            Indices uint8 [B, h * w * levels * heads].
        """
        indices = self.codec.encode(images, self.levels)[:, :, :, : self.levels]
        flat = indices.reshape(len(images), -1).astype(np.uint8)
        used = (flat.shape[1],) * len(images)
        return Payload(flat, Header(images.shape[1], images.shape[2], used))

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """Decode what the demodulator made of the received symbols.

        Args:
            demodulated: Log-likelihoods [B, K, N], and the noise variance [B] that they were made
                with, which the noise reduction block is given.
            header: Side information from `encode`.

        Returns:
            Images. Indices always give a picture: there is no outage.
        """
        used = demodulated.values[:, : header.lengths[0]]
        rows, columns = -(-header.height // LATENT_STRIDE), -(-header.width // LATENT_STRIDE)
        grid = (len(used), rows, columns, self.levels, self.codec.quantizer.heads)
        options: dict[str, Any] = {
            "snr_db": demodulated.snr_db,
            "height": header.height,
            "width": header.width,
            "use_nrb": self.use_nrb,
            "requantize": self.requantize,
        }
        if self.receiver == "soft":
            images = self.codec.decode_likelihoods(used.reshape(*grid, self.alphabet), **options)
        else:
            received = used.argmax(axis=-1).reshape(grid).astype(np.int32)
            images = self.codec.decode(received, **options)
        return Decoded(images, np.ones(len(images), bool))


@dataclass(frozen=True)
class SemanticBits:
    """The indices of a semantic codec as bits, for modems with a channel code in front of them.

    Nothing rules errors out, so the bits are the indices' own, most significant first: a wrong one
    harms one index. The receiver takes the bits as they are decided and leaves the noise reduction
    block out, which was trained for the errors of an uncoded link.

    Attributes:
        codec: The trained codec.
        levels: Levels sent, 1..D.
    """

    codec: SemanticCodec | CachedSemanticCodec
    levels: int = 4

    @property
    def alphabet(self) -> int:
        """2: the indices are bits."""
        return 2

    @property
    def bits(self) -> int:
        """Bits of an index, log2 N."""
        return int(self.codec.quantizer.states).bit_length() - 1

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """Images [B, H, W, 3] in [0, 1] -> bits uint8 [B, h * w * levels * heads * log2 N]."""
        payload = SemanticSource(self.codec, self.levels).encode(images)
        shifts = np.arange(self.bits - 1, -1, -1)
        bits = (payload.indices[..., None] >> shifts) & 1
        flat = bits.reshape(len(images), -1).astype(np.uint8)
        used = (flat.shape[1],) * len(images)
        return Payload(flat, Header(images.shape[1], images.shape[2], used))

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """LLRs [B, K'] -> images, by the signs. Indices always give a picture: there is no outage."""
        bits = demodulated.hard()[:, : header.lengths[0]]
        rows, columns = -(-header.height // LATENT_STRIDE), -(-header.width // LATENT_STRIDE)
        shifts = np.arange(self.bits - 1, -1, -1)
        indices = (bits.reshape(len(bits), -1, self.bits).astype(np.int32) << shifts).sum(axis=-1)
        received = indices.reshape(
            len(bits), rows, columns, self.levels, self.codec.quantizer.heads
        ).astype(np.int32)
        images = self.codec.decode(
            received,
            snr_db=demodulated.snr_db,
            height=header.height,
            width=header.width,
            use_nrb=False,
            requantize=False,
        )
        return Decoded(images, np.ones(len(images), bool))


def load_semantic(preset: str | Path, index_assignment: str = "trained") -> SemanticCodec:
    """Load a codec with one of several assignments of its codes to labels.

    Args:
        preset: Name of shipped weights or a path.
        index_assignment: "trained": as the weights are; "random", "greedy", "greedy-paper" or "exact"
            (see `moclink.codec.reordering`).

    Raises:
        ValueError: Missing or damaged weights.
    """
    codec = SemanticCodec.from_preset(preset)
    quantizer = codec.quantizer
    if index_assignment != "trained":
        codebooks, priors = quantizer.codebooks, quantizer.priors
        renumber(
            quantizer, assign_codebook_labels(codebooks, index_assignment, priors, ASSIGNMENT_SNRS)
        )
    return codec


def load_analog(preset: str | Path) -> AnalogCodec:
    """Load an analog codec.

    Raises:
        ValueError: Missing or damaged weights.
    """
    return AnalogCodec.from_preset(preset)
