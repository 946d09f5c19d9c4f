"""Sionna's belief propagation in stages, over lanes that are refilled as codewords converge.

Sionna's decoder spends every iteration on every codeword, because the batch is one tensor. It can,
however, hand out its messages and go on from them (`return_state`). So here a fixed number of lanes
is decoded a few iterations at a time; lanes whose codeword satisfies all parity checks are emptied
and filled with the codewords that wait. All shapes are fixed, so the loop runs eagerly, in a graph
and under XLA, on a CPU or a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf
from sionna.phy.fec.ldpc import LDPCBPDecoder

from moclink.phy.ldpc_graph import TannerGraph

# Longer stages have less overhead, but finish late: with 2, the 5G code at rate 1/2 is at most 15 %
# slower below the waterfall and twice as fast at 30 dB as with 4.
LONGEST_STAGE = 2


@dataclass(frozen=True, eq=False)
class StagedOutput:
    """Result of `StagedDecoder`.

    Attributes:
        logits: [B, num_vns], a-posteriori ln P(1)/P(0) of every variable node.
        converged: bool [B], whether every parity check is satisfied.
        iterations: int32 [B], the iterations spent.
        messages: [num_edges, B], Sionna's decoder state, if it was asked for, else None.
    """

    logits: tf.Tensor
    converged: tf.Tensor
    iterations: tf.Tensor
    messages: tf.Tensor | None


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same while codewords pass through the lanes."""

    llr: tf.Tensor
    messages: tf.Tensor | None
    num_iter: int | tf.Tensor
    batch: tf.Tensor
    count: tf.Tensor
    return_messages: bool

    @property
    def stage(self) -> int | tf.Tensor:
        """Iterations of a stage; stages add up to num_iter, which may be 0."""
        if isinstance(self.num_iter, int):
            stages = range(1, min(LONGEST_STAGE, self.num_iter) + 1)
            return max((stage for stage in stages if self.num_iter % stage == 0), default=0)
        stage = tf.zeros([], tf.int32)
        for longer in range(1, LONGEST_STAGE + 1):
            fits = (self.num_iter % longer == 0) & (self.num_iter >= longer)
            stage = tf.where(fits, longer, stage)
        return stage

    def waiting(self, index: tf.Tensor) -> tf.Tensor:
        """The codeword of this index, or the idle row if there are no more."""
        return tf.where(index < self.count, index, self.batch)


class StagedDecoder:
    """Runs an `LDPCBPDecoder` in stages over lanes that are refilled as codewords converge.

    Args:
        decoder: Sionna's decoder with `return_state=True` and `hard_out=False`, flooding schedule,
            no callbacks: then stages add up to an uninterrupted run.
        graph: The graph that the decoder decodes on.
        lanes: Codewords decoded side by side.
    """

    def __init__(self, decoder: LDPCBPDecoder, graph: TannerGraph, lanes: int) -> None:
        self._decoder = decoder
        self._lanes = lanes
        self._num_cns = graph.num_cns
        self._num_vns = graph.num_vns
        degrees = graph.cn_start[1:] - graph.cn_start[:-1]
        self._edge_vn = tf.constant(graph.cn_vn)
        self._edge_cn = tf.repeat(tf.range(graph.num_cns), degrees)

    def satisfied(self, logits: tf.Tensor) -> tf.Tensor:
        """Say which rows of logits [B, num_vns] decide for a codeword: bool [B]."""
        bits = tf.cast(tf.transpose(logits) >= 0, tf.int32)
        sums = tf.math.unsorted_segment_sum(
            tf.gather(bits, self._edge_vn), self._edge_cn, self._num_cns
        )
        return tf.reduce_all(tf.equal(sums % 2, 0), axis=0)

    def __call__(
        self,
        llr: tf.Tensor,
        num_iter: int | tf.Tensor,
        count: tf.Tensor | None = None,
        messages: tf.Tensor | None = None,
        return_messages: bool = False,
    ) -> StagedOutput:
        """Decode the first `count` rows of llr.

        Args:
            llr: [B, num_vns], ln P(1)/P(0) of every variable node.
            num_iter: The most iterations spent on a codeword, int or int32 scalar; 0 gives the LLRs
                back.
            count: Rows to decode, int32; None: all.
            messages: [num_edges, B], a decoder state to start from.
            return_messages: Whether to return the final decoder state.

        Returns:
            `StagedOutput`; rows from `count` on are zero.
        """
        batch = tf.shape(llr)[0]
        # Row `batch` is where idle lanes read from and write to.
        llr = tf.concat([llr, tf.zeros([1, self._num_vns], llr.dtype)], axis=0)
        if messages is not None:
            messages = tf.concat([messages, tf.zeros_like(messages[:, :1])], axis=1)
        job = _Job(
            llr, messages, num_iter, batch, batch if count is None else count, return_messages
        )
        word = job.waiting(tf.range(self._lanes))
        start = (
            tf.constant(self._lanes),
            word,
            tf.zeros([self._lanes], tf.int32),
            self._enter(job, word),
            tf.zeros_like(llr),
            tf.zeros([batch + 1], tf.bool),
            tf.zeros([batch + 1], tf.int32),
            tf.zeros([batch + 1 if return_messages else 1, len(self._edge_vn)], llr.dtype),
        )
        result = tf.while_loop(
            lambda upcoming, word, *_: tf.reduce_any(word < job.count),
            lambda *carry: self._advance(job, *carry),
            start,
        )
        logits, converged, iterations, final = (tensor[:-1] for tensor in result[4:])
        return StagedOutput(
            logits, converged, iterations, tf.transpose(final) if return_messages else None
        )

    def _enter(self, job: _Job, word: tf.Tensor) -> tf.Tensor:
        """Messages [num_edges, lanes] of the codewords that enter the lanes."""
        if job.messages is not None:
            return tf.gather(job.messages, word, axis=1)
        return self._decoder(tf.gather(job.llr, word), num_iter=0)[1]

    def _advance(
        self, job: _Job, upcoming, word, spent, state, logits, converged, iterations, final
    ):
        """Decode every lane for one stage, store those that leave, refill their lanes."""
        x_hat, state = self._decoder(tf.gather(job.llr, word), num_iter=job.stage, msg_v2c=state)
        spent += job.stage
        satisfied = self.satisfied(x_hat)
        leaves = satisfied | (spent >= job.num_iter)
        row = tf.where(leaves, word, job.batch)[:, tf.newaxis]
        logits = tf.tensor_scatter_nd_update(logits, row, x_hat)
        converged = tf.tensor_scatter_nd_update(converged, row, satisfied)
        iterations = tf.tensor_scatter_nd_update(iterations, row, spent)
        if job.return_messages:
            final = tf.tensor_scatter_nd_update(final, row, tf.transpose(state))
        places = tf.cumsum(tf.cast(leaves, tf.int32))
        word = tf.where(leaves, job.waiting(upcoming + places - 1), word)
        state = tf.where(leaves, self._enter(job, word), state)
        spent = tf.where(leaves, 0, spent)
        return upcoming + places[-1], word, spent, state, logits, converged, iterations, final


def place_tensor(graph: TannerGraph, llr: tf.Tensor, llr_max: tf.Tensor) -> tf.Tensor:
    """Put received LLRs on their variable nodes, by one gather with `TannerGraph.sources`.

    Args:
        graph: The decoding graph.
        llr: [B, n], ln P(1)/P(0).
        llr_max: Magnitude of the LLR of a known bit.

    Returns:
        [B, num_vns].
    """
    batch = tf.shape(llr)[0]
    # One gather from [llr, known zero bit, punctured bit].
    known = tf.fill([batch, 1], -tf.cast(llr_max, llr.dtype))
    sources = tf.concat([llr, known, tf.zeros_like(known)], axis=1)
    return tf.gather(sources, graph.sources(), axis=1)
