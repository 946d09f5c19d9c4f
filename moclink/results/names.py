"""Display names of chains in tables and figures."""

from __future__ import annotations

import re

from moclink.codeword_length import CODEWORD
from moclink.semantic_names import CHANNEL_OPTIMIZED

# CODEC-ldpc, CODEC-ldpc-16qam-r12, CODEC-ldpc-64qam-r23-n6144
FAMILY = r"(?:moc-rvq(?:-perceptual)?(?:-l\d)?|lapped-(?:restored|perceptual)|\w+)"
SCHEME = re.compile(
    rf"(?P<codec>{FAMILY})-ldpc(-(?P<modulation>\w+)-r(?P<k>\d)(?P<n>\d)(-n(?P<length>\d+))?)?"
)
# CODEC-ldpc-adaptive, CODEC-ldpc-mcs5, CODEC-ldpc-rst-mcs5-table3
MODE = re.compile(
    rf"{FAMILY}-ldpc-(?P<mode>adaptive|(?P<rst>rst-)?mcs(?P<mcs>\d+)(-table(?P<table>\d))?)"
)
LEVEL = re.compile(
    r"moc-rvq(?P<perceptual>-perceptual)?-l(?P<level>\d)(?P<variants>(?:-(?!ldpc)[a-z]+)*)"
)
CODECS = {
    "bpg444": "BPG 4:4:4",
    "webp": "WebP",
    "jpeg2000": "JPEG 2000",
    "lapped": "Lapped",
    "random": "random bits",
}
VARIANT_NAMES = {
    "no-nrb": "w/o NRB",
    "no-requantize": "w/o requantisation",
    "no-cr": "w/o CR",
    "greedy": "greedy CR",
    "greedy-paper": "greedy CR, paper's g",
    "hard": "hard receiver",
    "soft": "soft receiver",
}
_BREAK = r"[-:/_., ]"  # where a name may be cut


def base_name(chain: str) -> str:
    """The name before `@`, which states a channel bandwidth ratio: bpg-ldpc of bpg-ldpc@1/48."""
    return chain.rpartition("@")[0] if stated_cbr(chain) else chain


def stated_cbr(chain: str) -> str:
    """The channel bandwidth ratio that a name states, 1/48 of bpg-ldpc@1/48; empty if it states none."""
    match = re.fullmatch(r".+@([1-9]\d*/[1-9]\d*|\d*\.?\d+(?:e-?\d+)?)", chain)
    return match[1] if match else ""


def information_bits(chain: str) -> int | None:
    """Information bits of an LDPC codeword, by the chain's name; None if the name does not tell."""
    match = SCHEME.fullmatch(base_name(chain))
    if not match:
        return None
    length = int(match["length"] or CODEWORD)
    return length // 2 if match["k"] is None else length * int(match["k"]) // int(match["n"])


def display_name(chain: str) -> str:
    """A chain's name as the field writes it; a name of no known kind stays as it is."""
    if stated_cbr(chain):
        return f"{display_name(base_name(chain))}, CBR {stated_cbr(chain)}"
    semantic = LEVEL.fullmatch(chain)
    if semantic:
        suffixes = re.findall(
            "|".join(sorted(VARIANT_NAMES, key=len, reverse=True)), semantic["variants"]
        )
        family = f"MOC-RVQ{' perceptual' if semantic['perceptual'] else ''}"
        return f"{family} L{semantic['level']}" + "".join(f", {VARIANT_NAMES[s]}" for s in suffixes)
    if analog := re.fullmatch(r"(jscc-\d+)(-paper)?", chain):
        return analog[1].upper() + (analog[2] or "").replace("-", ", ")
    if optimized := CHANNEL_OPTIMIZED.fullmatch(chain):
        return f"MOC-RVQ L{optimized['levels']}, {optimized['kind']}"
    linear = re.fullmatch(
        r"(softcast|(?:moc-rvq|jscc|hybrid)-(?:linear|adaptive|robust))(-robust|-perceptual)?",
        chain,
    )
    if linear:
        family, _, kind = linear[1].rpartition("-")
        known = {"moc-rvq": "MOC-RVQ", "jscc": "JSCC", "hybrid": "Hybrid"}
        written = f"{known[family]} {kind}" if family else "SoftCast"
        return written + (linear[2] or "").replace("-", ", ")
    return _coded_name(chain) or printable(chain)


def _coded_name(chain: str) -> str:
    """The name of a chain of files or of random bits; empty if it is neither."""
    coded, mode = SCHEME.fullmatch(chain), MODE.fullmatch(chain)
    codec, _, scheme = chain.partition("-")
    written = CODECS.get(codec, codec.upper())
    if learned := re.match(r"moc-rvq(-perceptual)?(?:-l(\d))?(?=-(ldpc|capacity))", chain):
        written = f"MOC-RVQ{' perceptual' if learned[1] else ''}"
        written += f" L{learned[2]}" if learned[2] else ""
    if network := re.match(r"lapped-(restored|perceptual)-", chain):
        written = f"Lapped {network[1]}"
    if coded:
        rate = (
            f" {_modulation(coded['modulation'])} {coded['k']}/{coded['n']}" if coded["k"] else ""
        )
        length = f" n={coded['length']}" if coded["length"] else ""
        return f"{written} + LDPC{rate}{length}"
    if mode:
        table = f" of table {mode['table']}" if mode["table"] else ""
        scheme = f"MCS {mode['mcs']}{table}" if mode["mcs"] else mode["mode"]
        return f"{written}{' with restart markers' if mode['rst'] else ''} + LDPC, {scheme}"
    if re.fullmatch(rf"{FAMILY}-capacity", chain):
        return f"{written}, ideal code"
    if codec == "random" and re.fullmatch(r"qam\d+|\d+qam|qpsk", scheme):
        return f"{written}, {_modulation(scheme)}"
    return ""


def _modulation(name: str) -> str:
    """16qam -> 16-QAM, qpsk -> QPSK."""
    order = re.sub(r"\D", "", name)
    return f"{order}-QAM" if order else name.upper()


def short_name(chain: str) -> str:
    """The name as the field writes it, of a path the last part."""
    base, name = printable(base_name(chain)), display_name(chain)
    return name.replace(base, base.rpartition("/")[2])


def snr_text(snr_db: float) -> str:
    """An SNR in dB as it was given: two that differ by 0.0001 look different."""
    return f"{snr_db:.12g}"


def wrapped(text: str, most: int = 14) -> str:
    """A text broken at dashes, slashes, colons and spaces into lines of about `most` characters."""
    lines = [""]
    for part in re.split(r"(?<=[-:_ ])|(?<=\w\w/)(?=\D)", text):
        if lines[-1] and len(lines[-1] + part) > most:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip(" ") for line in lines)


def shortened(text: str, most: int) -> str:
    """A text of at most `most` characters, its middle left out: whole words, where words are short."""
    if len(text) <= most:
        return text
    tail = (most - 1) * 2 // 3
    first, last = text[: most - 1 - tail], text[-tail:]
    heads = [match.end() for match in re.finditer(_BREAK, first)]
    tails = [match.start() for match in re.finditer(_BREAK, last)]
    if heads and heads[-1] >= len(first) // 3 and not re.match(_BREAK, text[len(first) :]):
        first = first[: heads[-1]].rstrip(" ,")
    if tails and tails[0] <= len(last) // 2:
        last = last[tails[0] :].lstrip(" ,")
    return f"{first}…{last}"


def printable(text: str) -> str:
    """The text with escapes for what cannot be printed or is no valid Unicode."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
