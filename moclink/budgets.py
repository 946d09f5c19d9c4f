"""What a picture may use: complex symbols, and bits of a file. Objects, so that chains can be pickled."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from moclink.chain import capacity_bits
from moclink.protocols import Modem
from moclink.sources.rate import semantic_bits, semantic_symbols
from moclink.types import ChannelState


@dataclass(frozen=True)
class SymbolBudget:
    """(height, width) -> complex symbols at a CBR, rounded down but one at least.

    Attributes:
        cbr: Channel bandwidth ratio; None for the symbols of the semantic chain at L4.
        factor: That many times the symbols.
    """

    cbr: Fraction | None
    factor: int = 1

    def __call__(self, height: int, width: int) -> int:
        """Complex symbols of a picture."""
        if self.cbr is None:
            return self.factor * semantic_symbols(height, width)
        return self.factor * max(1, int(self.cbr * 3 * height * width))


@dataclass(frozen=True)
class ModemBudget:
    """(height, width, csi) -> bits that a modem carries on the symbols of a picture.

    Attributes:
        modem: The modem.
        symbols: Complex symbols of a picture; None for as many bits as the semantic chain sends.
    """

    modem: Modem
    symbols: SymbolBudget | None

    def __call__(self, height: int, width: int, csi: ChannelState | None = None) -> int:
        """Bits that a file may have."""
        if self.symbols is None:
            return semantic_bits(height, width)
        return self.modem.max_indices(self.symbols(height, width))


@dataclass(frozen=True)
class CapacityBudget:
    """(height, width, csi) -> bits that an ideal code carries on the symbols of a picture.

    Attributes:
        symbols: Complex symbols of a picture.
    """

    symbols: SymbolBudget

    def __call__(self, height: int, width: int, csi: ChannelState | None = None) -> int:
        """Bits that a file may have."""
        return capacity_bits(self.symbols(height, width), csi)
