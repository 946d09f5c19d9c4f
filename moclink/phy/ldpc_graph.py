"""The graph on which an LDPC code is decoded: parity checks, rate matching, generator matrix.

A transmitted codeword of n bits need not be the codeword of the parity-check matrix. The 5G code
of 3GPP TS 38.212 leaves out the first 2Z variable nodes and the last ones (punctured: nothing is
known of them) and inserts filler bits (shortened: known to be zero). `TannerGraph` says which
variable node each received bit sits on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sionna.phy.fec.ldpc import LDPC5GEncoder
from sionna.phy.fec.utils import load_parity_check_examples

from moclink.phy.tensors import to_numpy

WIFI648_PCM_ID = 4


@dataclass(frozen=True, eq=False)
class DecodedBlocks:
    """Output of a decoder for a batch of codewords.

    Attributes:
        bits: uint8 [B, k], the decided information bits.
        converged: bool [B], whether every parity check is satisfied.
        iterations: int32 [B], belief propagation iterations spent on each codeword.
    """

    bits: NDArray[np.uint8]
    converged: NDArray[np.bool_]
    iterations: NDArray[np.int32]

    @classmethod
    def empty(cls, count: int, k: int) -> DecodedBlocks:
        """Arrays for `count` codewords of k information bits, to be written to."""
        bits = np.empty((count, k), np.uint8)
        return cls(bits, np.empty(count, np.bool_), np.empty(count, np.int32))


@dataclass(frozen=True, eq=False)
class TannerGraph:
    """Parity checks of a code and the place of the received bits among its variable nodes.

    Attributes:
        num_vns: Number of variable nodes.
        cn_start: int32 [num_cns + 1], where each check's edges start in `cn_vn`.
        cn_vn: int32 [num_edges], the variable node of each edge, check by check.
        received: int32 [n], the variable node of each transmitted bit. Nodes that are neither
            received nor shortened are punctured.
        shortened: int32 [num_filler], variable nodes known to be zero.
        k: Number of information bits; they are the variable nodes 0 .. k - 1.
    """

    num_vns: int
    cn_start: NDArray[np.int32]
    cn_vn: NDArray[np.int32]
    received: NDArray[np.int32]
    shortened: NDArray[np.int32]
    k: int

    @property
    def num_cns(self) -> int:
        """Number of check nodes."""
        return len(self.cn_start) - 1

    def parity_check_matrix(self) -> NDArray[np.uint8]:
        """The binary parity-check matrix, uint8 [num_cns, num_vns]."""
        pcm = np.zeros((self.num_cns, self.num_vns), np.uint8)
        pcm[np.repeat(np.arange(self.num_cns), np.diff(self.cn_start)), self.cn_vn] = 1
        return pcm

    def sources(self) -> NDArray[np.int32]:
        """Where each variable node's LLR comes from.

        Returns:
            int32 [num_vns]: an index of the received bits; n where shortened; n + 1 where
            punctured.
        """
        n = len(self.received)
        sources = np.full(self.num_vns, n + 1, np.int32)
        sources[self.received] = np.arange(n)
        sources[self.shortened] = n
        return sources


def graph_5g(encoder: LDPC5GEncoder, prune: bool = True) -> TannerGraph:
    """Build the decoding graph of a 5G code.

    A punctured node of degree 1 always sends LLR 0, so its check has no effect: those nodes and
    checks, which are the last ones, are removed, as Sionna's decoder does by default.

    Args:
        encoder: Sionna's encoder, which holds the lifted parity-check matrix and the sizes.
        prune: Whether those nodes and checks are removed.

    Returns:
        The graph.
    """
    pcm = encoder.pcm.tocsr()
    num_filler = encoder.k_ldpc - encoder.k
    num_punctured = encoder.n_ldpc - num_filler - encoder.n - 2 * encoder.z
    degree = np.asarray(pcm.sum(axis=0)).ravel()
    others = np.flatnonzero(degree != 1)
    num_tail = encoder.n_ldpc - 1 - others[-1]
    removed = min(num_tail, num_punctured) if prune else 0
    pcm = pcm[: pcm.shape[0] - removed, : pcm.shape[1] - removed]
    pcm.sort_indices()
    positions = np.arange(encoder.n + 2 * encoder.z)
    positions[encoder.k :] += num_filler
    received = positions[2 * encoder.z :]
    if encoder.num_bits_per_symbol is not None:
        received = received[to_numpy(encoder.out_int)]
    return TannerGraph(
        num_vns=pcm.shape[1],
        cn_start=pcm.indptr.astype(np.int32),
        cn_vn=pcm.indices.astype(np.int32),
        received=received.astype(np.int32),
        shortened=np.arange(encoder.k, encoder.k_ldpc, dtype=np.int32),
        k=encoder.k,
    )


def sparse_pcm(encoder: LDPC5GEncoder, graph: TannerGraph):
    """The parity-check matrix of `graph_5g(encoder)` as the SciPy matrix that Sionna's decoder takes."""
    return encoder.pcm[: graph.num_cns, : graph.num_vns]


def graph_wifi648() -> TannerGraph:
    """Build the graph of the 802.11n (648, 324) code, of which every bit is transmitted."""
    pcm, k, n, _ = load_parity_check_examples(pcm_id=WIFI648_PCM_ID)
    return TannerGraph(
        num_vns=n,
        cn_start=np.concatenate([[0], np.cumsum(pcm.sum(axis=1))]).astype(np.int32),
        cn_vn=np.nonzero(pcm)[1].astype(np.int32),
        received=np.arange(n, dtype=np.int32),
        shortened=np.zeros(0, np.int32),
        k=k,
    )


def checked_llr(llr: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return LLRs as contiguous float32 [B, n].

    Raises:
        ValueError: If the shape is another or a value is NaN.
    """
    if llr.ndim != 2 or llr.shape[1] != n:
        raise ValueError(f"llr has the shape {llr.shape}; [B, {n}] is wanted")
    if np.isnan(llr).any():
        raise ValueError("llr holds NaN; a bit of which nothing is known has an LLR of 0")
    return np.ascontiguousarray(llr, np.float32)


def checked_bits(bits: NDArray[np.uint8], k: int) -> NDArray[np.uint8]:
    """Return bits [B, k] as they are.

    Raises:
        ValueError: If the shape is another or a value is neither 0 nor 1.
    """
    if bits.ndim != 2 or bits.shape[1] != k:
        raise ValueError(f"bits have the shape {bits.shape}; [B, {k}] is wanted")
    if bits.size and not 0 <= bits.min() <= bits.max() <= 1:
        value = bits.min() if bits.min() < 0 else bits.max()
        raise ValueError(f"bits hold the value {value}; 0 and 1 are wanted")
    return bits


def systematic_generator(pcm: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Find the generator matrix whose first k columns are the identity.

    With H = [A B] and B invertible over GF(2), G = [I, (B^-1 A)^T].

    Args:
        pcm: Binary parity-check matrix H, [n - k, n].

    Returns:
        uint8 [k, n].

    Raises:
        ValueError: If the last n - k columns of H are dependent.
    """
    num_cns, n = pcm.shape
    k = n - num_cns
    # Gauss-Jordan on [B A] leaves [I, B^-1 A].
    work = pcm.astype(bool)
    work = np.concatenate([work[:, k:], work[:, :k]], axis=1)
    for column in range(num_cns):
        pivots = np.flatnonzero(work[column:, column])
        if pivots.size == 0:
            raise ValueError(
                f"column {k + column} of the parity-check matrix depends on those before it; "
                "the last n - k columns must be independent"
            )
        pivot = column + pivots[0]
        work[[column, pivot]] = work[[pivot, column]]
        rows = work[:, column].copy()
        rows[column] = False
        work[rows] ^= work[column]
    parity = work[:, num_cns:].T
    return np.concatenate([np.eye(k, dtype=bool), parity], axis=1).astype(np.uint8)
