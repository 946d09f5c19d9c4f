"""Base graphs of 5G LDPC: choice, lifting size, encoding, decoding graph (3GPP TS 38.212, 5.3.2 and 6.2.2).

A base graph is a small matrix of cyclic shifts. Each entry stands for a Z x Z identity whose row r
has its one in column (r + shift) mod Z, so a codeword is a row of circulant blocks of Z bits and
the encoder needs no more than XORs of rotated blocks. The shifts are read off the parity-check
matrix that Sionna's encoder makes of the standard's tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sionna.phy.fec.ldpc import LDPC5GEncoder

from moclink.phy.ldpc_graph import TannerGraph, checked_bits

LARGEST_BLOCK = {1: 8448, 2: 3840}  # K_cb of TS 38.212, 5.2.2, in bits
SMALLEST_BLOCK = 12
INFORMATION_COLUMNS = {1: 22, 2: 10}
# Columns of Z bits before redundancy versions 0 to 3 (TS 38.212, table 5.4.2.1-2, N_cb = N).
REDUNDANCY_COLUMNS = {1: (0, 17, 33, 56), 2: (0, 13, 25, 43)}
ENCODER_BYTES = 2**25  # working memory of the encoder
CORE_ROWS = 4  # rows whose parity columns form a double diagonal; later rows have one parity each
# TS 38.212, table 5.3.2-1: Z = a * 2^j.
LIFTING_SIZES = sorted(
    a * 2**j for a in (2, 3, 5, 7, 9, 11, 13, 15) for j in range(8) if a * 2**j <= 384
)


def choose_base_graph(payload: int, coderate: float) -> int:
    """Base graph of a transport block, 1 or 2 (TS 38.212, 6.2.2 and 7.2.2).

    Args:
        payload: Bits of the transport block without CRC, A.
        coderate: Code rate R of the MCS.
    """
    return 2 if payload <= 292 or (payload <= 3824 and coderate <= 0.67) or coderate <= 0.25 else 1


def lifting_size(base_graph: int, block: int) -> int:
    """Smallest Z whose information columns hold a code block (TS 38.212, 5.2.2).

    Args:
        base_graph: 1 or 2.
        block: Bits of the code block with its CRC, K'.

    Raises:
        ValueError: If the block is too long for the base graph.
    """
    if not SMALLEST_BLOCK <= block <= LARGEST_BLOCK[base_graph]:
        raise ValueError(
            f"a code block of {block} bits: base graph {base_graph} takes {SMALLEST_BLOCK} to "
            f"{LARGEST_BLOCK[base_graph]}"
        )
    columns = 22
    if base_graph == 2:
        columns = 10 if block > 640 else 9 if block > 560 else 8 if block > 192 else 6
    return next(z for z in LIFTING_SIZES if columns * z >= block)


@cache
def cyclic_shifts(base_graph: int, z: int) -> NDArray[np.int16]:
    """Shifts of a base graph lifted by Z, int16 [46, 68] or [42, 52]; -1 where there is no edge."""
    if z not in LIFTING_SIZES:
        raise ValueError(f"{z} is no lifting size of 5G LDPC; there are {LIFTING_SIZES}")
    blocks = (columns * z for columns in ((22,) if base_graph == 1 else (10, 9, 8, 6)))
    k = next(block for block in blocks if lifting_size(base_graph, block) == z)
    encoder = LDPC5GEncoder(k, 2 * k, bg=f"bg{base_graph}")
    first_rows = encoder.pcm.tocsr()[::z].tocoo()
    shifts = np.full((encoder.pcm.shape[0] // z, encoder.pcm.shape[1] // z), -1, np.int16)
    shifts[first_rows.row, first_rows.col // z] = first_rows.col % z
    shifts.flags.writeable = False
    return shifts


@dataclass(frozen=True)
class BlockCode:
    """The LDPC code of one code block, before rate matching.

    Its circular buffer holds all bits of the codeword but the first 2Z, which are never sent, and
    the filler bits, which are known to be zero.

    Attributes:
        base_graph: 1 or 2.
        k: Information bits of the block, K' (CRC included).
    """

    base_graph: int
    k: int

    @property
    def z(self) -> int:
        """Lifting size Z."""
        return lifting_size(self.base_graph, self.k)

    @property
    def fillers(self) -> int:
        """Filler bits behind the information bits."""
        return INFORMATION_COLUMNS[self.base_graph] * self.z - self.k

    @property
    def buffer_size(self) -> int:
        """Bits of the circular buffer without filler bits: (66 or 50) Z - fillers."""
        return (cyclic_shifts(self.base_graph, self.z).shape[1] - 2) * self.z - self.fillers

    def start(self, rv: int) -> int:
        """Where a redundancy version begins in the circular buffer without filler bits.

        k_0 of TS 38.212, table 5.4.2.1-2, for a buffer that is not limited; filler bits before it
        are taken off, and from within them it moves to their end.

        Args:
            rv: 0 to 3.

        Raises:
            ValueError: If there is no such redundancy version.
        """
        if rv not in range(4):
            raise ValueError(f"redundancy version {rv}: there are 0 to 3")
        place = REDUNDANCY_COLUMNS[self.base_graph][rv] * self.z
        return place - min(max(place - (self.k - 2 * self.z), 0), self.fillers)

    def encode(self, bits: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
        """Encode blocks.

        Args:
            bits: uint8 [B, K'], 0 or 1.
            length: Bits of the circular buffer that are wanted, from its start.

        Returns:
            uint8 [B, length].

        Raises:
            ValueError: If the shape is another, a value is neither 0 nor 1, or the buffer is shorter.
        """
        bits = checked_bits(bits, self.k)
        self._check_length(length)
        z, information = self.z, INFORMATION_COLUMNS[self.base_graph]
        shifts = cyclic_shifts(self.base_graph, z)
        wanted = -(-(length + self.fillers) // z) + 2  # columns
        start = self.k - 2 * z  # of the filler bits
        buffer = np.empty((len(bits), length), np.uint8)
        batch = max(1, ENCODER_BYTES // (shifts.shape[1] * 2 * z))
        for first in range(0, len(bits), batch):
            part = slice(first, first + batch)
            columns = _encode_columns(shifts, z, information, wanted, bits[part])
            flat = columns[2:, :, :z].transpose(1, 0, 2).reshape(columns.shape[1], -1)
            buffer[part] = np.delete(flat, np.s_[start : start + self.fillers], axis=1)[:, :length]
        return buffer

    def received(self, length: int) -> NDArray[np.int32]:
        """Variable nodes of the first bits of the circular buffer, int32 [length].

        Raises:
            ValueError: If the buffer is shorter.
        """
        self._check_length(length)
        first = np.arange(2 * self.z, 2 * self.z + length, dtype=np.int32)
        return np.where(first < self.k, first, first + np.int32(self.fillers))

    def num_checks(self, length: int) -> int:
        """Parity checks that say something of the first `length` bits of the circular buffer.

        A check whose parity bit is not received has no effect, but for the checks of the core.
        """
        last = int(self.received(length)[-1]) + 1 - INFORMATION_COLUMNS[self.base_graph] * self.z
        return max(CORE_ROWS * self.z, last)

    def graph(self, length: int) -> TannerGraph:
        """Graph on which blocks are decoded from the first `length` bits of the circular buffer.

        Raises:
            ValueError: If the buffer is shorter.
        """
        z = self.z
        shifts = cyclic_shifts(self.base_graph, z)
        num_cns = self.num_checks(length)
        num_vns = num_cns + INFORMATION_COLUMNS[self.base_graph] * z
        rows, columns = np.nonzero(shifts >= 0)
        shift = shifts[rows, columns].astype(np.int32)[:, None]
        within = np.arange(z, dtype=np.int32)
        cn = (rows[:, None] * z + within).ravel()
        vn = (columns[:, None] * z + (within + shift) % z).ravel()
        order = np.lexsort((vn, cn))
        cn, vn = cn[order], vn[order]
        kept = cn < num_cns
        degrees = np.bincount(cn[kept], minlength=num_cns)
        return TannerGraph(
            num_vns=num_vns,
            cn_start=np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32),
            cn_vn=vn[kept].astype(np.int32),
            received=self.received(length),
            shortened=np.arange(self.k, self.k + self.fillers, dtype=np.int32),
            k=self.k,
        )

    def _check_length(self, length: int) -> None:
        if not 1 <= length <= self.buffer_size:
            raise ValueError(f"{length} bits of a circular buffer that holds {self.buffer_size}")


def _encode_columns(
    shifts: NDArray[np.int16], z: int, information: int, wanted: int, bits: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Columns of the codewords, uint8 [columns, B, 2Z]: every block twice, so that a rotation is a slice."""
    core = information + CORE_ROWS
    columns = np.zeros((max(wanted, core), len(bits), 2 * z), np.uint8)

    def put(column: int, block: NDArray[np.uint8]) -> None:
        columns[column, :, :z] = columns[column, :, z:] = block

    def sum_of(row: int, among: NDArray[np.intp]) -> NDArray[np.uint8]:
        total = np.zeros((len(bits), z), np.uint8)
        for column in among:
            shift = shifts[row, column]
            total ^= columns[column, :, shift : shift + z]
        return total

    filled = np.pad(bits, ((0, 0), (0, information * z - bits.shape[1])))
    for column in range(information):
        put(column, filled[:, column * z : (column + 1) * z])
    edges = [np.flatnonzero(row >= 0) for row in shifts]
    sums = [sum_of(row, edges[row][edges[row] < information]) for row in range(CORE_ROWS)]
    # In the sum of the four core rows the double diagonal cancels, and so do two of the three
    # entries of the first parity column.
    entries = shifts[:CORE_ROWS, information]
    shift = int(np.flatnonzero(np.bincount(entries[entries >= 0], minlength=z) % 2)[0])
    put(information, np.roll(sums[0] ^ sums[1] ^ sums[2] ^ sums[3], shift, axis=1))
    known = {information}
    while len(known) < CORE_ROWS:
        for row in range(CORE_ROWS):
            parities = edges[row][(edges[row] >= information) & (edges[row] < core)]
            missing = [column for column in parities if column not in known]
            if len(missing) == 1:
                ready = np.array([column for column in parities if column in known], np.intp)
                block = sums[row] ^ sum_of(row, ready)
                put(missing[0], np.roll(block, shifts[row, missing[0]], axis=1))
                known.add(missing[0])
    for column in range(core, wanted):
        row = column - information
        put(column, sum_of(row, edges[row][edges[row] < column]))
    return columns
