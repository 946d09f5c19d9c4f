"""LDPC and 64-QAM in stock Sionna calls, as a user writes them first: the baseline of `sweep`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Constellation, Demapper, Mapper

from moclink.phy.modems import BitModem
from moclink.phy.staged_decoder import LONGEST_STAGE

K, N, BITS_PER_SYMBOL, NUM_ITER = 324, 648, 6, 20
BATCH = 2048  # at which stock Sionna's decoder was fastest in graph mode


class NaiveLink:
    """Stock Sionna blocks, each in a `tf.function` of its own.

    Args:
        xla: Whether the decoder is compiled by XLA, in batches of 512.
        same_llrs: Whether moclink's demapper is used in place of Sionna's.
        stop: Whether the first codeword found is kept, looking as often as moclink does.
    """

    def __init__(self, xla: bool, same_llrs: bool = False, stop: bool = False) -> None:
        constellation = Constellation("qam", BITS_PER_SYMBOL)
        encoder = LDPC5GEncoder(K, N, num_bits_per_symbol=BITS_PER_SYMBOL)
        decoder = LDPC5GDecoder(encoder, num_iter=NUM_ITER)
        self._modem = BitModem(BITS_PER_SYMBOL) if same_llrs else None
        self._stop = StoppingStock(encoder) if stop else None
        mapper, demapper = (
            Mapper(constellation=constellation),
            Demapper("app", constellation=constellation),
        )
        self._batch = 512 if xla else BATCH
        self._encode = tf.function(lambda u: encoder(u), reduce_retracing=True)
        self._map = tf.function(lambda c: mapper(c), reduce_retracing=True)
        self._demap = tf.function(lambda y, no: demapper(y, no), reduce_retracing=True)
        # XLA compiles for one shape, so its batches are filled up; a graph takes what there is.
        self._fill = 512 if xla else 1
        self._decode = tf.function(lambda llr: decoder(llr), jit_compile=xla, reduce_retracing=True)

    def send(self, bits: np.ndarray) -> np.ndarray:
        """Bits [K'] -> symbols [S]."""
        blocks = np.pad(bits, (0, -len(bits) % K)).reshape(-1, K)
        return self._map(self._encode(tf.constant(blocks, tf.float32))).numpy().reshape(-1)

    def receive(self, received: np.ndarray, no: np.float32) -> tuple[np.ndarray, float | None]:
        """Symbols [S] -> bits uint8 [K''], and mean iterations if they are counted."""
        if self._modem:
            llr = self._modem.demap(received[None], np.array([no])).reshape(-1, N)
        else:
            llr = self._demap(tf.constant(received.reshape(-1, N // BITS_PER_SYMBOL)), no).numpy()
        padded = np.pad(llr, ((0, -len(llr) % self._fill), (0, 0)))
        starts = range(0, len(padded), self._batch)
        if self._stop:
            bits, spent = zip(
                *(self._stop(padded[i : i + self._batch]) for i in starts), strict=True
            )
            return np.concatenate(bits)[: len(llr)].reshape(-1), np.concatenate(spent)[
                : len(llr)
            ].mean()
        parts = [self._decode(padded[i : i + self._batch]).numpy() for i in starts]
        return np.concatenate(parts)[: len(llr)].astype(np.uint8).reshape(-1), None


class StoppingStock:
    """Stock calls that look for a codeword after every few iterations and keep the first.

    What a decoder decides is a codeword if encoding its information bits gives all its decisions
    back.

    Args:
        encoder: Sionna's encoder.
    """

    def __init__(self, encoder: LDPC5GEncoder) -> None:
        def decoder(infobits: bool) -> LDPC5GDecoder:
            return LDPC5GDecoder(
                encoder, num_iter=LONGEST_STAGE, return_state=True, return_infobits=infobits
            )

        information, codeword = decoder(True), decoder(False)

        def begin(llr: tf.Tensor) -> tuple[tf.Tensor, ...]:
            bits, state = information(llr)
            return bits, tf.reduce_all(encoder(bits) == codeword(llr)[0], axis=1), state

        def go_on(llr: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, ...]:
            bits, next_state = information(llr, msg_v2c=state)
            found = tf.reduce_all(encoder(bits) == codeword(llr, msg_v2c=state)[0], axis=1)
            return bits, found, next_state

        self._begin, self._go_on = (tf.function(f, jit_compile=True) for f in (begin, go_on))

    def __call__(self, llr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """LLRs [B, n] -> bits uint8 [B, k] and iterations [B]."""
        kept, spent, done = (
            np.zeros((len(llr), K), np.uint8),
            np.zeros(len(llr)),
            np.zeros(len(llr), bool),
        )
        state = None
        for iteration in range(LONGEST_STAGE, NUM_ITER + 1, LONGEST_STAGE):
            bits, found, state = self._begin(llr) if state is None else self._go_on(llr, state)
            kept[~done], spent[~done] = bits.numpy()[~done], iteration
            done |= found.numpy()
        return kept, spent
