"""Sionna's belief propagation in stages, over lanes that are refilled as codewords converge.

Sionna's decoder spends every iteration on every codeword, because the batch is one tensor. It can,
however, return its messages and resume from them (`return_state`). So here a fixed number of lanes
is decoded a few iterations at a time; lanes whose codeword satisfies all parity checks are emptied
and filled with the codewords that wait. All shapes are fixed, so the loop runs eagerly, in a graph
of TensorFlow and under XLA, on a CPU or a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sionna.phy.fec.ldpc import LDPCBPDecoder

from moclink.phy import engine, tensors
from moclink.phy.ldpc_graph import TannerGraph

Tensor = Any  # of TensorFlow or PyTorch
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
        messages: Sionna's decoder state, if it was asked for, else None: [num_edges, B] in Sionna 1.2,
            [B, num_edges] in Sionna 2.
    """

    logits: Tensor
    converged: Tensor
    iterations: Tensor
    messages: Tensor | None


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same while codewords pass through the lanes."""

    llr: Tensor
    messages: Tensor | None
    num_iter: int | Tensor
    batch: Tensor
    count: Tensor
    return_messages: bool

    @property
    def stage(self) -> int | Tensor:
        """Iterations of a stage; stages add up to num_iter, which may be 0."""
        if isinstance(self.num_iter, int):
            stages = range(1, min(LONGEST_STAGE, self.num_iter) + 1)
            return max((stage for stage in stages if self.num_iter % stage == 0), default=0)
        stage = tensors.zeros([], "int32")
        for longer in range(1, LONGEST_STAGE + 1):
            fits = (self.num_iter % longer == 0) & (self.num_iter >= longer)
            stage = tensors.where(fits, longer, stage)
        return stage

    def waiting(self, index: Tensor) -> Tensor:
        """The codeword of this index, or the idle row if there are no more."""
        return tensors.where(index < self.count, index, self.batch)


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
        self._edge_vn = tensors.tensor(graph.cn_vn)
        self._edge_cn = tensors.tensor(np.repeat(np.arange(graph.num_cns), degrees), "int32")

    def satisfied(self, logits: Tensor) -> Tensor:
        """Say which rows of logits [B, num_vns] decide for a codeword: bool [B]."""
        bits = tensors.astype(tensors.transpose(logits, (1, 0)) >= 0, "int32")
        sums = tensors.sum_by(tensors.take(bits, self._edge_vn, 0), self._edge_cn, self._num_cns)
        return tensors.all_of(sums % 2 < 1, axis=0)

    def __call__(
        self,
        llr: Tensor,
        num_iter: int | Tensor,
        count: Tensor | None = None,
        messages: Tensor | None = None,
        return_messages: bool = False,
    ) -> StagedOutput:
        """Decode the first `count` rows of llr.

        Args:
            llr: [B, num_vns], ln P(1)/P(0) of every variable node.
            num_iter: The most iterations spent on a codeword, int or int32 scalar; 0 gives the LLRs
                back.
            count: Rows to decode, int32; None: all.
            messages: A decoder state to start from, as in `StagedOutput`.
            return_messages: Whether to return the final decoder state.

        Returns:
            `StagedOutput`; rows from `count` on are zero.
        """
        batch = tensors.shape(llr)[0]
        # No more lanes than codewords, where their number is known before a graph is made.
        lanes = min(self._lanes, max(batch, 1)) if isinstance(batch, int) else self._lanes
        # Row `batch` is where idle lanes read from and write to.
        llr = tensors.concatenate([llr, tensors.zeros([1, self._num_vns], llr.dtype)], 0)
        if messages is not None:
            axis = engine.CODEWORD_AXIS
            idle = [1, len(self._edge_vn)] if axis == 0 else [len(self._edge_vn), 1]
            messages = tensors.concatenate([messages, tensors.zeros(idle, messages.dtype)], axis)
        job = _Job(
            llr, messages, num_iter, batch, batch if count is None else count, return_messages
        )
        word = job.waiting(tensors.arange(lanes))
        start = (
            tensors.tensor(lanes, "int32"),
            word,
            tensors.zeros([lanes], "int32"),
            self._enter(job, word),
            tensors.zeros([batch + 1, self._num_vns], llr.dtype),
            tensors.zeros([batch + 1], "bool"),
            tensors.zeros([batch + 1], "int32"),
            tensors.zeros([batch + 1 if return_messages else 1, len(self._edge_vn)], llr.dtype),
        )
        result = tensors.while_loop(
            lambda upcoming, word, *_: tensors.any_of(word < job.count),
            lambda *carry: self._advance(job, *carry),
            start,
        )
        logits, converged, iterations, final = (tensor[:-1] for tensor in result[4:])
        return StagedOutput(
            logits, converged, iterations, _by_codeword(final) if return_messages else None
        )

    def _enter(self, job: _Job, word: Tensor) -> Tensor:
        """Messages of the codewords that enter the lanes."""
        if job.messages is not None:
            return tensors.take(job.messages, word, engine.CODEWORD_AXIS)
        return self._decoder(tensors.take(job.llr, word, 0), num_iter=0)[1]

    def _advance(
        self, job: _Job, upcoming, word, spent, state, logits, converged, iterations, final
    ):
        """Decode every lane for one stage, store those that leave, refill their lanes."""
        x_hat, state = self._decoder(
            tensors.take(job.llr, word, 0), num_iter=job.stage, msg_v2c=state
        )
        spent += job.stage
        satisfied = self.satisfied(x_hat)
        leaves = satisfied | (spent >= job.num_iter)
        row = tensors.where(leaves, word, job.batch)
        logits = tensors.put_rows(logits, row, x_hat)
        converged = tensors.put_rows(converged, row, satisfied)
        iterations = tensors.put_rows(iterations, row, spent)
        if job.return_messages:
            final = tensors.put_rows(final, row, _by_codeword(state))
        places = tensors.cumulative_sum(tensors.astype(leaves, "int32"))
        word = tensors.where(leaves, job.waiting(upcoming + places - 1), word)
        leaving = leaves if engine.CODEWORD_AXIS == 1 else leaves[:, None]
        state = tensors.where(leaving, self._enter(job, word), state)
        spent = tensors.where(leaves, 0, spent)
        return upcoming + places[-1], word, spent, state, logits, converged, iterations, final


def _by_codeword(messages: Tensor) -> Tensor:
    """Messages with the codewords on axis 0, or from there in the order of Sionna's decoder."""
    return messages if engine.CODEWORD_AXIS == 0 else tensors.transpose(messages, (1, 0))


def place_tensor(graph: TannerGraph, llr: Tensor, llr_max: Any) -> Tensor:
    """Put received LLRs on their variable nodes, by one gather with `TannerGraph.sources`.

    Args:
        graph: The decoding graph.
        llr: [B, n], ln P(1)/P(0).
        llr_max: Magnitude of the LLR of a known bit.

    Returns:
        [B, num_vns].
    """
    # One gather from [llr, known zero bit, punctured bit].
    nothing = tensors.zeros([tensors.shape(llr)[0], 1], llr.dtype)
    known = nothing - tensors.astype(llr_max, llr.dtype)
    sources = tensors.concatenate([llr, known, nothing], 1)
    return tensors.take(sources, tensors.tensor(graph.sources()), 1)
