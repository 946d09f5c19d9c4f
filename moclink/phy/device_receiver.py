"""Demapper and LDPC decoder on a PyTorch device: symbols go there, decided bits come back.

LLRs are those of `moclink.phy.axis_llrs`. They never leave the device: a transmission of S symbols of 64-QAM
sends 8 S bytes and gets 3 S bytes of bits back, where its LLRs would take 24 S.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from moclink.phy.device_decoder import DeviceDecoder
from moclink.phy.fused import Fused
from moclink.phy.ldpc_graph import DecodedBlocks

Tensor = Any  # of PyTorch
# LLRs that are kept at once: 1 GB on a GPU, 64 MB on a CPU.
MOST_LLRS = {"cuda": 2**28, "cpu": 2**24}


def demap(axes: Tensor, no: Tensor, amplitudes: Tensor) -> Tensor:
    """LLRs ln P(1)/P(0) of equiprobable bits of Gray square QAM.

    Args:
        axes: float32 [2, S], real and imaginary parts of the symbols.
        no: Noise variance per complex symbol, positive, float32 [S].
        amplitudes: float32 [N], the amplitude of each label of an axis, N a power of two.

    Returns:
        float32 [log2 N, 2, S], most significant bits first: with the last axis in front, the order
        of `axis_llrs`.
    """
    # One tensor a label, so that torch.compile can fuse all that follows.
    scale = -1 / no
    exponents = [(axes - amplitude) ** 2 * scale for amplitude in amplitudes]
    llrs = []
    for place in range(len(amplitudes).bit_length() - 2, -1, -1):
        one = [e for label, e in enumerate(exponents) if label >> place & 1]
        zero = [e for label, e in enumerate(exponents) if not label >> place & 1]
        # Each sum relative to its own largest term, so that no LLR is lost.
        most_one, most_zero = _largest(one), _largest(zero)
        ratio = _sum_relative(one, most_one) / _sum_relative(zero, most_zero)
        llrs.append(most_one - most_zero + torch.log(ratio))
    return torch.stack(llrs)


def _largest(values: list[Tensor]) -> Tensor:
    """The largest of some tensors, element by element."""
    largest = values[0]
    for value in values[1:]:
        largest = torch.maximum(largest, value)
    return largest


def _sum_relative(exponents: list[Tensor], largest: Tensor) -> Tensor:
    """Sum of e^(exponent - largest), element by element."""
    total = torch.exp(exponents[0] - largest)
    for exponent in exponents[1:]:
        total = total + torch.exp(exponent - largest)
    return total


class DeviceReceiver:
    """Demaps and decodes whole transmissions on the decoder's device.

    Args:
        decoder: For the channel code.
        n: Bits of a codeword.
        amplitudes: float32 [N], the amplitude of each label of an axis.
    """

    def __init__(self, decoder: DeviceDecoder, n: int, amplitudes: NDArray[np.float32]) -> None:
        self._decoder, self._n = decoder, n
        self._bits_per_symbol = 2 * (len(amplitudes).bit_length() - 1)
        levels = torch.tensor(amplitudes, device=decoder.device)

        def demapper(axes: Tensor, no: Tensor) -> Tensor:
            return demap(axes, no, levels)

        self._demap = Fused(demapper, "demapping") if decoder.fuses else demapper

    @torch.no_grad()
    def receive(self, received: NDArray[np.complex64], no: NDArray[np.float32]) -> DecodedBlocks:
        """Demap and decode; bits that fill no codeword are left out.

        Args:
            received: complex64 [B, S].
            no: Noise variance per complex symbol, positive, [B] or [B, S].

        Returns:
            The codewords of the first row, then those of the second, and so on.
        """
        bits = received.shape[1] * self._bits_per_symbol
        blocks = bits // self._n
        together = max(1, MOST_LLRS[self._kind] // max(1, bits))
        parts = []
        for start in range(0, len(received), together):
            llrs = [
                self.demap(received[row], no[row])[: blocks * self._n]
                for row in range(start, min(len(received), start + together))
            ]
            decoded = self._decoder.decode_tensor(torch.cat(llrs).reshape(-1, self._n))
            parts.append([tensor.cpu().numpy() for tensor in decoded])
        return DecodedBlocks(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    @torch.no_grad()
    def demap(self, received: NDArray[np.complex64], no: NDArray[np.float32]) -> Tensor:
        """LLRs of a row of symbols, on the device.

        Args:
            received: complex64 [S].
            no: Noise variance, a scalar or [S].

        Returns:
            float32 [S * bits per symbol].
        """
        row = torch.from_numpy(np.ascontiguousarray(received, np.complex64))
        symbols = torch.view_as_real(row.to(self._decoder.device))
        variances = torch.as_tensor(no, dtype=torch.float32).to(self._decoder.device)
        llr = self._demap(symbols.T.contiguous(), variances.expand(len(symbols)).contiguous())
        return llr.permute(2, 0, 1).flatten()

    @property
    def _kind(self) -> str:
        return "cpu" if self._decoder.device.type == "cpu" else "cuda"
