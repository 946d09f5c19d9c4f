"""Channel bandwidth ratios as they are written: 1/24, 0.05, and NAME@1/24."""

from __future__ import annotations

import re
from fractions import Fraction

AT_CBR = re.compile(r"(?P<base>.+)@(?P<cbr>[\d./]+)", re.DOTALL)


ROUNDED = Fraction(1, 10**5)  # a decimal so near to a fraction, relatively, is that fraction


def usual_name(name: str) -> str:
    """NAME@CBR with the ratio as a fraction in lowest terms: of 2/48 and 0.0416667 it is 1/24."""
    base, cbr = split_cbr(name)
    return name if cbr is None else f"{base}@{cbr}"


def split_cbr(name: str) -> tuple[str, Fraction | None]:
    """NAME@CBR -> the name and the channel bandwidth ratio, None if there is none.

    Raises:
        ValueError: If what follows the @ is no ratio above 0 and up to 1.
    """
    match = AT_CBR.fullmatch(name)
    return (match["base"], parse_cbr(match["cbr"])) if match else (name, None)


def parse_cbr(text: str) -> Fraction:
    """Read a channel bandwidth ratio, symbols / (3 H W), such as 1/24 or 0.05.

    A decimal that is a fraction up to rounding is that fraction.

    Raises:
        ValueError: If the text is no number above 0 and up to 1.
    """
    try:
        cbr = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        cbr = Fraction(0)
    near = cbr.limit_denominator(1000)
    if "/" not in text and abs(near - cbr) < cbr * ROUNDED:  # 0.0416667
        cbr = near
    if not 0 < cbr <= 1:
        raise ValueError(
            f"CBR {text}: give symbols per value, above 0 and up to 1, such as 1/24 or 0.05"
        )
    return cbr
