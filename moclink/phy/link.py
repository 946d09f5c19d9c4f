"""The semantic link as one Keras model, image -> image, with any channel in its middle.

    images -> E -> MOC-RVQ -> indices -> [LDPC] -> Gray QAM -> channel -> [LDPC] -> p(k|y)
    images <- G <- MOC-RVQ <- NRB <- z_hat <- R <-----------------------------------'

What is differentiable, and what is not:

- G, the NRB and the retrieval R are, wholly. The requantiser is passed straight through.
- The soft receiver is differentiable in the received symbols, Sionna's channels are in the sent ones,
  and belief propagation is in its LLRs; but an index is a choice, so no true gradient leads from the
  symbols back to the encoder. It gets the straight-through one instead: the gradient at the
  retrieved latent z_hat is handed to z, as if the link had added a noise that does not depend on z.
  That is fair while most indices arrive, and says little below 8 dB or so, where half are lost.
- TensorFlow variables inside a Sionna block (a trainable constellation) are not Keras weights: `fit`
  leaves them alone. A training step of one's own reaches them through the soft receiver.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray
from sionna.phy import Block
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Demapper, Mapper

from moclink.codec.receiver import log_likelihoods, noise_variance, posterior
from moclink.phy.fading import divide_out
from moclink.phy.layer import SionnaLayer
from moclink.phy.modems import pam_amplitudes

PARTS = ("encoder", "quantizer", "nrb", "decoder")
RECEIVERS = ("soft", "hard")
SNR_GRID = np.linspace(-10.0, 40.0, 501)  # dB, where an equivalent SNR is looked for


def interleave_axes(bits: Any) -> Any:
    """Bits of index pairs in the order of a QAM symbol: first index on I, second on Q.

    Sionna's mapper takes I from a symbol's bits 0, 2, 4, ... and Q from 1, 3, 5, ...

    Args:
        bits: [B, K, m], K even, the most significant bit of each index first.

    Returns:
        [B, K / 2, 2 m].
    """
    batch, _, width = ops.shape(bits)
    pairs = ops.transpose(ops.reshape(bits, (batch, -1, 2, width)), (0, 1, 3, 2))
    return ops.reshape(pairs, (batch, -1, 2 * width))


def bit_table(states: int) -> NDArray[np.float32]:
    """Bits of every index, most significant first: float32 [N, log2 N]."""
    width = int(math.log2(states))
    return ((np.arange(states)[:, None] >> np.arange(width)[::-1]) & 1).astype(np.float32)


def equivalent_snr(index_error_rate: Any, states: int) -> Any:
    """The SNR at which uncoded indices would fail as often, from 2 (1 - 1/N) Q(sqrt(3 SNR / (N^2 - 1))).

    Args:
        index_error_rate: float32 [B].
        states: N.

    Returns:
        Es/N0 in dB, float32 [B], within -10 to 40.
    """
    argument = np.sqrt(3 * 10 ** (SNR_GRID / 10) / (states**2 - 1))
    tail = np.array([0.5 * math.erfc(value / math.sqrt(2)) for value in argument])
    rates = (2 * (1 - 1 / states) * tail)[::-1].astype(np.float32)  # rising
    place = tf.searchsorted(tf.constant(rates), ops.reshape(index_error_rate, (-1,)))
    return ops.take(SNR_GRID[::-1].astype(np.float32), ops.minimum(place, len(SNR_GRID) - 1))


class QAMPath(keras.layers.Layer):
    """Indices over Sionna blocks: mapper, channel and demapper, with an LDPC code around them or without.

    Args:
        states: States of an index, N; the constellation is N^2-QAM.
        channel: Sionna block as a layer, see `SemanticLink`.
        code: 5G LDPC encoder, or None.
        num_iter: Iterations of the LDPC decoder.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call Args:
        letters: int32 [B, K], values 0..N-1.
        snr_db: Es/N0 in dB, float32 [B].

    Returns:
        (ln p(y|k) up to a constant, float32 [B, K, N]; the SNR that the evidence is worth in dB,
        float32 [B]: of the equalised symbols, or behind a code that of uncoded symbols whose indices
        would be as uncertain).
    """

    def __init__(
        self,
        states: int,
        channel: SionnaLayer,
        code: LDPC5GEncoder | None = None,
        num_iter: int = 20,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.states = states
        self.channel = channel
        self.code = code
        self._table = bit_table(states)
        self._width = int(self._table.shape[1])
        qam = {"constellation_type": "qam", "num_bits_per_symbol": 2 * self._width}
        self.mapper = SionnaLayer(Mapper, qam)
        if code is not None:
            if code.n % (2 * self._width):
                raise ValueError(
                    f"codewords of n = {code.n} bits do not fill whole symbols of {2 * self._width} bits; "
                    "choose n as a multiple"
                )
            self.code_layer = SionnaLayer(code)
            self.demapper = SionnaLayer(Demapper, {"demapping_method": "app", **qam})
            decoder = LDPC5GDecoder(code, cn_update="boxplus", num_iter=num_iter, hard_out=False)
            self.decoder = SionnaLayer(decoder)

    def call(self, letters: Any, snr_db: Any) -> tuple[Any, Any]:
        """Send and receive."""
        no = noise_variance(snr_db)
        bits = ops.take(self._table, letters, axis=0)
        return self._uncoded(bits, no) if self.code is None else self._coded(bits, no, self.code)

    def _uncoded(self, bits: Any, no: Any) -> tuple[Any, Any]:
        """One index on each axis, its evidence the distances to the amplitudes of that axis."""
        count = ops.shape(bits)[1]
        even = ops.pad(bits, ((0, 0), (0, count % 2), (0, 0)))
        y, no_eff = self._over_channel(interleave_axes(even), no)
        axes = ops.reshape(ops.stack([tf.math.real(y), tf.math.imag(y)], axis=-1), (ops.shape(y)[0], -1))
        variance = ops.repeat(no_eff, 2, axis=1)[..., None]
        evidence = log_likelihoods(axes, variance, pam_amplitudes(self.states))
        worth = 10.0 * ops.log10(ops.maximum(ops.mean(1.0 / no_eff, axis=1), 1e-6))
        return evidence[:, :count], worth

    def _coded(self, bits: Any, no: Any, code: LDPC5GEncoder) -> tuple[Any, Any]:
        """Indices as bits through the code; the decoder's soft output is their evidence."""
        batch, count = ops.shape(bits)[:2]
        used, k, n = count * self._width, code.k, code.n
        blocks = -(-used // k)
        filled = ops.pad(ops.reshape(bits, (batch, used)), ((0, 0), (0, blocks * k - used)))
        codewords = self.code_layer(ops.reshape(filled, (batch * blocks, k)))
        y, no_eff = self._over_channel(ops.reshape(codewords, (batch, -1, 2 * self._width)), no)
        llr = self.demapper(y[..., None], no_eff[..., None])
        llr = self.decoder(ops.reshape(llr, (batch * blocks, n)))
        llr = ops.reshape(ops.reshape(llr, (batch, blocks * k))[:, :used], (batch, count, self._width))
        evidence = ops.matmul(llr, self._table.T)  # ln p of a label: the sum of the LLRs of its ones
        doubt = 1.0 - ops.max(ops.softmax(evidence), axis=-1)
        return evidence, equivalent_snr(ops.mean(doubt, axis=1), self.states)

    def _over_channel(self, bits: Any, no: Any) -> tuple[Any, Any]:
        """Map bits [B, S, 2m]; equalised symbols and their noise variance, both [B, S]."""
        x = self.mapper(bits)[..., 0]  # a symbol at a time: Sionna's mapper wants a known last axis
        received = self.channel(x, no)
        if not isinstance(received, tuple | list):
            received = (received, no[:, None])
        y, second = received
        y = ops.reshape(y, ops.shape(x))
        if second.dtype.is_complex:
            return divide_out(y, ops.reshape(second, ops.shape(x)), no)
        return y, ops.broadcast_to(second, ops.shape(x))


class SemanticLink(keras.Model):
    """Encoder, indices, channel, retrieval, noise reduction and decoder in one trainable model.

    The parts are the codec's own: what `fit` changes here is changed in the codec, and a second link
    around the same codec with another channel goes on from there. Pictures are worked on whole, a batch
    at a time; for 2K pictures at many SNRs the simulator is the tool.

    Args:
        codec: What has the layers `encoder`, `quantizer`, `nrb` and `decoder`: a `SemanticCodec`.
        channel: What lies between mapper and receiver. Either a Sionna block, its class, its import path
            or a `SionnaLayer` of it, called as channel(x, no) on symbols complex64 [B, S] with
            E|x|^2 = 1 and noise variances float32 [B], which returns y; or (y, h) with complex gains h
            known at the receiver, which are divided out; or (y, no_eff) with y equalised and no_eff
            float32 [B, S]. Or any other Keras layer, called as channel(indices, snr_db) on int32 [B, K],
            which returns p(k|y), float32 [B, K, N]: `IndexChannel`, the channel of stage 2.
        levels: Levels sent, 1..D; None for all.
        receiver: "soft": mean of the code vectors under p(k|y) and the codes' priors; "hard": the vector
            of the likeliest index.
        use_nrb: Whether NRB and requantisation run behind the retrieval.
        code: 5G LDPC code around the mapper, as Sionna's encoder. Its `n` must be a multiple of the
            bits of a symbol. None for uncoded indices.
        train: Names of the parts that `fit` trains; the other parts are frozen in the codec. With
            "encoder" or "quantizer" among them the quantiser's losses (eq. 7) are added to the model's.
        **kwargs: Arguments of `keras.Model`.

    Call Args:
        inputs: (images, snr_db): float [B, H, W, 3] in [0, 1]; Es/N0 in dB per complex symbol, float [B].
        training: If true, the images are not clipped, so that no gradient is cut off.

    Returns:
        Received images, float32 [B, H, W, 3], in [0, 1] unless training.

    Raises:
        ValueError: If an argument is none of the above, or Keras runs on another backend than TensorFlow.

    Example:
        >>> codec = SemanticCodec.from_preset("small")
        >>> link = SemanticLink(codec, "sionna.phy.channel.AWGN")
        >>> received = link((images, snr_db))
        >>> faded = SemanticLink(codec, RayleighFading())     # another channel, the same codec
        >>> faded.compile("adam", "mse")
        >>> faded.fit([images, snr_db], images)               # adapts NRB and decoder to it
        >>> codec.save("adapted")

    Reference: Zhou et al., "MOC-RVQ", section III.
    """

    def __init__(
        self,
        codec: Any,
        channel: Block | type[Block] | str | keras.layers.Layer,
        levels: int | None = None,
        receiver: str = "soft",
        use_nrb: bool = True,
        code: LDPC5GEncoder | None = None,
        train: Sequence[str] = ("nrb", "decoder"),
        **kwargs: Any,
    ):
        path = _make_path(codec.quantizer.states, channel, code)
        super().__init__(**kwargs)
        deepest = codec.quantizer.levels
        levels = deepest if levels is None else levels
        if not 1 <= levels <= deepest:
            raise ValueError(f"levels is {levels}; this codec has 1 to {deepest}")
        if receiver not in RECEIVERS:
            raise ValueError(f"receiver is {receiver!r}; it must be 'soft' or 'hard'")
        unknown = set(train) - set(PARTS)
        if isinstance(train, str) or unknown:
            raise ValueError(f"train is {train!r}; it must list some of {', '.join(PARTS)}")
        self.levels = levels
        self.receiver = receiver
        self.use_nrb = use_nrb
        self.encoder = codec.encoder
        self.quantizer = codec.quantizer
        self.nrb = codec.nrb
        self.decoder = codec.decoder
        self.channel_path = path
        for name in PARTS:
            getattr(self, name).trainable = name in train
        self._quantizer_learns = bool({"encoder", "quantizer"} & set(train))
        self.built = True  # the parts are

    def call(self, inputs: tuple[Any, Any], training: bool | None = None) -> Any:
        """Send images and receive them."""
        images, snr_db = inputs
        snr_db = ops.reshape(ops.cast(snr_db, "float32"), (-1,))
        z = ops.cast(self.encoder(images), "float32")
        quantized = self.quantizer.quantize_latent(z, self.levels)
        if self._quantizer_learns and training:
            self.add_loss(quantized.codebook_loss + self.quantizer.commitment * quantized.commitment_loss)
        evidence, worth = self.transport(quantized.indices[:, :, :, : self.levels], snr_db)
        # z - sg(z) is zero: the value is the retrieved one, the gradient goes to z as well.
        z_hat = self.retrieve(evidence) + (z - ops.stop_gradient(z))
        if self.use_nrb:
            z_hat = self._reduce_noise(z_hat, worth)
        height, width = ops.shape(images)[1:3]
        received = ops.cast(self.decoder(z_hat), "float32")[:, :height, :width]
        return received if training else ops.clip(received, 0.0, 1.0)

    def encode(self, images: Any) -> Any:
        """Indices that are sent for float [B, H, W, 3]: int32 [B, h, w, L, P]."""
        return self.quantizer.encode(self.encoder(images), self.levels)[:, :, :, : self.levels]

    def transport(self, indices: Any, snr_db: Any) -> tuple[Any, Any]:
        """Send indices over the channel.

        Args:
            indices: int32 [B, h, w, L, P].
            snr_db: Es/N0 in dB, float32 [B].

        Returns:
            (ln p(y|k) up to a constant, float32 [B, h, w, L, P, N]; the SNR in dB that it is worth, float32
            [B], which the NRB is told).
        """
        shape = tuple(ops.shape(indices))
        letters = ops.reshape(indices, (shape[0], -1))
        if isinstance(self.channel_path, QAMPath):
            evidence, worth = self.channel_path(letters, snr_db)
        else:
            evidence, worth = ops.log(ops.maximum(self.channel_path(letters, snr_db), 1e-30)), snr_db
        return ops.reshape(evidence, (*shape, self.quantizer.states)), worth

    def retrieve(self, evidence: Any) -> Any:
        """R: latent float32 [B, h, w, n_q] from log-likelihoods [B, h, w, L, P, N]."""
        missing = self.quantizer.levels - self.levels
        if self.receiver == "hard":
            indices = ops.cast(ops.argmax(evidence, axis=-1), "int32")
            return self.quantizer.look_up(
                ops.pad(indices, [(0, missing if axis == 3 else 0) for axis in range(5)]), self.levels
            )
        priors = ops.stack([moc.priors.value for moc in self.quantizer.mocs[: self.levels]])
        posteriors = posterior(evidence, priors)
        return self.quantizer.expected(
            ops.pad(posteriors, [(0, missing if axis == 3 else 0) for axis in range(6)]), self.levels
        )

    def _reduce_noise(self, z: Any, snr_db: Any) -> Any:
        """NRB and requantisation (eq. 9), straight-through."""
        z_r = self.nrb(z, ops.full((ops.shape(z)[0],), self.levels, "int32"), snr_db)
        return self.quantizer.requantize(z_r, self.levels) + (z_r - ops.stop_gradient(z_r))

    def compute_output_spec(self, inputs: tuple[Any, Any], training: bool | None = None) -> Any:
        """The shape does not change."""
        return keras.KerasTensor(inputs[0].shape, "float32")


def _make_path(states: int, channel: Any, code: LDPC5GEncoder | None) -> keras.layers.Layer:
    """The layer that carries indices over a channel."""
    if isinstance(channel, Block | str | type):
        channel = SionnaLayer(channel)
    if isinstance(channel, SionnaLayer):
        return QAMPath(states, channel, code)
    if not isinstance(channel, keras.layers.Layer):
        raise ValueError(
            f"channel is {channel!r}; it must be a Sionna block, its class or import path, a SionnaLayer, "
            "or a Keras layer that turns (indices, snr_db) into p(k|y)"
        )
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"SemanticLink runs on TensorFlow, but Keras runs on {keras.backend.backend()}; "
            "set KERAS_BACKEND=tensorflow"
        )
    if code is not None:
        raise ValueError(f"a code needs symbols to go over, but {type(channel).__name__} carries indices")
    return channel
