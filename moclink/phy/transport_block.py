"""Transport blocks of 5G NR: the channel coding chain of 3GPP TS 38.212, 5.1 to 5.5 and 7.2.

    payload A -> + CRC -> C code blocks, each with a CRC of its own if C > 1 -> LDPC -> rate
    matching
              -> interleaver -> concatenation -> G coded bits

Payloads of any length A are carried by any number G of whole symbols. Where the code blocks would
differ in length, zero bits (fewer than C) follow the payload. LLRs are ln P(1)/P(0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from moclink.phy.base_graph import LARGEST_BLOCK, BlockCode, choose_base_graph
from moclink.phy.belief_propagation import BeliefPropagation
from moclink.phy.circulant_decoder import SMALLEST_Z, CirculantDecoder
from moclink.phy.crc import CRC16, CRC24A, CRC24B, crc_bits, crc_passes
from moclink.phy.ldpc_graph import checked_bits, checked_llr
from moclink.phy.rate_matching import match_rate, recover_rate

LARGEST_CODERATE = 0.95  # a receiver of TS 38.214, 5.1.3, need not decode more
LARGEST_SHORT_PAYLOAD = 3824  # bits that have a CRC of 16 bits, longer ones have 24


@dataclass(frozen=True)
class Segmentation:
    """How a payload is cut into code blocks (TS 38.212, 5.2.2, 7.2.1 and 7.2.2).

    Attributes:
        payload: Bits of the payload, A.
        base_graph: 1 or 2.
        num_blocks: Code blocks, C.
        block: Bits of a code block with its CRC, K'.
    """

    payload: int
    base_graph: int
    num_blocks: int
    block: int

    @property
    def crc(self) -> tuple[int, int]:
        """CRC of the transport block."""
        return CRC16 if self.payload <= LARGEST_SHORT_PAYLOAD else CRC24A

    @property
    def block_crc(self) -> tuple[int, int] | None:
        """CRC of each code block; None if there is only one."""
        return CRC24B if self.num_blocks > 1 else None

    @property
    def block_payload(self) -> int:
        """Bits of a code block without its own CRC. The last block's hold the transport block's CRC."""
        return self.block - (24 if self.num_blocks > 1 else 0)

    @property
    def padding(self) -> int:
        """Zero bits behind the payload."""
        return self.num_blocks * self.block_payload - self.payload - self.crc[1]

    @property
    def total(self) -> int:
        """Information bits of all code blocks, C K'."""
        return self.num_blocks * self.block


def segment(payload: int, coderate: float) -> Segmentation:
    """Cut a payload of A bits into code blocks for a code of rate R.

    Raises:
        ValueError: If the payload is empty.
    """
    if payload < 1:
        raise ValueError(f"a payload of {payload} bits; at least 1 is wanted")
    base_graph = choose_base_graph(payload, coderate)
    largest = LARGEST_BLOCK[base_graph]
    with_crc = payload + (16 if payload <= LARGEST_SHORT_PAYLOAD else 24)
    if with_crc <= largest:
        return Segmentation(payload, base_graph, 1, with_crc)
    num_blocks = -(-with_crc // (largest - 24))
    return Segmentation(payload, base_graph, num_blocks, -(-with_crc // num_blocks) + 24)


@dataclass(frozen=True, eq=False)
class DecodedTransportBlocks:
    """What the decoder makes of a batch of transport blocks.

    Attributes:
        bits: uint8 [B, A], the decided payload.
        crc_ok: bool [B], whether the transport block's CRC holds.
        block_crc_ok: bool [B, C], whether each code block's CRC holds.
        iterations: int32 [B, C], belief propagation iterations spent on each code block.
    """

    bits: NDArray[np.uint8]
    crc_ok: NDArray[np.bool_]
    block_crc_ok: NDArray[np.bool_]
    iterations: NDArray[np.int32]


@dataclass(frozen=True)
class TransportBlock:
    """Encoder and decoder of transport blocks of one size.

    Equal bit by bit to Sionna's `TBEncoder` without scrambler. The decoder is belief propagation as
    in Sionna's `TBDecoder`, with early stopping.

    Attributes:
        payload: Bits of the payload, A.
        coded_bits: Bits that are sent, G.
        coderate: Code rate R of the MCS, which decides the base graph.
        bits_per_symbol: Modulation order Q_m.
        num_iter: Largest number of belief propagation iterations.
        threads: Threads of the decoder; None: numba's number.
    """

    payload: int
    coded_bits: int
    coderate: float
    bits_per_symbol: int
    num_iter: int = 20
    threads: int | None = None

    def __post_init__(self) -> None:
        plan = self.segmentation
        symbols, rest = divmod(self.coded_bits, self.bits_per_symbol)
        if rest:
            raise ValueError(
                f"{self.coded_bits} coded bits are not whole symbols of {self.bits_per_symbol} bits"
            )
        shortest = symbols // plan.num_blocks * self.bits_per_symbol
        if plan.block > LARGEST_CODERATE * shortest:
            raise ValueError(
                f"{self.coded_bits} coded bits for a payload of {self.payload}: {plan.block} bits in "
                f"{shortest} exceed the code rate {LARGEST_CODERATE}; send more bits"
            )

    @cached_property
    def segmentation(self) -> Segmentation:
        """How the payload is cut into code blocks."""
        return segment(self.payload, self.coderate)

    @cached_property
    def block_lengths(self) -> tuple[int, ...]:
        """Coded bits of each code block, E_r (TS 38.212, 5.4.2.1): equal but for one symbol."""
        blocks, order = self.segmentation.num_blocks, self.bits_per_symbol
        symbols = self.coded_bits // order
        return tuple((symbols + block) // blocks * order for block in range(blocks))

    @property
    def _code(self) -> BlockCode:
        return BlockCode(self.segmentation.base_graph, self.segmentation.block)

    def _used(self, rvs: Sequence[int]) -> int:
        """Bits of the circular buffer, from its start, that some redundancy versions send."""
        last = max(self._code.start(rv) for rv in rvs) + max(self.block_lengths)
        return min(last, self._code.buffer_size)

    @cached_property
    def _first_decoder(self) -> BeliefPropagation | CirculantDecoder:
        return self._decoder(self._used((0,)))

    def _decoder(self, size: int) -> BeliefPropagation | CirculantDecoder:
        if self._code.z < SMALLEST_Z:
            return BeliefPropagation(self._code.graph(size), self.num_iter, self.threads)
        return CirculantDecoder(self._code, size, self.num_iter, self.threads)

    def encode(self, bits: NDArray[np.uint8], rv: int = 0) -> NDArray[np.uint8]:
        """Encode payloads.

        Args:
            bits: uint8 [B, A], 0 or 1.
            rv: Redundancy version, 0 to 3: which part of the circular buffer is sent.

        Returns:
            uint8 [B, G].

        Raises:
            ValueError: If the shape is not [B, A] or a value is neither 0 nor 1.
        """
        bits = checked_bits(bits, self.payload)
        plan, batch = self.segmentation, len(bits)
        padded = np.pad(bits, ((0, 0), (0, plan.padding)))
        whole = np.concatenate([padded, crc_bits(padded, plan.crc)], axis=1)
        blocks = whole.reshape(batch * plan.num_blocks, plan.block_payload)
        if plan.block_crc:
            blocks = np.concatenate([blocks, crc_bits(blocks, plan.block_crc)], axis=1)
        buffer = self._code.encode(blocks, self._used((rv,)))
        buffer = buffer.reshape(batch, plan.num_blocks, -1)
        start = self._code.start(rv)
        sent = [
            match_rate(buffer[:, block], length, self.bits_per_symbol, start)
            for block, length in enumerate(self.block_lengths)
        ]
        return np.concatenate(sent, axis=1)

    def decode(self, llr: NDArray[np.float32]) -> DecodedTransportBlocks:
        """Decode payloads and check them.

        Args:
            llr: float32 [B, G], ln P(1)/P(0).

        Raises:
            ValueError: If the shape is not [B, G].
        """
        return self.decode_combined([llr], (0,))

    def decode_combined(
        self, llrs: Sequence[NDArray[np.float32]], rvs: Sequence[int]
    ) -> DecodedTransportBlocks:
        """Decode payloads that were sent several times: LLRs are added in the circular buffer.

        Args:
            llrs: float32 [B, G] of each transmission.
            rvs: Redundancy version of each transmission.

        Raises:
            ValueError: If a shape is not [B, G].
        """
        llrs = [checked_llr(llr, self.coded_bits) for llr in llrs]
        plan, batch, size = self.segmentation, len(llrs[0]), self._used(rvs)
        starts = np.cumsum((0, *self.block_lengths))
        received = np.zeros((batch, plan.num_blocks, size), np.float32)
        for llr, rv in zip(llrs, rvs, strict=True):
            place = self._code.start(rv)
            for block, length in enumerate(self.block_lengths):
                part = llr[:, starts[block] : starts[block] + length]
                received[:, block] += recover_rate(part, size, self.bits_per_symbol, place)
        decoder = self._first_decoder if set(rvs) == {0} else self._decoder(size)
        decoded = decoder.decode(received.reshape(-1, size))
        blocks = decoded.bits.reshape(batch, plan.num_blocks, plan.block)
        whole = blocks[:, :, : plan.block_payload].reshape(batch, -1)
        crc_ok = crc_passes(whole, plan.crc)
        block_crc_ok = crc_ok[:, None]
        if plan.block_crc:
            block_crc_ok = crc_passes(decoded.bits, plan.block_crc).reshape(batch, plan.num_blocks)
        iterations = decoded.iterations.reshape(batch, plan.num_blocks)
        return DecodedTransportBlocks(whole[:, : self.payload], crc_ok, block_crc_ok, iterations)
