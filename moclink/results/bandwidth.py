"""Channel bandwidth ratios: which chains have equal ones, and how labels and titles state them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from moclink.results.averages import by_chain
from moclink.results.names import base_name, display_name, stated_cbr
from moclink.types import Row

TOLERANCE = 0.02  # ratios that differ by less count as equal
_SAME = 1e-3  # relative difference of ratios that differ by whole symbols alone
DENOMINATORS = [n for n in range(1, 385) if np.gcd(n, 6**8 * 5) == n]  # of 2, 3 and at most one 5


def chain_cbrs(rows: Sequence[Row]) -> dict[str, float]:
    """Channel bandwidth ratio of each chain that has one: all symbols over all values of its pictures.

    So a picture of a few pixels, whose smallest codeword is many symbols per value, weighs what it is.
    """
    found = {}
    for name, own in by_chain(rows).items():
        sent = [
            (row.cbr, (row.height or 1) * (row.width or 1)) for row in own if row.cbr is not None
        ]
        if sent:
            ratios, pixels = np.array(sent, np.float64).T
            found[name] = float(np.average(ratios, weights=pixels))
    return found


def cbr_text(value: float) -> str:
    """A ratio as it is written: a fraction such as 1/24 where it is one to half a percent, else 0.0123."""
    fraction = min(DENOMINATORS, key=lambda n: abs(value * n - 1))
    if abs(value * fraction - 1) <= 0.005:
        return f"1/{fraction}" if fraction > 1 else "1"
    return f"{value:.3g}"


def cbr_texts(values: Sequence[float]) -> list[str]:
    """Several ratios as they are written beside each other: all as fractions, or all as decimals."""
    texts = [cbr_text(value) for value in values]
    return (
        texts if all("/" in text or text == "1" for text in texts) else [f"{v:.3g}" for v in values]
    )


def equal(one: float, other: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two ratios count as equal."""
    return abs(one - other) <= tolerance * max(one, other)


def common_cbr(cbrs: Sequence[float]) -> float | None:
    """The ratio that most of several have, at least two of them; None if no two are equal."""
    if len(cbrs) == 1:
        return cbrs[0]
    # Nearly the same first: a ratio between two groups would be "equal" to the members of both.
    for tolerance in (_SAME, TOLERANCE):
        counts = {value: sum(equal(value, other, tolerance) for other in cbrs) for value in cbrs}
        most = max(counts.values(), default=0)
        if most > 1:
            return max(value for value, count in counts.items() if count == most)
    return None


def chain_labels(
    rows: Sequence[Row], name_of: Callable[[str], str] = display_name
) -> dict[str, str]:
    """Names for legends: a chain whose ratio differs from the others' has it in its label.

    Args:
        rows: Results. Of a chain that has sent pictures again (HARQ) the mean ratio is stated.
        name_of: How the name before `@` is written.
    """
    cbrs = chain_cbrs(rows)
    common = common_cbr(list(cbrs.values()))
    repeated = {row.chain for row in rows if (row.transmissions or 1) > 1}
    labels = {}
    for name in by_chain(rows):
        label = name_of(base_name(name))
        off = name in cbrs and (common is None or not equal(cbrs[name], common))
        if name in repeated:
            label += f", mean CBR {cbr_text(cbrs[name])}"
        elif stated_cbr(name) or off:
            label += f", CBR {_cbr_label(name, cbrs.get(name))}"
        labels[name] = label
    return labels


def cbr_note(rows: Sequence[Row]) -> str:
    """What a title says of the ratios: that of all, that of most, or nothing."""
    cbrs = list(chain_cbrs(rows).values())
    common = common_cbr(cbrs)
    if common is None:
        return ""
    alike = all(equal(common, value) for value in cbrs)
    return f"CBR {cbr_text(common)}" + ("" if alike else " unless stated")


def _cbr_label(name: str, sent: float | None) -> str:
    """The ratio that the name states if that was sent, or else what was sent."""
    stated = stated_cbr(name)
    if not stated:
        return cbr_text(sent or 0.0)
    top, _, bottom = stated.partition("/")
    value = float(top) / float(bottom or 1)
    return (
        stated if sent is None or equal(value, sent) else f"{cbr_text(sent)} ({stated} asked for)"
    )
