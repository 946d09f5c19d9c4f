"""The semantic codec MOC-RVQ, from NumPy to NumPy.

    images -> E -> MOC-RVQ -> indices ~~ link ~~> indices or posteriors -> R -> NRB -> MOC-RVQ -> G
    -> images

A batch is worked through a few pictures at a time and a tall picture in stripes. E and G without
whole-picture statistics, and the NRB by its windows, reach only so far: stripes that overlap by
this reach give the whole picture's result up to the rounding of float32. With GroupNorm (`paper`)
there are no stripes.

Reference: Zhou et al., "MOC-RVQ", section III.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.inputs import as_array, check_posteriors, snr_of_each, whole_number
from moclink.codec.nearest_sums import nearest_sums
from moclink.codec.network import semantic_network
from moclink.codec.received import as_likelihoods, is_soft, levels_of_each
from moclink.codec.receiver import posterior
from moclink.codec.sizes import size
from moclink.codec.stored_codec import StoredCodec
from moclink.codec.tiling import (
    DEFAULT_POSITION_LIMIT,
    CompiledFunction,
    PositionLimit,
    check_crop,
    clip_to_unit,
    decode_batch,
    decode_latents,
    encode_images,
)
from moclink.keras_device import on_torch_gpu
from moclink.matrix_products import float32_products
from moclink.torch_device import join, to_numpy


class SemanticCodec(StoredCodec):
    """The digital semantic codec: images <-> indices.

    Args:
        config: Constructor arguments of `encoder`, `quantizer`, `nrb` and `decoder` (see `sizes`).
        position_limit: How much is worked on at a time; bounds the memory.
        dtype: "float32" whatever Keras is set to, or a policy such as "mixed_bfloat16" to train on
            a GPU.

    Attributes:
        encoder: E.
        quantizer: MOC-RVQ, with the codes' priors.
        nrb: Noise reduction block.
        decoder: G.
        network: All of them as one Keras model.
        notes: What its file says of the weights.

    Example:
        >>> codec = SemanticCodec.from_preset("small")
        >>> indices = codec.encode(images)                    # [B,H,W,3] -> [B,h,w,4,4]
        >>> codec.decode(indices, height=images.shape[1], width=images.shape[2])
        >>> coarse = codec.encode(images, levels=1)[:, :, :, :1]   # L1: a quarter of the symbols
    """

    kind = "semantic"
    shipped = "moc-rvq-{}"
    make_network = staticmethod(semantic_network)
    config_of_size = staticmethod(size)

    def __init__(
        self,
        config: dict[str, Any],
        position_limit: PositionLimit = DEFAULT_POSITION_LIMIT,
        dtype: str = "float32",
    ):
        super().__init__(config, position_limit, dtype)
        self.quantizer = self.network.quantizer
        self.nrb = self.network.nrb
        encoder, quantizer, nrb = self.encoder, self.quantizer, self.nrb
        self._greedy = CompiledFunction(
            lambda images: quantizer.encode(encoder(images)), [encoder, quantizer]
        )
        self._look_up = CompiledFunction(quantizer.look_up, [quantizer])
        self._expected = CompiledFunction(quantizer.expected, [quantizer])
        self._from_likelihoods = [
            CompiledFunction(partial(_expected, quantizer, count), [quantizer])
            for count in range(1, quantizer.levels + 1)
        ]
        self._requantizing = CompiledFunction(quantizer.requantize, [quantizer])
        self._denoising = CompiledFunction(nrb, [nrb], coarse=True, receives=True)
        self._transforming = CompiledFunction(encoder, [encoder])
        self._searching = [
            CompiledFunction(partial(_search, quantizer, count), [quantizer])
            for count in range(1, quantizer.levels + 1)
        ]
        decoder = self.decoder
        self._decoding = CompiledFunction(
            lambda z: clip_to_unit(decoder(z)), [decoder], coarse=True, receives=True
        )

    @property
    def priors(self) -> NDArray[np.float32]:
        """Measured use p(k) of each code, float32 [D, P, N]."""
        return self.quantizer.priors

    def encode(self, images: NDArray[np.floating], levels: int | None = None) -> NDArray[np.int32]:
        """Encode images into indices of all levels.

        Args:
            images: float [B, H, W, 3] in [0, 1].
            levels: How many levels will be sent; None for all. A quantiser with the joint search
                chooses these levels' codes together; with the greedy one it makes no difference.

        Returns:
            int32 [B, ceil(H/8), ceil(W/8), D, P], values 0..N-1. The first `levels` are what is
            sent.

        Raises:
            ValueError: If the images have another shape or range, or there are not so many levels.
        """
        levels = self.quantizer.levels if levels is None else levels
        levels = whole_number("levels", levels, self.quantizer.levels)
        if self.quantizer.search == "greedy":
            return encode_images(self._greedy, self.encoder, self.position_limit, images)
        return to_numpy(self._nearest_sums(self.latents(images), levels))

    def latents(self, images: NDArray[np.floating]) -> NDArray[np.float32]:
        """What E makes of images, float [B, H, W, 3] in [0, 1], unquantised: float32 [B, h, w, n_q].

        Raises:
            ValueError: If the images have another shape or range.
        """
        return encode_images(self._transforming, self.encoder, self.position_limit, images)

    def pictures(self, z: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """What G makes of latents float32 [B, h, w, n_q]: float32 [B, height, width, 3] in [0, 1].

        Raises:
            ValueError: If the latents or the size do not fit the codec.
        """
        return decode_batch(self._decoding, self.decoder, self.position_limit, z, height, width)

    def posteriors(self, log_likelihoods: NDArray[np.floating]) -> NDArray[np.float32]:
        """Posterior of each index under the codes' priors.

        Args:
            log_likelihoods: ln p(y|k) up to a constant, float [B, h, w, L, P, N], L of 1..D.

        Returns:
            p(k|y), float32 of the same shape. ValueError for another shape, NaN or plus infinity.
        """
        scores = as_likelihoods(log_likelihoods, self.quantizer)
        return posterior(scores, self.priors[: scores.shape[3]])

    def decode(
        self,
        received: NDArray,
        levels: int | NDArray[np.integer] | None = None,
        snr_db: float | NDArray[np.floating] | None = None,
        height: int | None = None,
        width: int | None = None,
        use_nrb: bool = True,
        requantize: bool = True,
    ) -> NDArray[np.float32]:
        """Decode what was received: R, then NRB and requantisation, then G.

        Args:
            received: Indices, int [B, h, w, L, P] (hard), or posteriors, float [B, h, w, L, P, N]
                (soft), with L of 1..D levels.
            levels: Levels to use, at most L, one or [B]; None for L.
            snr_db: Es/N0 in dB, one or [B], for the NRB. None means reception without noise, where
                R alone is exact and the NRB is left out.
            height: Rows of the images; None for 8h.
            width: Columns of the images; None for 8w.
            use_nrb: False goes from R straight to G, at any SNR.
            requantize: False goes from the NRB straight to G, without eq. (9).

        Returns:
            Images, float32 [B, height, width, 3] in [0, 1].

        Raises:
            ValueError: If shapes, index values, levels or the size of the images do not fit the
                codec.
        """
        received = as_array("received", received, "indices or posteriors")
        soft = is_soft(received, self.quantizer)
        if soft:
            check_posteriors(received)
        retrieve = partial(self._retrieve, soft=soft)
        return self._decode(received, retrieve, levels, snr_db, height, width, use_nrb, requantize)

    def decode_likelihoods(
        self, log_likelihoods: NDArray[np.floating], **options: Any
    ) -> NDArray[np.float32]:
        """Decode log-likelihoods: `decode` of their `posteriors`, in one graph with R.

        Args:
            log_likelihoods: See `posteriors`.
            options: `levels`, `snr_db` and what follows them in `decode`; `known`, which is called with
                latents and a function that decodes them, and may remember pictures.

        Returns:
            Images, float32 [B, height, width, 3] in [0, 1].

        Raises:
            ValueError: See `decode` and `posteriors`.
        """
        scores = as_likelihoods(log_likelihoods, self.quantizer)
        sent = scores.shape[3]
        priors, function = self.priors[:sent], self._from_likelihoods[sent - 1]

        def retrieve(part: NDArray[np.float32], levels: NDArray[np.int32]) -> Any:
            return function.run_on_device(part, priors, levels)

        return self._decode(scores, retrieve, **options)

    def _decode(
        self,
        received: NDArray,
        retrieve: Callable[[NDArray, NDArray[np.int32]], Any],
        levels: Any = None,
        snr_db: Any = None,
        height: int | None = None,
        width: int | None = None,
        use_nrb: bool = True,
        requantize: bool = True,
        known: Callable[[Any, Callable[[Any], Any]], Any] | None = None,
    ) -> NDArray[np.float32]:
        """`decode`, of whatever `retrieve` makes latents of: (part of the batch, its levels) -> z."""
        batch, rows, columns, sent = received.shape[:4]
        check_crop(height, width, rows, columns)
        levels = levels_of_each(levels, sent, batch)
        snr = None if snr_db is None else snr_of_each(snr_db, batch)
        images = []
        for part in self.position_limit.groups(batch, rows, columns):
            z = retrieve(received[part], levels[part])
            if use_nrb and snr is not None:
                # Cuts on whole windows keep every window where the whole picture has it.
                stripe = self.position_limit.stripe(columns, self.nrb.window)
                halo = self.nrb.receptive_positions()
                others = (levels[part], snr[part])
                z = self._denoising.run_in_stripes(z, others, rows=stripe, halo=halo)
                if requantize:
                    z = self._requantized(z, levels[part])
            decoded = known(z, self._generate) if known else self._generate(z)
            images.append(to_numpy(decoded[:, :height, :width]))
        return np.ascontiguousarray(join(images))

    def _generate(self, z: Any) -> Any:
        """G: latents of one group to images [B, 8h, 8w, 3]."""
        return decode_latents(self._decoding, self.decoder, self.position_limit, z)

    def _requantized(self, z: Any, levels: NDArray[np.int32]) -> Any:
        """Eq. (9): the nearest sums of code vectors, of as many levels [B] as were sent."""
        if self.quantizer.search == "greedy":
            return self._requantizing.run_on_device(z, levels)
        codes = [
            self._nearest_sums(z[place : place + 1], count, deeper=False)
            for place, count in enumerate(levels.tolist())
        ]
        return self._look_up.run_on_device(join(codes), levels)

    def _nearest_sums(self, z: Any, levels: int, deeper: bool = True) -> Any:
        """The joint search, where it is fastest: by Keras on a GPU, else compiled for a processor."""
        if not on_torch_gpu():
            return nearest_sums(to_numpy(z), self.quantizer.codebooks, levels, deeper)
        search, groups = self._searching[levels - 1], self.position_limit.groups(*z.shape[:3])
        return join([search.run_on_device(z[part]) for part in groups])

    def _retrieve(self, received: NDArray, levels: NDArray[np.int32], soft: bool) -> Any:
        """R: the latent of indices or posteriors; levels that were not sent count for nothing."""
        missing = self.quantizer.levels - received.shape[3]
        received = received.astype(np.float32 if soft else np.int32, copy=False)
        received = np.pad(
            received, [(0, missing if axis == 3 else 0) for axis in range(received.ndim)]
        )
        return (self._expected if soft else self._look_up).run_on_device(received, levels)


def _expected(quantizer: Any, sent: int, scores: Any, priors: Any, levels: Any) -> Any:
    """Mean of the latent that was sent, of log-likelihoods [B, h, w, L, P, N] of L levels."""
    # TensorFlow makes one graph for all L that it is given, and does not know L in it.
    shape = (*ops.shape(scores)[:3], sent, quantizer.heads, quantizer.states)
    posteriors = ops.reshape(posterior(scores, priors), shape)
    return quantizer.expected(posteriors, levels)


def _search(quantizer: Any, levels: int, z: Any) -> Any:
    """Codes of a latent, best for so many levels; distances in float32, so that none is missed."""
    with float32_products():
        return quantizer.encode(z, levels)
