"""How figures write and colour a chain's name: one hue a family, the field's own words."""

from __future__ import annotations

import re
from typing import Any

import matplotlib

SCHEME = re.compile(r"^(?P<codec>.+)-ldpc(-\w+-r\d\d)?$")
HUES = {"jscc": "0.15", "jpeg": "C1", "bpg": "C3", "webp": "C2", "avif": "C4", "jpeg2000": "C5"}
# None of the hues above.
OTHERS = ("C0", "C6", "C8", "C9", "0.45", "tan", "navy", "yellowgreen", "indigo", "rosybrown", "teal", "0.7")
VARIANT_NAMES = {
    "no-nrb": "w/o NRB",
    "no-requantize": "w/o requantisation",
    "no-cr": "w/o CR",
    "greedy": "greedy CR",
    "greedy-paper": "greedy CR, paper's g",
    "hard": "hard receiver",
    "soft": "soft receiver",
}


def chain_colour(name: str, place: int) -> Any:
    """One hue a family in every figure; what has no family takes its turn.

    Levels are shades of blue or, if perceptual, of purple.
    """
    level = re.fullmatch(r"moc-rvq(-perceptual)?-l(\d)", name)
    if level:
        return matplotlib.colormaps["Purples" if level[1] else "Blues"](0.35 + 0.15 * int(level[2]))
    own = re.fullmatch(r"\w+(-96|-ldpc|-capacity)?", name)
    return (HUES.get(name.split("-")[0]) if own else None) or OTHERS[place % len(OTHERS)]


def display_name(chain: str) -> str:
    """A chain's name as the field writes it; a name of no known kind stays as it is."""
    semantic = re.fullmatch(r"moc-rvq(-perceptual)?-l(\d)((?:-[a-z]+)*)", chain)
    if semantic:
        suffixes = re.findall("|".join(sorted(VARIANT_NAMES, key=len, reverse=True)), semantic[3])
        family = f"MOC-RVQ{' perceptual' if semantic[1] else ''}"
        return f"{family} L{semantic[2]}" + "".join(f", {VARIANT_NAMES[suffix]}" for suffix in suffixes)
    codec, _, scheme = chain.partition("-")
    written = {"jscc": "JSCC", "random": "random bits"}.get(codec, codec.upper())
    if chain == "jscc-96":
        return "JSCC-96"
    if scheme == "capacity":
        return f"{written}, ideal code"
    coded = SCHEME.match(chain)
    if coded:
        mode = re.fullmatch(r"ldpc-(\d*)(\w+)-r(\d)(\d)", scheme)
        detail = f" {mode[1]}{'-' if mode[1] else ''}{mode[2].upper()} {mode[3]}/{mode[4]}" if mode else ""
        return f"{written} + LDPC{detail}"
    return chain


def short_name(chain: str, most: int = 14) -> str:
    """The name without folders, broken at dashes, colons and spaces into lines of about `most` letters."""
    name = display_name(chain)
    if name == chain:
        name = chain.rpartition("/")[2]
    lines = [""]
    for part in re.split(r"(?<=[-: ])", name):
        if lines[-1] and len(lines[-1] + part) > most:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
