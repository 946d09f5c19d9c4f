"""LDPC codes of 5G NR and 802.11n: NumPy in, NumPy out.

Sionna is the definition: its encoder and its belief propagation are what every encoder and decoder
here is held against. LLRs are ln P(1)/P(0), Sionna's sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sionna.phy.fec.ldpc import LDPC5GEncoder, LDPCBPDecoder

from moclink.constants import CODES, LDPC_DECODERS
from moclink.phy import engine as framework
from moclink.phy import tensors
from moclink.phy.base_graph import INFORMATION_COLUMNS, BlockCode
from moclink.phy.belief_propagation import BeliefPropagation
from moclink.phy.check_nodes import LLR_MAX
from moclink.phy.circulant_decoder import CirculantDecoder
from moclink.phy.ldpc_graph import (
    DecodedBlocks,
    TannerGraph,
    checked_bits,
    checked_llr,
    graph_5g,
    graph_wifi648,
    sparse_pcm,
    systematic_generator,
)
from moclink.phy.staged_decoder import StagedDecoder, place_tensor

# Shorter codes keep Sionna's schedule. At n = 1,998 the layered one is 1.5 to 2.5 times as fast, rate
# 1/5 to 0.95, where codewords are found.
LONG = 2000


class LDPCDecoder(Protocol):
    """Anything that decodes blocks of a code."""

    def decode(self, llr: NDArray[np.float32]) -> DecodedBlocks:
        """Decode codewords.

        Args:
            llr: float32 [B, n], ln P(1)/P(0).

        Returns:
            Bits, convergence and iterations of each codeword.

        Raises:
            ValueError: If llr is not [B, n].
        """


@dataclass(frozen=True, eq=False)
class LDPCCode:
    """A binary linear code with its decoding graph.

    Attributes:
        name: "ldpc5g" or "wifi648".
        k: Information bits in a block.
        n: Transmitted bits in a block.
        generator: float32 [k, n], 0 or 1; None for 5G codes, whose base graph encodes faster.
        graph: Where decoding happens.
        encoder_5g: Sionna's encoder, which knows the code's sizes and interleaver; None for other
            codes.
    """

    name: str
    k: int
    n: int
    generator: NDArray[np.float32] | None
    graph: TannerGraph
    encoder_5g: LDPC5GEncoder | None

    @property
    def coderate(self) -> float:
        """Information bits per transmitted bit, k / n."""
        return self.k / self.n

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode blocks.

        Args:
            bits: uint8 [B, k], 0 or 1.

        Returns:
            uint8 [B, n].

        Raises:
            ValueError: If the shape is not [B, k] or a value is neither 0 nor 1.
        """
        bits = checked_bits(bits, self.k)
        if self.generator is not None:
            # c = u G mod 2; a float32 matrix product counts exactly up to 2^24, more than any k.
            counts = bits.astype(np.float32) @ self.generator
            return (counts.astype(np.int32) & 1).astype(np.uint8)
        codewords = self.block_code.encode(bits, self.n)
        return codewords if self.interleaver is None else codewords[:, self.interleaver]

    @property
    def block_code(self) -> BlockCode:
        """The 5G code before rate matching; for 5G codes only."""
        encoder: Any = self.encoder_5g
        base_graph = 1 if encoder.k_ldpc == INFORMATION_COLUMNS[1] * encoder.z else 2
        return BlockCode(base_graph, self.k)

    @property
    def interleaver(self) -> NDArray[np.integer] | None:
        """Which bit of the circular buffer each sent bit is, int [n], if they are interleaved."""
        encoder: Any = self.encoder_5g
        if encoder is None or encoder.num_bits_per_symbol is None:
            return None
        return tensors.to_numpy(encoder.out_int)


def get_code(name: str, k: int, n: int, num_bits_per_symbol: int | None = None) -> LDPCCode:
    """Make a code by name.

    Args:
        name: "ldpc5g" for 3GPP TS 38.212, or "wifi648" for the 802.11n code (648, 324). Both are
            systematic as their standards say; of a 5G codeword the first 2Z bits are not sent.
        k: Information bits in a block.
        n: Transmitted bits in a block.
        num_bits_per_symbol: Bits of a QAM symbol, for the bit interleaver of TS 38.212, 5.4.2.2,
            which gives the systematic bits the better places of a symbol's label (0.4 dB with
            64-QAM at rate 1/2). None: no interleaver. "ldpc5g" only.

    Returns:
        The code.

    Raises:
        ValueError: If there is no such code; the message says what there is.
    """
    if name not in CODES:
        raise ValueError(f"code {name!r} is unknown; there are {', '.join(CODES)}")
    k, n = int(k), int(n)
    if name == "wifi648":
        if num_bits_per_symbol is not None:
            raise ValueError(
                f"wifi648 has no interleaver; num_bits_per_symbol is None, not {num_bits_per_symbol}"
            )
        if (k, n) != (324, 648):
            raise ValueError(f"wifi648 has k = 324 and n = 648 only, not k = {k} and n = {n}")
        graph = graph_wifi648()
        wifi_generator = systematic_generator(graph.parity_check_matrix()).astype(np.float32)
        return LDPCCode(name, k, n, wifi_generator, graph, None)
    if not (12 <= k <= 8448 and 0.2 <= k / max(n, 1) <= 0.95):
        raise ValueError(
            f"ldpc5g with k = {k} and n = {n} does not exist; "
            "12 <= k <= 8448 and a rate k/n from 1/5 to 0.95 do"
        )
    if num_bits_per_symbol is not None and (num_bits_per_symbol < 1 or n % num_bits_per_symbol):
        raise ValueError(f"n = {n} is not a whole number of symbols of {num_bits_per_symbol} bits")
    try:
        encoder = LDPC5GEncoder(k, n, num_bits_per_symbol=num_bits_per_symbol)
    except ValueError as error:
        raise ValueError(
            f"ldpc5g with k = {k} and n = {n} does not exist ({error}); "
            "above k = 3824 the rate is at least 1/3"
        ) from error
    return LDPCCode(name, k, n, None, graph_5g(encoder), encoder)


def get_decoder(
    code: LDPCCode, kind: str = "auto", num_iter: int = 20, threads: int | None = None
) -> LDPCDecoder:
    """Make a sum-product decoder that stops at satisfied parity.

    The schedule is flooding, as Sionna's; of the fast decoder with 5G codewords from `LONG` bits on it
    is layered, which needs half as many iterations.

    Args:
        code: From `get_code`.
        kind: "fast" (CPU), "sionna", "device" (`moclink.phy.device_decoder`, PyTorch only), or
            "auto": where Sionna's framework sees a GPU, device on PyTorch and Sionna on TensorFlow,
            else fast.
        num_iter: The most iterations spent on a codeword.
        threads: Threads of the fast decoder; None: numba's number (all CPUs, or what a worker pool
            gives).

    Returns:
        An object with `decode(llr) -> DecodedBlocks`.

    Raises:
        ValueError: If the kind is unknown or runs on PyTorch alone, or num_iter or threads is not
            positive.
    """
    if kind not in LDPC_DECODERS:
        raise ValueError(f"decoder {kind!r} is unknown; there are {', '.join(LDPC_DECODERS)}")
    if num_iter < 1:
        raise ValueError(f"num_iter is {num_iter}; at least 1 is wanted")
    if kind == "auto":
        on_gpu = "device" if framework.ON_TORCH else "sionna"
        kind = on_gpu if framework.is_gpu_there() else "fast"
    if kind == "fast" and code.encoder_5g is not None and code.n >= LONG:
        return CirculantDecoder(code.block_code, code.n, num_iter, threads, code.interleaver)
    if kind == "fast":
        return BeliefPropagation(code.graph, num_iter, threads)
    if kind == "device":
        if not framework.ON_TORCH:
            raise ValueError(
                "LDPC decoder 'device' runs on PyTorch, and Sionna here on TensorFlow; choose "
                "--engine torch, or the decoder 'sionna' on a GPU"
            )
        from moclink.phy.device_decoder import DeviceDecoder

        return DeviceDecoder(code.graph, num_iter)
    return SionnaDecoder(code, num_iter)


def runs_on_device(decoder: LDPCDecoder) -> bool:
    """Whether a decoder is the one that takes tensors on a device of PyTorch."""
    if not framework.ON_TORCH:
        return False
    from moclink.phy.device_decoder import DeviceDecoder

    return isinstance(decoder, DeviceDecoder)


class SionnaDecoder:
    """Sionna's belief propagation with early stopping; on TensorFlow compiled once for one batch size.

    Args:
        code: From `get_code`.
        num_iter: The most iterations spent on a codeword.
    """

    MOST_LANES = 256
    MOST_MESSAGES = 2**20
    BATCH_PER_LANE = 16

    def __init__(self, code: LDPCCode, num_iter: int = 20) -> None:
        self._code = code
        graph = code.graph
        if code.encoder_5g is not None:
            pcm = sparse_pcm(code.encoder_5g, graph)
        else:
            pcm = graph.parity_check_matrix()
        options = {"hard_out": False, "return_state": True, "precision": "single"}
        decoder = LDPCBPDecoder(pcm, llr_max=float(LLR_MAX), **options)
        # Large codes take fewer lanes, so that memory stays the same.
        lanes = max(1, min(self.MOST_LANES, self.MOST_MESSAGES // len(graph.cn_vn)))
        self._batch = self.BATCH_PER_LANE * lanes
        staged = StagedDecoder(decoder, graph, lanes)

        def decode(llr, count):
            output = staged(place_tensor(graph, llr, decoder.llr_max), num_iter, count)
            bits = tensors.astype(output.logits[:, : code.k] >= 0, "uint8")
            return bits, output.converged, output.iterations

        signature = [((self._batch, code.n), "float32"), ((), "int32")]
        self._run = framework.compiled(decode, signature)

    @property
    def num_traces(self) -> int:
        """How often TensorFlow traced and compiled the decoder: once, whatever the numbers of codewords."""
        return framework.traces(self._run)

    def decode(self, llr: NDArray[np.float32]) -> DecodedBlocks:
        """See `LDPCDecoder`."""
        llr = checked_llr(llr, self._code.n)
        found = DecodedBlocks.empty(len(llr), self._code.k)
        padded = np.zeros((self._batch, self._code.n), np.float32)
        for start in range(0, len(llr), self._batch):
            count = min(self._batch, len(llr) - start)
            part = slice(start, start + count)
            given = llr[part]
            if not framework.ON_TORCH:  # XLA compiles for one shape
                padded[:count], given = given, padded
            decoded = self._run(tensors.tensor(given), tensors.tensor(count, "int32"))
            found.bits[part], found.converged[part], found.iterations[part] = (
                tensors.to_numpy(values)[:count] for values in decoded
            )
        return found
