"""Names of transmit chains: what there are, what they mean, and which are run by default.

Grammar of the names:

    CODEC-ldpc[-MODULATION-RATE]   file codec + LDPC + QAM          jpeg-ldpc, jpeg-ldpc-16qam-r12
    CODEC-capacity                 file codec + ideal code          jpeg-capacity
    random-MODULATION              random bits, uncoded             random-qam64
    random-ldpc[-MODULATION-RATE]  random bits + LDPC + QAM         random-ldpc

    moc-rvq-lL[-VARIANT...]        semantic codec, levels 1..L      moc-rvq-l4, moc-rvq-l4-no-nrb-no-cr
    moc-rvq-perceptual-lL[-...]    trained for LPIPS, not PSNR      moc-rvq-perceptual-l4
    jscc-96                        analog codec
    PATH[:lL[-VARIANT...]]         a codec of one's own             runs/mine/codec:l4-hard

A further file codec is one line in `FILE_CODECS`, a further variant one in `VARIANTS`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moclink.constants import CODES, LDPC_DECODERS, MATCHES, RECEIVERS

CODEWORD = 648  # transmitted bits of an LDPC block
MODULATIONS = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
INFORMATION_BITS = {"r13": 216, "r12": 324, "r23": 432, "r34": 486, "r56": 540}  # of a codeword


@dataclass(frozen=True)
class ChainOptions:
    """What a user may choose for all chains of a run.

    Attributes:
        match: Budget of the classical chains. "source-bits": file bits = bits of the semantic chain at
            L4 (the paper's way); "symbols": as many symbols as the semantic chain at L4 (equal CBR).
        code: "ldpc5g" or "wifi648".
        ldpc: LDPC decoder, "auto", "fast" or "sionna".
        receiver: "soft" or "hard" retrieval of code vectors in the semantic chains.
    """

    match: str = MATCHES[0]
    code: str = CODES[0]
    ldpc: str = LDPC_DECODERS[0]
    receiver: str = RECEIVERS[0]


# Name -> module and codec there, loaded when a chain needs it.
FILE_CODECS = {
    "jpeg": ("moclink.sources.pillow_codecs", "JPEG"),
    "bpg": ("moclink.sources.bpg_files", "BPG"),
    "webp": ("moclink.sources.pillow_codecs", "WEBP"),
    "avif": ("moclink.sources.pillow_codecs", "AVIF"),
    "jpeg2000": ("moclink.sources.pillow_codecs", "JPEG2000"),
}

# Families of named chains -> the presets whose weights they use.
SEMANTIC_PRESETS = {"moc-rvq": "small", "moc-rvq-perceptual": "small-perceptual"}
ANALOG_PRESET = "small"
LEVELS = (1, 2, 3, 4)
# Suffix -> (argument, value): what is changed at the receiver, or in the placement of the codes.
VARIANTS: dict[str, tuple[str, Any]] = {
    "no-nrb": ("use_nrb", False),
    "no-requantize": ("requantize", False),
    "no-cr": ("placement", "none"),
    "greedy": ("placement", "greedy"),
    "greedy-paper": ("placement", "greedy-paper"),
    "hard": ("receiver", "hard"),
    "soft": ("receiver", "soft"),
}
VARIANT_PATTERN = "|".join(sorted(VARIANTS, key=len, reverse=True))
SEMANTIC = re.compile(rf"l(?P<levels>\d)(?P<variants>(-({VARIANT_PATTERN}))*)")
NAMED = re.compile(rf"(?P<family>moc-rvq(-perceptual)?)-(?P<scheme>{SEMANTIC.pattern})")

DEFAULT_CHAINS = (
    *(f"moc-rvq-l{levels}" for levels in LEVELS),
    "jscc-96",
    "jpeg-ldpc",
    "bpg-ldpc",
    "jpeg-capacity",
    "bpg-capacity",
)
WEIGHTS = Path(__file__).parent / "weights"


def default_chains() -> tuple[str, ...]:
    """Chains of a plain run: those of the paper's Fig. 3 whose weights are shipped, and ideal codes."""
    semantic = (WEIGHTS / f"moc-rvq-{SEMANTIC_PRESETS['moc-rvq']}.json").is_file()
    analog = (WEIGHTS / f"jscc-96-{ANALOG_PRESET}.json").is_file()
    missing = (*(() if semantic else ("moc-rvq",)), *(() if analog else ("jscc",)))
    return tuple(name for name in DEFAULT_CHAINS if not name.startswith(missing))


def chain_names() -> list[str]:
    """Every name that `make_chain` knows, of the semantic chains' variants one at a time."""
    schemes = ["ldpc"] + [f"ldpc-{m}-{r}" for m in MODULATIONS for r in INFORMATION_BITS]
    names = [f"{family}-l{levels}" for family in SEMANTIC_PRESETS for levels in LEVELS]
    names += [f"moc-rvq-l4-{variant}" for variant in VARIANTS] + ["moc-rvq-l4-no-nrb-no-cr", "jscc-96"]
    names += [f"{codec}-{scheme}" for codec in FILE_CODECS for scheme in [*schemes, "capacity"]]
    names += [f"random-{_qam_first(m)}" for m in MODULATIONS]
    return names + [f"random-{scheme}" for scheme in schemes]


def describe_chains() -> list[tuple[str, str]]:
    """(name or family of names, what it is), for --list-chains."""
    modulations, rates = ", ".join(MODULATIONS), ", ".join(INFORMATION_BITS)
    rows = [
        ("moc-rvq-l1 .. moc-rvq-l4", "semantic codec, levels 1 to 4, indices on 64-QAM, no channel code"),
        ("moc-rvq-lL-VARIANT...", f"the same with one or more of {', '.join(VARIANTS)}"),
        ("moc-rvq-perceptual-lL...", "the same, trained for perceptual distance instead of PSNR"),
        ("jscc-96", "analog codec, 48 symbols an 8x8 block"),
        ("PATH, PATH:lL-VARIANT...", "a codec of your own, exported by python -m moclink.train"),
    ]
    for codec in FILE_CODECS:
        rows.append((f"{codec}-ldpc", f"{codec.upper()} + LDPC (k=324, n=648) + 64-QAM"))
        rows.append((f"{codec}-ldpc-MOD-RATE", f"the same with MOD of {modulations} and RATE of {rates}"))
        rows.append((f"{codec}-capacity", f"{codec.upper()} + ideal code: bits = symbols * log2(1 + SNR)"))
    rows.append(("random-MOD", "random bits, uncoded: " + ", ".join(map(_qam_first, MODULATIONS))))
    rows.append(("random-ldpc", "random bits + LDPC (k=324, n=648) + 64-QAM"))
    rows.append(("random-ldpc-MOD-RATE", "the same with another modulation and rate"))
    return rows


def check_name(name: str) -> None:
    """Raise ValueError, with the nearest name or the remedy, if there is no chain of this name."""
    names = chain_names()
    if name in names:
        return
    if NAMED.fullmatch(name):
        return
    path, scheme = path_and_scheme(name)
    if json_file(path).is_file():
        if scheme and not SEMANTIC.fullmatch(scheme):
            variants = ", ".join(VARIANTS)
            raise ValueError(f"{name!r}: after the colon comes l1 to l4, then any of {variants}, with dashes")
        return
    if "/" in name:
        raise ValueError(f"no codec at {path}: name the path that python -m moclink.train export wrote")
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"unknown chain {name!r}{hint} (--list-chains shows them all)")


def is_file_chain(name: str) -> bool:
    """Say whether a chain of this name sends the files of a file codec."""
    family, _, scheme = name.partition("-")
    return family in FILE_CODECS and scheme.partition("-")[0] in ("ldpc", "capacity")


def is_bit_chain(name: str) -> bool:
    """Say whether a chain of this name sends random bits instead of pictures."""
    return name.startswith("random-")


def path_and_scheme(name: str) -> tuple[str, str]:
    """PATH:SCHEME -> its parts; the scheme is empty if there is none."""
    path, colon, scheme = name.rpartition(":")
    return (path, scheme) if colon else (name, "")


def json_file(path: str) -> Path:
    """The JSON file of exported weights, given with or without its ending."""
    stem = path.removesuffix(".json").removesuffix(".weights.h5")
    return Path(stem + ".json")


def _qam_first(modulation: str) -> str:
    """16qam -> qam16, the order in names of uncoded chains."""
    return f"qam{modulation[:-3]}" if modulation.endswith("qam") else modulation


def qam_last(modulation: str) -> str:
    """qam16 -> 16qam."""
    return f"{modulation[3:]}qam" if modulation.startswith("qam") else modulation
