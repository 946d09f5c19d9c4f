"""A sum-product decoder that runs wholly on a PyTorch device and drops codewords as they converge.

Equations, clipping and stopping are those of `moclink.phy.belief_propagation`, with codewords on the
last axis: each step reads and writes whole rows, in the groups of `moclink.phy.degree_groups`. A
codeword's decisions are frozen after the iteration that satisfied all its checks. After every
stage the host asks once which codewords are left, and if they are few enough the batch shrinks to
them. So neither the batch, nor the stages, nor the shrinking change what is decided.

Nothing is added up in an order that is left to chance (there is no scatter-add).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sionna.phy import config

from moclink.phy.check_nodes import LLR_MAX, SMALLEST_Q
from moclink.phy.degree_groups import DegreeGroups, group_by_degree
from moclink.phy.fused import Fused
from moclink.phy.ldpc_graph import DecodedBlocks, TannerGraph, checked_llr

Tensor = Any  # of PyTorch
STAGE = 2  # iterations between two questions to the device
# Codewords come in whole vectors, so that none is computed by the code for remainders.
VECTOR = 64
SHRINK = 0.75  # the batch shrinks when no more than this share of it is left
# Messages of a batch: 0.5 GB, so that a GPU is busy; on a CPU 16 MB, which stay near the cache.
MOST_MESSAGES = {"cuda": 2**27, "cpu": 2**22}
_KNOWN_ZERO = 1e4  # LLR ln P(0)/P(1)


@dataclass(eq=False)
class Batch:
    """Codewords that are being decoded; all but `word` has them on the last axis.

    Attributes:
        channel: LLRs ln P(0)/P(1) of the rows that have a node, [rows - 1, B].
        posterior: [rows, B].
        messages: [messages, B].
        done: bool [B], whether all checks are satisfied.
        spent: int32 [B], iterations.
        word: int64 [B], their places in the output; the last place of it for columns that only fill
            the last vector.
    """

    channel: Tensor
    posterior: Tensor
    messages: Tensor
    done: Tensor
    spent: Tensor
    word: Tensor

    @property
    def width(self) -> int:
        """Columns."""
        return self.word.shape[0]

    def chosen(self, columns: Tensor) -> Batch:
        """Some of the columns."""
        return Batch(
            self.channel[:, columns],
            self.posterior[:, columns],
            self.messages[:, columns],
            self.done[columns],
            self.spent[columns],
            self.word[columns],
        )


class DeviceDecoder:
    """Sum-product decoding of a graph with early stopping, in batches on a GPU or a CPU.

    Args:
        graph: The code's parity checks and rate matching.
        num_iter: The most iterations spent on a codeword.
        device: Device of PyTorch; None: Sionna's.
        compile: Whether torch.compile fuses an iteration into a few kernels, which takes up to a
            minute once a process; None: on a GPU. Where it fails, as without a C compiler,
            iterations run unfused, and one line says so.

    Attributes:
        device: Where it decodes.
        fuses: Whether iterations are compiled.

    Example:
        >>> decoder = DeviceDecoder(get_code("ldpc5g", 324, 648).graph)
        >>> bits = decoder.decode(llr).bits

    Raises:
        ValueError: If num_iter is not positive.
    """

    def __init__(
        self,
        graph: TannerGraph,
        num_iter: int = 20,
        device: str | torch.device | None = None,
        compile: bool | None = None,
    ) -> None:
        if num_iter < 1:
            raise ValueError(f"num_iter is {num_iter}; at least 1 is wanted")
        self.device = torch.device(device or config.device)
        self._groups = group_by_degree(graph)
        self._n, self._k, self._num_iter = len(graph.received), graph.k, num_iter
        sources = graph.sources()  # of nodes: a received bit, n + 1 where nothing is known
        nodes = np.concatenate([group.nodes for group in self._groups.variables])
        self._sources = self._on_device(np.minimum(sources[nodes], self._n))
        # An information bit that is shortened is zero, as the last row says.
        self._information = self._on_device(self._groups.row_of[: graph.k])
        iterate = _make_iteration(self._groups, self._on_device)
        self.fuses = self.device.type == "cuda" if compile is None else compile
        self._iterate = Fused(iterate, "LDPC decoding") if self.fuses else iterate
        kind = "cpu" if self.device.type == "cpu" else "cuda"
        most = MOST_MESSAGES[kind] // self._groups.num_messages
        self._most = max(VECTOR, most // VECTOR * VECTOR)

    def _on_device(self, values: NDArray) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(values), device=self.device)

    def decode(self, llr: NDArray[np.float32]) -> DecodedBlocks:
        """See `moclink.phy.ldpc.LDPCDecoder`."""
        llr = checked_llr(llr, self._n)
        return DecodedBlocks(*(x.cpu().numpy() for x in self.decode_tensor(torch.from_numpy(llr))))

    @torch.no_grad()
    def decode_tensor(self, llr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decode codewords that may be on the device already.

        Args:
            llr: float32 [B, n], ln P(1)/P(0).

        Returns:
            On the device: bits uint8 [B, k], convergence bool [B] and iterations int32 [B].
        """
        count = len(llr)
        # One more row, for columns that fill the last vector.
        outputs = (
            torch.empty((count + 1, self._k), dtype=torch.uint8, device=self.device),
            torch.zeros(count + 1, dtype=torch.bool, device=self.device),
            torch.zeros(count + 1, dtype=torch.int32, device=self.device),
        )
        for start in range(0, count, self._most):
            part = llr[start : start + self._most].to(self.device)
            self._decode_batch(self._begin(part, start, count), outputs)
        bits, converged, iterations = (output[:count] for output in outputs)
        return bits, converged, iterations

    def _begin(self, llr: Tensor, start: int, idle: int) -> Batch:
        """Codewords before their first iteration."""
        count, empty = len(llr), -len(llr) % VECTOR
        received = torch.nn.functional.pad((-llr).clamp(-LLR_MAX, LLR_MAX).T, (0, empty, 0, 1))
        channel = received[self._sources]
        width = count + empty
        known = channel.new_full((1, width), _KNOWN_ZERO)
        word = torch.arange(start, start + width, device=self.device)
        word[count:] = idle
        return Batch(
            channel,
            torch.cat([channel, known]),
            channel.new_zeros((self._groups.num_messages, width)),
            word == idle,
            torch.zeros(width, dtype=torch.int32, device=self.device),
            word,
        )

    def _decode_batch(self, batch: Batch, outputs: tuple[Tensor, Tensor, Tensor]) -> None:
        """Decode until all have converged or had their iterations; write what they decide."""
        iteration = 0
        while True:
            for _ in range(min(STAGE, self._num_iter - iteration)):
                self.advance(batch)
                iteration += 1
            left = torch.nonzero(~batch.done).flatten()  # the host waits here
            if iteration == self._num_iter or not len(left):
                self._leave(batch, outputs)
                return
            width = -(-len(left) // VECTOR) * VECTOR
            if width <= SHRINK * batch.width:
                self._leave(batch, outputs)
                # What fills the last vector is decoded as well, and written nowhere.
                filled = torch.nn.functional.pad(left, (0, width - len(left)))
                batch = batch.chosen(filled)
                batch.done[len(left) :] = True
                batch.word[len(left) :] = len(outputs[0]) - 1

    def advance(self, batch: Batch) -> None:
        """One iteration of all columns."""
        state = batch.posterior, batch.messages, batch.channel, batch.done, batch.spent
        batch.posterior, batch.messages, batch.done, batch.spent = self._iterate(*state)

    def _leave(self, batch: Batch, outputs: tuple[Tensor, Tensor, Tensor]) -> None:
        """Write what the columns decide; those that continue will write again."""
        bits, converged, iterations = outputs
        decided = (batch.posterior[self._information] <= 0).to(torch.uint8)
        bits[batch.word] = decided.T
        converged[batch.word] = batch.done
        iterations[batch.word] = batch.spent


def _make_iteration(
    groups: DegreeGroups, on_device: Callable[[NDArray], Tensor]
) -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    """One flooding iteration as a function of tensors, to be run as it is or compiled.

    Args:
        groups: The graph.
        on_device: Makes a tensor of an array.

    Returns:
        (posterior, messages, channel, done, spent) -> the new (posterior, messages, done, spent).
    """
    checks = [list(map(on_device, group.places)) for group in groups.checks]
    variables = [list(map(on_device, group.places)) for group in groups.variables]
    sizes = [len(group.nodes) for group in groups.variables]

    def iterate(posterior: Tensor, messages: Tensor, channel: Tensor, done: Tensor, spent: Tensor):
        sent, first = [], 0
        for places in checks:
            rows = len(places) * len(places[0])
            old = messages[first : first + rows].chunk(len(places))
            sent += _check_nodes([posterior[p] - m for p, m in zip(places, old, strict=True)])
            first += rows
        messages = torch.cat([*sent, messages[first:]])
        totals = []
        for total, places in zip(channel.split(sizes), variables, strict=True):
            for place in places:
                total = total + messages[place]
            totals.append(total)
        updated = torch.cat([*totals, posterior[-1:]])
        posterior = torch.where(done, posterior, updated)
        spent = spent + (~done).to(torch.int32)
        broken = [_odd([posterior[p] <= 0 for p in places]).any(0) for places in checks]
        done = done | ~torch.stack(broken).any(0)
        return posterior, messages, done, spent

    return iterate


def _check_nodes(incoming: list[Tensor]) -> list[Tensor]:
    """Outgoing messages of check nodes, one tensor an edge; see `moclink.phy.check_nodes`."""
    decay = [torch.exp(-message.abs().clamp(max=float(LLR_MAX))) for message in incoming]
    q = [(e + e) / (1 + e) for e in decay]
    negative = [message < 0 for message in incoming]
    parity = _odd(negative)
    # Each outgoing message combines the edges after it with those before it.
    following: list[Tensor] = [None] * len(q)
    for j in range(len(q) - 2, -1, -1):
        rest = following[j + 1]
        following[j] = q[j + 1] if rest is None else rest + q[j + 1] * (1 - rest)
    outgoing, before = [], None
    for j, rest in enumerate(following):
        if before is None or rest is None:
            others = rest if before is None else before
        else:
            others = rest + before * (1 - rest)
        others = others.clamp(min=float(SMALLEST_Q))
        magnitude = torch.log((2 - others) / others).clamp(min=0)
        outgoing.append(torch.where(negative[j] ^ parity, -magnitude, magnitude))
        before = q[j] if before is None else before + q[j] * (1 - before)
    return outgoing


def _odd(flags: list[Tensor]) -> Tensor:
    """Whether an odd number of flags is set, element by element."""
    odd = flags[0]
    for flag in flags[1:]:
        odd = odd ^ flag
    return odd
