"""Parsing of the arguments that the command line and `moclink.run` share.

Every function returns checked values, or raises ValueError with one line that names the value and
what would be right. Nothing here loads a framework.
"""

from __future__ import annotations

import decimal
import numbers
import os
import shlex
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from moclink.bandwidth_ratio import parse_cbr
from moclink.constants import FILE_SUFFIXES, MAX_SNR_POINTS, METRICS

DEFAULT_SNR, DEFAULT_METRICS = "-5:30", "psnr,ssim"
_DIGITS = {2: 3, 4: 6}  # bytes of a float -> decimal digits that it holds
_DECIMALS = decimal.Context(prec=28, traps=[InvalidOperation])
_SNRS = "values or start:stop[:step] in dB, comma-separated, such as -5:30, 0,10,20 or -5:5,10,20"


class UsageError(ValueError):
    """A wrong argument; the message names the value and the remedy."""


def comma_list(text: str) -> list[str]:
    """The parts of a comma-separated list, without blanks around them."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_snr(text: str, option: str = "--snr") -> tuple[float, ...]:
    """Read values and ranges start:stop[:step] (inclusive), separated by commas, in dB.

    Args:
        text: What was given.
        option: The option that it was given to.

    Returns:
        Ascending values without repeats.

    Raises:
        UsageError: If the text is none of these.
    """
    wanted = f"give {_SNRS}"
    try:
        with decimal.localcontext(_DECIMALS):  # whatever a caller has set
            values = _snr_values(text, option)
    except InvalidOperation:
        raise UsageError(f"{option} {text}: not a number of dB; {wanted}") from None
    if not all(v.is_finite() and abs(float(v)) <= 100 for v in values):
        raise UsageError(f"{option} {text}: values must lie between -100 and 100 dB; {wanted}")
    return _not_too_many({float(v) for v in values}, f"{option} {shorten(text)}")


def _not_too_many(values: set[float], given: str) -> tuple[float, ...]:
    """SNRs in ascending order, at most MAX_SNR_POINTS."""
    if len(values) > MAX_SNR_POINTS:
        raise UsageError(f"{given}: {len(values)} points; at most {MAX_SNR_POINTS} make a run")
    return tuple(sorted(values))


def _snr_values(text: str, option: str) -> list[Decimal]:
    """The values that a text names, in its order."""
    values: list[Decimal] = []
    for part in text.split(","):
        values += _snr_range(part, text, option) if ":" in part else [Decimal(part)]
    return values


def _snr_range(part: str, text: str, option: str) -> list[Decimal]:
    """The values of start:stop[:step], which is part of a text."""
    wanted = f"give {_SNRS}"
    start, stop, step = ([Decimal(p) for p in part.split(":")] + [Decimal(1)])[:3]
    if part.count(":") > 2:
        raise UsageError(f"{option} {text}: too many colons; {wanted}")
    if not (start.is_finite() and stop.is_finite() and step.is_finite()):
        raise UsageError(f"{option} {text}: not a number of dB; {wanted}")
    if step <= 0:
        raise UsageError(f"{option} {text}: the step must be positive; {wanted}")
    if stop < start:
        raise UsageError(f"{option} {text}: the stop lies below the start; {wanted}")
    count = int((stop - start) / step) + 1
    if count > MAX_SNR_POINTS:
        raise UsageError(
            f"{option} {text}: {count} points; at most {MAX_SNR_POINTS}, choose a larger step"
        )
    return [start + step * i for i in range(count)]


def read_snr(value: Any, name: str = "snr") -> tuple[float, ...]:
    """Read SNRs in dB: None for the default, text as on the command line, a number or several.

    Args:
        value: What was given.
        name: The argument that it was given to.

    Returns:
        Ascending values without repeats, at least one.
    """
    if value is None:
        return parse_snr(DEFAULT_SNR)
    if isinstance(value, str):
        return parse_snr(value, name)
    wanted = f"give numbers of dB, such as 10 or [0, 10, 20], or text: {_SNRS}"
    try:
        array = np.atleast_1d(np.asarray(value if hasattr(value, "ndim") else _listed(value)))
        if array.dtype.kind == "O" and all(isinstance(v, Fraction | Decimal) for v in array.flat):
            array = array.astype(float)
        if array.dtype.kind not in "iuf" or isinstance(value, bytes | bytearray | memoryview):
            raise TypeError
        # 0.30000000000000004 of numpy.arange is the 0.3 of a command line, as 0.3 in single
        # precision is, and -0 is 0.
        digits = _DIGITS.get(array.dtype.itemsize, 17) if array.dtype.kind == "f" else 17
        values = {round(float(f"{v:.{digits}g}"), 9) + 0.0 for v in array.ravel()}
    except (TypeError, ValueError):
        raise UsageError(f"{name} {shorten(value)}: not a number of dB; {wanted}") from None
    if not values:
        raise UsageError(f"{name} {shorten(value)}: there is none; {wanted}")
    if not all(abs(v) <= 100 for v in values):  # not those that are not a number either
        raise UsageError(f"{name} {shorten(value)}: values must lie between -100 and 100 dB")
    return _not_too_many(values, f"{name} {shorten(value)}")


def read_metrics(value: Any, option: str = "metrics") -> tuple[str, ...]:
    """Read names of metrics: None for the usual, "all", a comma-separated list, or several names.

    In upper or lower case, and as columns of the results ("psnr_db") too.
    """
    there = f"there are {', '.join(METRICS)}, or all"
    value = DEFAULT_METRICS if value is None else value
    try:
        names = comma_list(value) if isinstance(value, str) else list(value)
    except TypeError:
        raise UsageError(f"{option} {shorten(value)}: {there}") from None
    if not names:
        raise UsageError(f"{option} {shorten(value)}: the list is empty; {there}")
    if wants_all_metrics(value):
        return METRICS
    found = []
    for name in names:
        plain = str(name).strip().lower().replace("_", "-")
        plain = plain.removesuffix("-db") if plain.startswith("psnr") else plain
        if plain not in METRICS:
            raise UsageError(f"{option} {shorten(name)}: {there}")
        found.append(plain)
    return tuple(dict.fromkeys(found))


def wants_all_metrics(value: Any) -> bool:
    """Whether metrics are asked for by "all": what cannot be measured here is then left out."""
    return (value if isinstance(value, str) else list(value or ())) in ("all", ["all"], ("all",))


def read_cbrs(value: Any, option: str = "cbr") -> list[Fraction]:
    """Read channel bandwidth ratios: one or several, as text, fractions or numbers."""
    if isinstance(value, str):
        parts: list[Any] = comma_list(value)
    elif isinstance(value, numbers.Number) or not isinstance(value, Iterable):
        parts = [value]
    else:
        parts = [
            part
            for item in value
            for part in (comma_list(item) if isinstance(item, str) else [item])
        ]
    if not parts:
        raise UsageError(
            f"{option} {shorten(value)}: there is none; give ratios such as 1/24 or 0.05"
        )
    return [_cbr(part, option) for part in parts]


def _cbr(value: Any, option: str) -> Fraction:
    """One ratio; a float that is a fraction up to rounding is that fraction."""
    if isinstance(value, bool) or not isinstance(value, str | numbers.Real):
        raise UsageError(
            f"{option} {shorten(value)}: give a ratio above 0 and up to 1, such as '1/24' or 0.05"
        )
    ratio = parse_cbr(str(value))
    near = ratio.limit_denominator(10_000)
    rounded = isinstance(value, float) and abs(near - ratio) < ratio / 10**12
    return near if rounded else ratio


def read_integer(name: str, value: Any, least: int) -> int:
    """Read a whole number of at least `least`: an int, a float without fraction, or text."""
    try:
        number: Any = value if isinstance(value, numbers.Real) else int(str(value))
        if isinstance(value, bool) or int(number) != number or number < least:
            raise ValueError
    except (ValueError, OverflowError):
        given = value if isinstance(value, str | numbers.Number) else shorten(value)
        raise UsageError(f"{name} {given}: a whole number of at least {least} is needed") from None
    return int(number)


def read_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Read one of several words."""
    if not isinstance(value, str) or value not in choices:
        raise UsageError(f"{name} {shorten(value)}: there are {', '.join(choices)}")
    return value


def read_switch(name: str, value: Any) -> bool:
    """Read a choice between yes and no: a bool. Words are refused, of which "no" would be true too."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise UsageError(f"{name} {shorten(value)}: True or False is needed")


def read_folder(name: str, value: Any) -> Path:
    """Read the path of a folder."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise UsageError(
            f"{name} {shorten(value)}: the path of a folder is wanted, as text or a Path"
        )
    if "\0" in str(value) or any(len(os.fsencode(part)) > 255 for part in Path(value).parts):
        raise UsageError(f"{name} {shorten(value)}: the name is too long, or has a null character")
    path = Path(os.path.expanduser(value))  # Path.expanduser fails where nobody's home is known
    if path.suffix.lower() in FILE_SUFFIXES and not path.exists():
        raise UsageError(
            f"{name} {value}: that is the name of a file; name the folder for the files, such as "
            f"{shlex.quote(str(path.with_suffix('')))}"
        )
    return path


def shorten(value: Any, most: int = 60) -> str:
    """A value in a message: its text on one line, its middle left out if it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 3 :]}"


def _listed(value: Any) -> list[Any]:
    """Several values as a list, one as a list of it."""
    return list(value) if isinstance(value, Iterable) else [value]
