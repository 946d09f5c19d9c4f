"""The semantic link as one Keras model, image -> image, around any channel.

    images -> E -> MOC-RVQ -> indices -> [LDPC] -> Gray QAM -> channel -> [LDPC] -> p(k|y)
    images <- G <- MOC-RVQ <- NRB <- z_hat <- R <-----------------------------------'

What is differentiable, and what is not:

- G, the NRB and the retrieval R are, wholly. The requantiser is passed straight through.
- The soft receiver is differentiable in the received symbols, Sionna's channels are in the sent
  ones, and belief propagation is in its LLRs; but an index is a choice, so no true gradient leads
  from the symbols back to the encoder. It gets the straight-through one instead: the gradient at
  the retrieved latent z_hat is handed to z, as if the link had added a noise that does not depend
  on z. That is fair while most indices arrive, and says little below 8 dB or so, where half are
  lost.
- Variables of the framework inside a Sionna block (a trainable constellation) are not Keras weights:
  `fit` leaves them alone. A custom training step reaches them through the soft receiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import moclink.phy  # noqa: F401 - before Sionna: it refuses a version that cannot be used

# isort: split
import keras
import numpy as np
from keras import ops
from sionna.phy import Block
from sionna.phy.fec.ldpc import LDPC5GEncoder

from moclink.codec.inputs import whole_number
from moclink.codec.receiver import noise_variance, posterior
from moclink.codec.semantic_codec import SemanticCodec
from moclink.constants import RECEIVERS
from moclink.link_inputs import check_batch, check_pair, check_snr, unit_images
from moclink.phy.qam_link import QAMLink, make_index_link

PARTS = ("encoder", "quantizer", "nrb", "decoder")


@keras.saving.register_keras_serializable(package="moclink")
class SemanticLink(keras.Model):
    """Encoder, indices, channel, retrieval, noise reduction and decoder in one trainable model.

    The parts are the codec's own: what `fit` changes here is changed in the codec, and a second
    link around the same codec with another channel continues from there. Pictures are worked on
    whole, a batch at a time; for 2K pictures at many SNRs the simulator is the tool.

    Args:
        codec: What has the layers `encoder`, `quantizer`, `nrb` and `decoder`: a `SemanticCodec`.
        channel: What lies between mapper and receiver. Either a Sionna block, its class, its import
            path or a `SionnaLayer` of it, called as channel(x, no) on symbols complex64 [B, S] with
            E|x|^2 = 1 and noise variances float32 [B], which returns y; or (y, h) with complex
            gains h known at the receiver, which are divided out; or (y, no_eff) with y equalised
            and no_eff float32 [B, S]. Or any other Keras layer, called as channel(indices, snr_db)
            on int32 [B, K], which returns p(k|y), float32 [B, K, N]: `IndexChannel`, the channel of
            stage 2.
        levels: Levels sent, 1..D; None for all.
        receiver: "soft": mean of the code vectors under p(k|y) and the codes' priors; "hard": the
            vector of the likeliest index.
        use_nrb: Whether NRB and requantisation follow the retrieval.
        code: 5G LDPC code around the mapper: (k, n), or Sionna's encoder. Its `n` must be a
            multiple of the bits of a symbol. None for uncoded indices.
        train: Names of the parts that `fit` trains; the other parts are frozen in the codec. With
            "encoder" or "quantizer" among them the quantiser's losses (eq. 7) are added to the
            model's.
        **kwargs: Arguments of `keras.Model`.

    Call Args:
        inputs: (images, snr_db): float [B, H, W, 3] in [0, 1], or uint8; Es/N0 in dB per complex
            symbol, float [B], or [1] for all. Each picture is sent with mean energy 1. What lies
            beyond -100 to 100 dB, infinity included, counts as that limit.
        training: If true, the images are not clipped, so that no gradient is cut off.

    Returns:
        Received images, float32 [B, H, W, 3], in [0, 1] unless training.

    Raises:
        ValueError: If an argument is none of the above, images are of another shape or range, or
            Keras runs on another backend than Sionna.

    Example:
        >>> codec = SemanticCodec.from_preset("small")
        >>> link = SemanticLink(codec, "sionna.phy.channel.AWGN")
        >>> received = link((images, snr_db))
        >>> faded = SemanticLink(codec, RayleighFading())     # another channel, the same codec
        >>> faded.compile("adam", "mse")
        >>> faded.fit([images, snr_db], images)               # adapts NRB and decoder to it
        >>> codec.save("adapted")
        >>> faded.save("link.keras")      # with a channel given by its class or path, or any Keras layer

    Reference: Zhou et al., "MOC-RVQ", section III.
    """

    def __init__(
        self,
        codec: Any,
        channel: Block | type[Block] | str | keras.layers.Layer,
        levels: int | None = None,
        receiver: str = "soft",
        use_nrb: bool = True,
        code: LDPC5GEncoder | tuple[int, int] | None = None,
        train: Sequence[str] = ("nrb", "decoder"),
        **kwargs: Any,
    ):
        if missing := [name for name in PARTS if not hasattr(codec, name)]:
            raise ValueError(
                f"codec is {codec!r}, without {', '.join(missing)}; give a SemanticCodec, such as "
                'SemanticCodec.from_preset("small")'
            )
        path = make_index_link(codec.quantizer.states, channel, code)
        super().__init__(**{"dtype": "float32", **kwargs})
        deepest = codec.quantizer.levels
        levels = deepest if levels is None else levels
        levels = whole_number("levels", levels, deepest)
        if receiver not in RECEIVERS:
            raise ValueError(f"receiver is {receiver!r}; it must be 'soft' or 'hard'")
        unknown = set(train) - set(PARTS)
        if isinstance(train, str) or unknown:
            raise ValueError(f"train is {train!r}; it must list some of {', '.join(PARTS)}")
        self.codec = codec
        self.levels = levels
        self.receiver = receiver
        self.use_nrb = use_nrb
        self.trained_parts = tuple(train)
        self.encoder = codec.encoder
        self.quantizer = codec.quantizer
        self.nrb = codec.nrb
        self.decoder = codec.decoder
        self.index_path = path  # a name in saved models
        for name in PARTS:
            getattr(self, name).trainable = name in train
        self._quantizer_learns = bool({"encoder", "quantizer"} & set(train))
        self.build(((None, None, None, 3), (None,)))

    def build(self, input_shape: Any) -> None:
        """Nothing is left to build: the parts are; Keras notes the shapes, for `export`."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the model; the SNR may be a Python number or a list, as for Sionna's blocks."""
        check_pair(inputs, args)
        if isinstance(inputs[1], int | float | list):
            inputs = inputs[0], np.asarray(inputs[1], np.float32).reshape(-1)
        return super().__call__(inputs, **kwargs)

    def call(self, inputs: tuple[Any, Any], training: bool | None = None) -> Any:
        """Send images and receive them."""
        images, snr_db = inputs
        images = unit_images(images)
        check_snr(snr_db, images.shape[0])
        snr_db = ops.broadcast_to(
            ops.reshape(ops.cast(snr_db, "float32"), (-1,)), (ops.shape(images)[0],)
        )
        z = ops.cast(self.encoder(images), "float32")
        quantized = self.quantizer.quantize_latent(z, self.levels)
        if self._quantizer_learns and training:
            self.add_loss(
                quantized.codebook_loss + self.quantizer.commitment * quantized.commitment_loss
            )
        indices = quantized.indices[:, :, :, : self.levels]
        log_likelihoods, no = self.transport(indices, snr_db, training)
        # z - sg(z) is zero: the value is the retrieved one, the gradient goes to z as well.
        z_hat = self.retrieve(log_likelihoods) + (z - ops.stop_gradient(z))
        if self.use_nrb:
            z_hat = self._reduce_noise(z_hat, no)
        height, width = ops.shape(images)[1:3]
        received = ops.cast(self.decoder(z_hat), "float32")[:, :height, :width]
        return received if training else ops.clip(received, 0.0, 1.0)

    def encode(self, images: Any) -> Any:
        """Indices that are sent for images [B, H, W, 3], float in [0, 1] or uint8: int32 [B, h, w, L, P].

        Raises:
            ValueError: If the images have another shape or range.
        """
        return self.quantizer.encode(self.encoder(unit_images(images)), self.levels)[
            :, :, :, : self.levels
        ]

    def transport(self, indices: Any, snr_db: Any, training: bool | None = None) -> tuple[Any, Any]:
        """Send indices over the channel.

        Args:
            indices: int32 [B, h, w, L, P].
            snr_db: Es/N0 in dB, float32 [B].
            training: Whether gradients are wanted behind a channel code.

        Returns:
            (ln p(y|k) up to a constant, float32 [B, h, w, L, P, N]; the noise variance that it was
            made with, float32 [B], of which the NRB is told).
        """
        shape = tuple(ops.shape(indices))
        flat = ops.reshape(indices, (shape[0], -1))
        if isinstance(self.index_path, QAMLink):
            log_likelihoods, no = self.index_path(flat, snr_db, training=training)
        else:
            posteriors = self.index_path(flat, snr_db)
            log_likelihoods, no = ops.log(ops.maximum(posteriors, 1e-30)), noise_variance(snr_db)
        return ops.reshape(log_likelihoods, (*shape, self.quantizer.states)), no

    def retrieve(self, log_likelihoods: Any) -> Any:
        """R: latent float32 [B, h, w, n_q] from log-likelihoods [B, h, w, L, P, N]."""
        if self.receiver == "hard":
            return self.quantizer.look_up(ops.cast(ops.argmax(log_likelihoods, axis=-1), "int32"))
        priors = ops.stack([moc.priors.value for moc in self.quantizer.mocs[: self.levels]])
        return self.quantizer.expected(posterior(log_likelihoods, priors))

    def _reduce_noise(self, z: Any, no: Any) -> Any:
        """NRB and requantisation (eq. 9), straight-through."""
        snr_db = -10.0 * ops.log10(no)
        z_r = self.nrb(z, ops.full((ops.shape(z)[0],), self.levels, "int32"), snr_db)
        return self.quantizer.requantize(z_r, self.levels) + (z_r - ops.stop_gradient(z_r))

    def compute_output_spec(self, inputs: tuple[Any, Any], training: bool | None = None) -> Any:
        """The shape does not change."""
        return keras.KerasTensor(inputs[0].shape, "float32")

    # A compiled graph cannot look at pixels, so arrays are looked at before it is entered.

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.fit`."""
        check_batch(x)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.evaluate`."""
        check_batch(x)
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.predict`."""
        check_batch(x)
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.train_on_batch`."""
        check_batch(x)
        return super().train_on_batch(x, *args, **kwargs)

    def test_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.test_on_batch`."""
        check_batch(x)
        return super().test_on_batch(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """See `keras.Model.predict_on_batch`."""
        check_batch(x)
        return super().predict_on_batch(x)

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """See `keras.Model.save`; of a link that cannot be saved no file is begun."""
        self.get_config()
        return super().save(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments; the codec by its configuration, the weights being saved beside it.

        Raises:
            ValueError: If the channel is an instance of a Sionna block (see `SionnaLayer`), or
                the codec is no SemanticCodec.
        """
        if not isinstance(self.codec, SemanticCodec):
            raise ValueError(
                f"the codec is a {type(self.codec).__name__}; only a SemanticCodec can be saved"
            )
        coded = isinstance(self.index_path, QAMLink) and self.index_path.code
        return {
            **super().get_config(),
            "codec": self.codec.config,
            "channel": keras.saving.serialize_keras_object(
                self.index_path.channel if isinstance(self.index_path, QAMLink) else self.index_path
            ),
            "levels": self.levels,
            "receiver": self.receiver,
            "use_nrb": self.use_nrb,
            "code": [coded.k, coded.n, coded.num_bits_per_symbol] if coded else None,
            "train": list(self.trained_parts),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> SemanticLink:
        """Make the link of a configuration, around an untrained codec of its own."""
        config = dict(config)
        codec = SemanticCodec(config.pop("codec"))
        channel = keras.saving.deserialize_keras_object(config.pop("channel"), custom_objects)
        code = config.pop("code")
        if code is not None:
            code = LDPC5GEncoder(code[0], code[1], num_bits_per_symbol=code[2])
        return cls(codec, channel, code=code, **config)
