"""The semantic codec with channel-optimised codebooks in place of those of the weights.

    images -> E -> channel-optimised search -> indices ~~ link ~~> posteriors -> R -> G -> images

Where the grid has E and G trained with the codebooks (`snr_aware`), these are told the SNR that the
codebooks are made for. If the sender is not told the SNR, G is told that of the receiver.

What the receiver retrieves is already the mean of the latent given what arrived, so it goes from R
straight to G: the noise reduction block was trained for the noiseless codebooks' errors. Half a step
above the grid of SNRs the codebooks are those of the weights, and all is as without noise.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec import weights as weight_files
from moclink.codec.channel_optimized_codebooks import ChannelCodebooks, search
from moclink.codec.channel_optimized_grid import ChannelCodebookGrid
from moclink.codec.receiver import posterior
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.snr_aware import SNRAwareAutoencoder

SEARCHED_POSITIONS = 8192  # at a time: 64 MB for four octonary levels


class ChannelOptimizedCodec:
    """Images <-> indices, by codebooks that each call is given.

    The latents of the last images are kept, for sweeps over SNRs.

    Args:
        codec: E, G and the codebooks of the weights.
        grid: Codebooks made for them.

    Attributes:
        semantic_codec: The codec.
        grid: The codebooks.
    """

    def __init__(self, codec: SemanticCodec, grid: ChannelCodebookGrid) -> None:
        self._latents: tuple[tuple[Any, ...], NDArray[np.float32]] | None = None
        self.semantic_codec = codec
        self.grid = grid
        self._networks: dict[str, SNRAwareAutoencoder] = {}  # by row, made when they are needed

    @classmethod
    def from_preset(
        cls, preset: str | Path, codebooks: str | Path | None = None
    ) -> ChannelOptimizedCodec:
        """Load trained weights and codebooks for them.

        Args:
            preset: See `SemanticCodec.from_preset`.
            codebooks: Path of a grid; None for NAME-channel.npz beside the weights.

        Raises:
            ValueError: If either is missing or damaged, or they do not belong together.
        """
        description, weights = weight_files.find(preset, "moc-rvq-{}", "semantic")
        codec = weight_files.build(SemanticCodec, description["config"], weights)
        quantizer = codec.quantizer
        noiseless = ChannelCodebooks(np.inf, quantizer.codebooks, quantizer.priors)
        base = weight_files.base_path(weights)
        path = base.with_name(base.name + "-channel.npz")
        if codebooks is not None:
            path = Path(os.path.expanduser(codebooks))
        return cls(codec, ChannelCodebookGrid.load(path, noiseless, description["sha256"]))

    @property
    def states(self) -> int:
        """States of an index, N."""
        return self.semantic_codec.quantizer.states

    @property
    def heads(self) -> int:
        """Heads, P."""
        return self.semantic_codec.quantizer.heads

    def encode(self, images: NDArray[np.floating], books: ChannelCodebooks) -> NDArray[np.int32]:
        """Images [B, H, W, 3] in [0, 1] -> indices int32 [B, h, w, L, P] of L levels.

        Raises:
            ValueError: If the images have another shape or range.
        """
        z = self.latents(images, books)
        flat = z.reshape(-1, 1, 1, z.shape[-1])
        parts = [
            ops.convert_to_numpy(search(flat[start : start + SEARCHED_POSITIONS], books))
            for start in range(0, len(flat), SEARCHED_POSITIONS)
        ]
        codes = np.concatenate(parts)
        return codes.reshape(*z.shape[:3], *codes.shape[3:])

    def _network(self, row: str) -> SNRAwareAutoencoder:
        if row not in self._networks:
            network = SNRAwareAutoencoder(self.semantic_codec, self.grid.snr_db.tolist())
            network.apply(self.grid.networks[row].changes)
            self._networks[row] = network
        return self._networks[row]

    def latents(self, images: NDArray[np.floating], books: ChannelCodebooks) -> NDArray[np.float32]:
        """What E makes of images [B, H, W, 3] for the SNR of codebooks: float32 [B, h, w, P*c].

        Those of the last call are kept.
        """
        digest = hashlib.sha256(f"{images.shape}".encode() + images.tobytes()).digest()
        row = self.grid.trained_row(books)
        key = (digest, row, None if row is None else books.snr_db)
        if self._latents is None or self._latents[0] != key:
            if row is None:
                z = self.semantic_codec.latents(images)
            else:
                z = self._network(row).latents(images, books.snr_db)
            self._latents = key, z
        return self._latents[1]

    def decode(
        self,
        log_likelihoods: NDArray[np.floating],
        books: ChannelCodebooks,
        height: int,
        width: int,
        snr_db: NDArray[np.floating] | None = None,
    ) -> NDArray[np.float32]:
        """Decode with the codebooks that the images were encoded with.

        Args:
            log_likelihoods: ln p(y|k) up to a constant, float [B, h, w, L, P, N].
            books: Codebooks.
            height: Rows of the images.
            width: Columns of the images.
            snr_db: Es/N0 in dB that the receiver knows, float [B], of use with codebooks that are
                made for a range of SNRs; None for the one that they name.

        Returns:
            Images, float32 [B, height, width, 3] in [0, 1].

        Raises:
            ValueError: If the shape does not fit the codebooks.
        """
        if log_likelihoods.ndim != 6 or log_likelihoods.shape[3:] != books.priors.shape:
            raise ValueError(
                f"log-likelihoods have the shape {log_likelihoods.shape}; "
                f"[B, h, w, {', '.join(map(str, books.priors.shape))}] is wanted"
            )
        known = posterior(np.asarray(log_likelihoods, np.float32), books.priors)
        z = np.zeros((*known.shape[:3], self.heads, books.codebooks.shape[3]), np.float32)
        for level, head in np.ndindex(*books.priors.shape[:2]):
            z[:, :, :, head] += known[:, :, :, level, head] @ books.codebooks[level, head]
        z = z.reshape(*z.shape[:3], -1)
        row = self.grid.trained_row(books)
        if row is None:
            return self.semantic_codec.pictures(z, height, width)
        told = snr_db if books.over and snr_db is not None else np.full(len(z), books.snr_db)
        return self._network(row).pictures(z, told, height, width)
