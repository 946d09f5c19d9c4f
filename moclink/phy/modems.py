"""Modems: indices <-> complex symbols of Gray-labelled square QAM, one axis at a time.

A square M-QAM symbol is two independent sqrt(M)-PAM symbols, so mapping and demapping work on the
real and the imaginary axis separately: sqrt(M) distances instead of M a symbol. Labels, order and
scaling are those of Sionna's `Constellation("qam")` (3GPP TS 38.211, 5.1): of a symbol's bits,
numbers 0, 2, 4, ... select the amplitude on I and 1, 3, 5, ... that on Q, most significant first.
SNR is Es/N0 with E|x|^2 = 1; noise variance is `no` per complex symbol, `no / 2` per axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.phy.axis_llrs import axis_llrs, axis_log_likelihoods
from moclink.phy.ldpc import LDPCCode, get_decoder, runs_on_device
from moclink.types import Demodulated


@cache
def pam_amplitudes(states: int) -> NDArray[np.float32]:
    """Amplitude of each label on one axis of unit-energy Gray QAM.

    Args:
        states: Labels an axis, N = sqrt(M): a power of two from 2 (QPSK) up.

    Returns:
        float32 [N], read-only, indexed by label. For N = 8 the labels from -7 to +7 are 7,6,4,5,1,0,2,3.
    """
    from sionna.phy.mapping import qam

    bits = int(math.log2(states))
    if states < 2 or 2**bits != states:
        raise ValueError(f"{states} states an axis: a power of two from 2 up is needed")
    # A symbol's bits interleave I and Q, so the point whose I label is k and whose Q label is 0
    # carries the bits of k in its even places.
    places = [sum(((k >> i) & 1) << (2 * i + 1) for i in range(bits)) for k in range(states)]
    amplitudes = qam(2 * bits, normalize=True)[places].real.astype(np.float32)
    amplitudes.flags.writeable = False  # one array for all callers
    return amplitudes


def checked_indices(indices: Any, alphabet: int) -> NDArray[np.uint8]:
    """Indices as uint8 [B, K].

    Raises:
        ValueError: If they are no integers [B, K], or one is not below the alphabet.
    """
    array = np.asarray(indices)
    if array.ndim != 2 or array.dtype.kind not in "bui":
        raise ValueError(
            f"indices are {array.dtype} {list(array.shape)}; whole numbers [B, K] are wanted"
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < alphabet:
        raise ValueError(
            f"indices are {array.min()} to {array.max()}; this modem sends 0 to {alphabet - 1}"
        )
    return array.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class IndexModem:
    """Two codebook indices make one QAM symbol: the first on I, the second on Q. No channel code.

    Attributes:
        states: States of an index, N; the constellation is N^2-QAM (8 -> 64-QAM).
    """

    states: int = 8

    @property
    def alphabet(self) -> int:
        """Values of an index."""
        return self.states

    @property
    def indices_per_block(self) -> int | None:
        """None: there is no channel code."""
        return None

    def code_blocks(self, symbols: int) -> None:
        """None: see `indices_per_block`."""
        return None

    def symbols_for(self, count: int) -> int:
        """Complex symbols for this many indices: half, rounded up."""
        return -(-count // 2)

    def max_indices(self, symbols: int) -> int:
        """Indices that fit this many symbols: two each."""
        return 2 * symbols

    def modulate(self, indices: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """Indices [B, K] -> symbols complex64 [B, ceil(K/2)]; an odd last index is paired with 0."""
        indices = checked_indices(indices, self.states)
        even = np.pad(indices, ((0, 0), (0, indices.shape[1] % 2)))
        return np.ascontiguousarray(pam_amplitudes(self.states)[even]).view(np.complex64)

    def demodulate(self, received: NDArray[np.complex64], no: NDArray[np.float32]) -> Demodulated:
        """Log-likelihoods ln p(y | k) up to a constant, float32 [B, 2S, N].

        Args:
            received: complex64 [B, S].
            no: Noise variance, [B] or [B, S].
        """
        return Demodulated(axis_log_likelihoods(received, no, pam_amplitudes(self.states)), no)


@dataclass(frozen=True)
class BitModem:
    """Bits <-> Gray square QAM, with an LDPC code around it or without.

    Attributes:
        bits_per_symbol: 2, 4, 6 or 8 (QPSK to 256-QAM).
        code: Channel code, or None for uncoded transmission.
        decoder: LDPC decoder: "auto", "fast", "sionna" or "device" (see `moclink.phy.ldpc`). With
            "device" the demapper runs on that device as well.
        num_iter: Largest number of belief-propagation iterations.
    """

    bits_per_symbol: int = 6
    code: LDPCCode | None = None
    decoder: str = "auto"
    num_iter: int = 20

    def __post_init__(self) -> None:
        if self.bits_per_symbol < 2 or self.bits_per_symbol % 2:
            raise ValueError(
                f"{self.bits_per_symbol} bits per symbol: square QAM carries 2, 4, 6 or 8"
            )

    @property
    def alphabet(self) -> int:
        """2: the indices are bits."""
        return 2

    @property
    def indices_per_block(self) -> int | None:
        """Information bits of a codeword, k; None if uncoded."""
        return self.code.k if self.code else None

    def code_blocks(self, symbols: int) -> None:
        """None: see `indices_per_block`."""
        return None

    def symbols_for(self, count: int) -> int:
        """Complex symbols for this many bits, padding of the last codeword and symbol counted."""
        if self.code:
            count = -(-count // self.code.k) * self.code.n
        return -(-count // self.bits_per_symbol)

    def max_indices(self, symbols: int) -> int:
        """Bits that this many symbols can carry, in whole codewords if coded."""
        bits = symbols * self.bits_per_symbol
        return bits // self.code.n * self.code.k if self.code else bits

    def modulate(self, indices: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """Bits [B, K] -> [LDPC encoder] -> symbols complex64 [B, S]; zero bits fill the last codeword."""
        bits = checked_indices(indices, 2)
        if self.code:
            batch, used = bits.shape
            blocks = -(-used // self.code.k)
            filled = np.pad(bits, ((0, 0), (0, blocks * self.code.k - used)))
            codewords = self.code.encode(filled.reshape(batch * blocks, self.code.k))
            bits = codewords.reshape(batch, blocks * self.code.n)
        bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % self.bits_per_symbol)))
        per_axis = self.bits_per_symbol // 2
        grouped = bits.reshape(bits.shape[0], -1, per_axis, 2)
        labels = np.zeros(grouped.shape[:2] + (2,), np.uint8)
        for place in range(per_axis):
            labels = (labels << 1) | grouped[:, :, place]
        points = pam_amplitudes(2**per_axis)[labels]
        return np.ascontiguousarray(points.reshape(bits.shape[0], -1)).view(np.complex64)

    def demodulate(self, received: NDArray[np.complex64], no: NDArray[np.float32]) -> Demodulated:
        """LLRs ln P(1)/P(0) of the bits handed to `modulate`, float32 [B, K'], padding last.

        With a channel code these are the decoder's hard decisions, as +1 and -1.

        Args:
            received: complex64 [B, S].
            no: Noise variance, [B] or [B, S].
        """
        if not self.code:
            return Demodulated(self.demap(received, no), no)
        batch, blocks = len(received), received.shape[1] * self.bits_per_symbol // self.code.n
        if self._device_receiver is not None:
            decoded = self._device_receiver.receive(received, no)
        else:
            llr = self.demap(received, no)
            decoded = self._decoder.decode(llr[:, : blocks * self.code.n].reshape(-1, self.code.n))
        bits = decoded.bits.reshape(batch, blocks * self.code.k)
        return Demodulated(
            2 * bits.astype(np.float32) - 1, no, decoded.iterations.reshape(batch, blocks)
        )

    def demap(
        self, received: NDArray[np.complex64], no: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """A-posteriori LLRs ln P(1)/P(0) of the channel bits, float32 [B, S * bits_per_symbol]."""
        return axis_llrs(received, no, pam_amplitudes(2 ** (self.bits_per_symbol // 2)))

    @cached_property
    def _decoder(self):  # noqa: ANN202
        return get_decoder(self.code, self.decoder, self.num_iter)

    @cached_property
    def _device_receiver(self):  # noqa: ANN202
        """Demapper and decoder on a device of PyTorch, where that is the decoder's; else None."""
        if not runs_on_device(self._decoder):
            return None
        from moclink.phy.device_receiver import DeviceReceiver

        amplitudes = pam_amplitudes(2 ** (self.bits_per_symbol // 2))
        return DeviceReceiver(self._decoder, self.code.n, amplitudes)
