"""Codebook indices over Sionna blocks as one Keras layer: mapper, channel, demapper, LDPC around them."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from sionna.phy import Block
from sionna.phy.fec.ldpc import LDPC5GEncoder, LDPCBPDecoder
from sionna.phy.mapping import Demapper, Mapper

from moclink.codec.receiver import log_likelihoods, noise_variance
from moclink.phy import engine, tensors
from moclink.phy.early_stopping import EarlyStoppingLDPC5GDecoder, place_tensor
from moclink.phy.fading import divide_out
from moclink.phy.layer import SionnaLayer, require_engine_backend
from moclink.phy.ldpc_graph import graph_5g, sparse_pcm
from moclink.phy.modems import pam_amplitudes
from moclink.phy.user_block import takes_one_input
from moclink.snr import from_decibels

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
    argument = np.sqrt(3 * from_decibels(SNR_GRID) / (states**2 - 1))
    tail = np.array([0.5 * math.erfc(value / math.sqrt(2)) for value in argument])
    rates = (2 * (1 - 1 / states) * tail)[::-1].astype(np.float32)  # rising
    place = ops.searchsorted(ops.convert_to_tensor(rates), ops.reshape(index_error_rate, (-1,)))
    return ops.take(SNR_GRID[::-1].astype(np.float32), ops.minimum(place, len(SNR_GRID) - 1))


class LDPCReceiver(keras.layers.Layer):
    """Soft-output decoder of a 5G LDPC code.

    Called for training it does all its iterations, so that gradients pass and XLA can compile them;
    else a codeword is left as soon as its parity checks are satisfied. Both decode every (k, n) of
    the encoder (Sionna's own decoder ends in a reshape for some, such as (720, 3600)).

    Args:
        code: 5G LDPC encoder.
        num_iter: The most iterations.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call Args:
        llr: ln P(1)/P(0) of the transmitted bits, float32 [B, n].
        training: Whether gradients are wanted.

    Returns:
        ln P(1)/P(0) of the information bits, float32 [B, k].
    """

    def __init__(self, code: LDPC5GEncoder, num_iter: int = 20, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self._graph = graph_5g(code, prune=True)
        options: dict[str, Any] = {"num_iter": num_iter, "hard_out": False, "precision": "single"}
        # The same function of the messages, but XLA cannot compile the gradient of "boxplus".
        every = LDPCBPDecoder(sparse_pcm(code, self._graph), cn_update="boxplus-phi", **options)
        early = EarlyStoppingLDPC5GDecoder(code, cn_update="boxplus", **options)
        engine.set_untracked(self, _code=code, _all_iterations=every, _early_stopping=early)
        self.built = True

    def call(self, llr: Any, training: bool | None = None) -> Any:
        """Decode."""
        if not training:
            with engine.without_gradients():
                return self._early_stopping(llr)
        placed = place_tensor(self._graph, llr, self._all_iterations.llr_max)
        return self._all_iterations(placed)[:, : self._code.k]


class QAMLink(keras.layers.Layer):
    """Indices over Sionna blocks: mapper, channel and demapper, with an LDPC code around them or without.

    The symbols of each picture are sent with mean energy 1: their scale is side information, like
    the size of a picture, and is undone before the demapper.

    Args:
        states: States of an index, N; the constellation is N^2-QAM.
        channel: Sionna block as a layer, see `moclink.link.SemanticLink`.
        code: 5G LDPC encoder, or None.
        num_iter: Iterations of the LDPC decoder.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call Args:
        indices: int32 [B, K], values 0..N-1.
        snr_db: Es/N0 in dB, float32 [B].
        training: Whether gradients are wanted.

    Returns:
        (ln p(y|k) up to a constant, float32 [B, K, N]; the noise variance that it was made with,
        relative to the constellation's unit energy, float32 [B]: 1 / mean(1 / no) of the equalised
        symbols, or behind a code that of uncoded symbols whose indices would be as uncertain).
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
        engine.set_untracked(self, code=code)
        self._table = bit_table(states)
        self._width = int(self._table.shape[1])
        # Whatever Sionna's config.precision is: the networks around it are in single precision.
        qam = {
            "constellation_type": "qam",
            "num_bits_per_symbol": 2 * self._width,
            "precision": "single",
        }
        self.mapper = SionnaLayer(Mapper, qam)
        if code is not None:
            if code.n % (2 * self._width):
                raise ValueError(
                    f"codewords of n = {code.n} bits do not fill whole symbols of {2 * self._width} bits; "
                    "choose n as a multiple"
                )
            self.code_layer = SionnaLayer(code)
            self.demapper = SionnaLayer(Demapper, {"demapping_method": "app", **qam})
            self.decoder = LDPCReceiver(code, num_iter)

    def call(self, indices: Any, snr_db: Any, training: bool | None = None) -> tuple[Any, Any]:
        """Send and receive."""
        no = noise_variance(snr_db)
        bits = ops.take(self._table, indices, axis=0)
        if self.code is None:
            return self._uncoded(bits, no)
        return self._coded(bits, no, self.code, training)

    def _uncoded(self, bits: Any, no: Any) -> tuple[Any, Any]:
        """One index on each axis: its log-likelihoods are the distances to the amplitudes of that axis."""
        count = ops.shape(bits)[1]
        even = ops.pad(bits, ((0, 0), (0, count % 2), (0, 0)))
        y, no_eff = self._over_channel(interleave_axes(even), no)
        axes = ops.reshape(ops.stack([ops.real(y), ops.imag(y)], axis=-1), (ops.shape(y)[0], -1))
        variance = ops.repeat(no_eff, 2, axis=1)[..., None]
        likelihoods = log_likelihoods(axes, variance, pam_amplitudes(self.states))
        return likelihoods[:, :count], 1.0 / ops.maximum(ops.mean(1.0 / no_eff, axis=1), 1e-6)

    def _coded(
        self, bits: Any, no: Any, code: LDPC5GEncoder, training: bool | None
    ) -> tuple[Any, Any]:
        """Indices as bits through the code; the log-likelihoods are the decoder's soft output."""
        batch, count = ops.shape(bits)[:2]
        used, k, n = count * self._width, code.k, code.n
        blocks = -(-used // k)
        filled = ops.pad(ops.reshape(bits, (batch, used)), ((0, 0), (0, blocks * k - used)))
        codewords = self.code_layer(ops.reshape(filled, (batch * blocks, k)))
        y, no_eff = self._over_channel(ops.reshape(codewords, (batch, -1, 2 * self._width)), no)
        llr = self.demapper(y[..., None], no_eff[..., None])
        llr = self.decoder(ops.reshape(llr, (batch * blocks, n)), training=training)
        llr = ops.reshape(
            ops.reshape(llr, (batch, blocks * k))[:, :used], (batch, count, self._width)
        )
        likelihoods = ops.matmul(
            llr, self._table.T
        )  # ln p of a label: the sum of the LLRs of its ones
        uncertain = 1.0 - ops.max(ops.softmax(likelihoods), axis=-1)
        snr_db = equivalent_snr(ops.mean(uncertain, axis=1), self.states)
        return likelihoods, noise_variance(snr_db)

    def _over_channel(self, bits: Any, no: Any) -> tuple[Any, Any]:
        """Map bits [B, S, 2m]; symbols in the constellation's units and their noise, both [B, S]."""
        points = self.mapper(bits)[
            ..., 0
        ]  # a symbol at a time: Sionna's mapper needs a known last axis
        energy = ops.mean(ops.real(points) ** 2 + ops.imag(points) ** 2, axis=1, keepdims=True)
        scale = ops.rsqrt(energy)  # [B, 1]; no mapped point is zero
        x = points * tensors.astype(scale, points.dtype)
        received = self.channel(x, no)
        if not isinstance(received, tuple | list):
            received = (received, no[:, None])
        y, second = received
        with_gains = "complex" in keras.backend.standardize_dtype(second.dtype)
        y = tensors.astype(y, "complex64")
        second = tensors.astype(second, "complex64" if with_gains else "float32")
        y = ops.reshape(y, ops.shape(x))
        if with_gains:
            y, no_eff = divide_out(y, ops.reshape(second, ops.shape(x)), no)
        else:
            no_eff = ops.broadcast_to(second, ops.shape(x))
        return y / tensors.astype(scale, y.dtype), no_eff / scale**2


def make_index_link(states: int, channel: Any, code: Any = None) -> keras.layers.Layer:
    """The layer that carries indices over a channel.

    Args:
        states: N.
        channel: See `moclink.link.SemanticLink`.
        code: Encoder of Sionna, or its (k, n); None for uncoded indices.

    Raises:
        ValueError: If there is no such path; the message says why.
    """
    if isinstance(channel, str) and "." not in channel.partition("?")[0]:
        raise ValueError(
            f"channel is {channel!r}, a name for moclink.run; give a block or its path, such as "
            "'sionna.phy.channel.AWGN' or moclink.phy.fading.RayleighFading()"
        )
    if isinstance(channel, Block | str | type):
        channel = SionnaLayer(channel)
    if isinstance(code, tuple | list):
        width = 2 * (states.bit_length() - 1)
        try:
            code = LDPC5GEncoder(*code, num_bits_per_symbol=width)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"code is {tuple(code)}: {error}; give (k, n) of a 5G LDPC code, with n a multiple "
                f"of {width}, the bits of a symbol"
            ) from error
    if code is not None and not isinstance(code, LDPC5GEncoder):
        raise ValueError(
            f"code is {code!r}; give (k, n) of a 5G LDPC code, such as (324, 648), or Sionna's encoder"
        )
    if isinstance(channel, SionnaLayer):
        return QAMLink(states, channel, code)
    if not isinstance(channel, keras.layers.Layer) or takes_one_input(channel):
        raise ValueError(
            f"channel is {channel!r}; it must be a Sionna block, its class or import path, a SionnaLayer, "
            "or a Keras layer that turns (indices, snr_db) into p(k|y)"
        )
    require_engine_backend("The channels of SemanticLink")
    if code is not None:
        raise ValueError(
            f"a code needs symbols to go over, but {type(channel).__name__} carries indices"
        )
    return channel
