"""The length of LDPC codewords in a chain's name: `-n6144` behind MODULATION-RATE.

    bpg-ldpc-64qam-r23-n6144       k = 4096 and n = 6144
    random-ldpc-16qam-r12-n1296    k = 648 and n = 1296

Without it codewords have 648 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from moclink.bandwidth_ratio import split_cbr

CODEWORD = 648  # transmitted bits of an LDPC block, unless the name says another number
RATES = {
    "r13": Fraction(1, 3),
    "r12": Fraction(1, 2),
    "r23": Fraction(2, 3),
    "r34": Fraction(3, 4),
    "r56": Fraction(5, 6),
}
_LENGTH = re.compile(r"(?P<scheme>.*\bldpc-(?P<modulation>\w+)-(?P<rate>r\d\d))-n(?P<n>\d+)")


def split_length(name: str) -> tuple[str, int]:
    """A chain or scheme without its length, and the length: 648 unless the name ends in -nN."""
    match = _LENGTH.fullmatch(name)
    return (match["scheme"], int(match["n"])) if match else (name, CODEWORD)


def code_size(rate: str, n: int) -> tuple[int, int]:
    """(k, n) of a code by its rate, such as "r23", and its length.

    Raises:
        ValueError: If k is no whole number.
    """
    share = RATES[rate]
    k = share * n
    if k.denominator != 1:
        raise ValueError(
            f"n{n} and {rate} make k = {float(k):g}; give a length that {share.denominator} divides"
        )
    return int(k), n


def check_length(name: str, bits_per_symbol: dict[str, int]) -> None:
    """Check the length that a chain or scheme names, if it names one.

    Args:
        name: Of the chain or scheme, without a CBR.
        bits_per_symbol: Bits of a QAM symbol by modulation.

    Raises:
        ValueError: If TS 38.212 has no such code, or its codewords are no whole number of symbols.
    """
    match = _LENGTH.fullmatch(name)
    if not match or match["modulation"] not in bits_per_symbol or match["rate"] not in RATES:
        return
    order = bits_per_symbol[match["modulation"]]
    try:
        k, n = code_size(match["rate"], int(match["n"]))
    except ValueError as error:
        raise ValueError(f"chain {name!r}: {error}") from error
    if n % order:
        raise ValueError(
            f"chain {name!r}: {n} bits are no whole number of symbols of {order} bits; "
            f"give a multiple of {order}"
        )
    if not 12 <= k <= 8448:
        raise ValueError(
            f"chain {name!r}: k is {k}; codes of TS 38.212 have 12 to 8448 information bits"
        )


def check_code(names: Iterable[str], code: str) -> None:
    """Raise ValueError if a chain's rate is none of the channel code's: wifi648 has rate 1/2 alone."""
    for name in names if code == "wifi648" else ():
        rate = re.search(r"-ldpc-\w+-(r\d+)(-n\d+)?$", split_cbr(name)[0])
        if rate and (rate[1] != "r12" or rate[2] not in (None, "-n648")):
            raise ValueError(
                f"chain {name!r}: --code wifi648 has k = 324 and n = 648 only; "
                f"give a chain of rate r12 without a length, or --code ldpc5g"
            )
