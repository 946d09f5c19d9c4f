"""Modulation and coding schemes of 5G NR: the three MCS tables of 3GPP TS 38.214, 5.1.3.1.

Table 1 (5.1.3.1-1) goes to 64-QAM, table 2 (5.1.3.1-2) to 256-QAM, table 3 (5.1.3.1-3) down to code
rate 30/1024 for low SNR. Reserved indices are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral

# Bits of a symbol -> code rates times 1024, in the order of the table.
_RATES: dict[int, tuple[tuple[int, tuple[float, ...]], ...]] = {
    1: (
        (2, (120, 157, 193, 251, 308, 379, 449, 526, 602, 679)),
        (4, (340, 378, 434, 490, 553, 616, 658)),
        (6, (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)),
    ),
    2: (
        (2, (120, 193, 308, 449, 602)),
        (4, (378, 434, 490, 553, 616, 658)),
        (6, (466, 517, 567, 616, 666, 719, 772, 822, 873)),
        (8, (682.5, 711, 754, 797, 841, 885, 916.5, 948)),
    ),
    3: (
        (2, (30, 40, 50, 64, 78, 99, 120, 157, 193, 251, 308, 379, 449, 526, 602)),
        (4, (340, 378, 434, 490, 553, 616)),
        (6, (438, 466, 517, 567, 616, 666, 719, 772)),
    ),
}


@dataclass(frozen=True)
class MCS:
    """A modulation and coding scheme.

    Attributes:
        table: Number of the table, 1 to 3.
        index: Index in the table, from 0.
        bits_per_symbol: Modulation order Q_m: 2, 4, 6 or 8.
        rate_1024: Target code rate times 1024.
    """

    table: int
    index: int
    bits_per_symbol: int
    rate_1024: float

    @property
    def coderate(self) -> float:
        """Target code rate R."""
        return self.rate_1024 / 1024

    @property
    def exact_coderate(self) -> Fraction:
        """Target code rate R as a fraction."""
        return Fraction(round(2 * self.rate_1024), 2048)

    @property
    def spectral_efficiency(self) -> float:
        """Information bits per symbol, Q_m R."""
        return self.bits_per_symbol * self.coderate


def _table(number: int) -> tuple[MCS, ...]:
    pairs = [(order, rate) for order, rates in _RATES[number] for rate in rates]
    return tuple(MCS(number, index, order, rate) for index, (order, rate) in enumerate(pairs))


MCS_TABLES = {number: _table(number) for number in _RATES}


def get_mcs(index: int, table: int = 1) -> MCS:
    """The scheme of an index.

    Raises:
        ValueError: If there is no such table or index.
    """
    if table not in MCS_TABLES:
        raise ValueError(f"MCS table {table}: there are {', '.join(map(str, MCS_TABLES))}")
    if not isinstance(index, Integral):
        raise ValueError(f"MCS {index!r}: the index is a whole number, such as 13")
    if not 0 <= index < len(MCS_TABLES[table]):
        raise ValueError(f"MCS {index}: table {table} has 0 to {len(MCS_TABLES[table]) - 1}")
    return MCS_TABLES[table][index]
