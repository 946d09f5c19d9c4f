"""Names of transmit chains: what there are, what they mean, and which are run by default.

Grammar of the names:

    CODEC-ldpc[-MODULATION-RATE]   file codec + LDPC + QAM        jpeg-ldpc, jpeg-ldpc-16qam-r12
    CODEC-ldpc-mcsN[-tableT]       file codec, one MCS of 5G NR   jpeg-ldpc-mcs13
    CODEC-ldpc-adaptive            the best MCS at each SNR       bpg-ldpc-adaptive
    jpeg-ldpc-rst-mcsN[-tableT]    JPEG with restart markers, lost rows concealed
    CODEC-capacity                 file codec + ideal code        jpeg-capacity
    random-MODULATION              random bits, uncoded           random-64qam
    random-ldpc[-MODULATION-RATE]  random bits + LDPC + QAM       random-ldpc
    random-ldpc-mcsN[-tableT]      random bits as transport blocks  random-ldpc-mcs13
    ...-ldpc-MODULATION-RATE-nN    codewords of N bits, not 648   bpg-ldpc-64qam-r23-n6144
    moc-rvq-lL[-VARIANT...]        semantic codec, levels 1..L    moc-rvq-l4-no-nrb-no-cr
    moc-rvq-perceptual-lL[-...]    trained for LPIPS, not PSNR    moc-rvq-perceptual-l4
    jscc-16, -96; jscc-96-paper    jscc-adaptive at CBR 1/24, 1/4; the paper's analog autoencoder
    softcast, moc-rvq-linear, ...  linear and octonary codecs (`linear_names`)
    moc-rvq-adaptive-lL, moc-rvq-lL-ldpc-..., ...   see `semantic_names`
    PATH[:lL[-VARIANT...]]         exported weights               runs/mine/codec:l4-hard
    MODULE:NAME, FILE.py:NAME      your own codec (docs/own-codec.md)   my_codec.py:MyCodec?depth=3
    exec:COMMAND                   the same in another environment      exec:python3.9 codec.py
    NAME@CBR                       a file chain or linear codec at a channel bandwidth ratio of
                                   its own, symbols / (3 H W)     bpg-ldpc@1/24

A further file codec is one line in `FILE_CODECS`, a further variant one in `VARIANTS`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from moclink.arguments import read_choice, read_integer
from moclink.bandwidth_ratio import AT_CBR, split_cbr
from moclink.codeword_length import RATES, check_length, split_length
from moclink.constants import CHOICES, CODES, LDPC_DECODERS, MATCHES, OUTAGES, RECEIVERS
from moclink.linear_names import FIXED_LINEAR, LAPPED, LINEAR_CODECS
from moclink.semantic_names import (
    CHANNEL_OPTIMIZED_NAMES,
    CODED,
    SEMANTIC_DESCRIPTIONS,
    family_and_scheme,
)
from moclink.user_codec.names import is_weights, path_and_scheme, user_codec

MODULATIONS = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}


@dataclass(frozen=True)
class ChainOptions:
    """What a user may choose for all chains of a run.

    Attributes:
        match: Budget of the classical chains: "source-bits", as many bits as the semantic chain at
            L4 (the paper's way), or "symbols", as many symbols (equal CBR).
        code: "ldpc5g" or "wifi648".
        ldpc: LDPC decoder, "auto", "fast", "sionna" or "device".
        receiver: "soft" or "hard" retrieval of code vectors in the semantic chains.
        seed: Seed of the run, passed to user-defined codecs.
        outage: How lost pictures are scored, one of `OUTAGES`.
        harq: Transmissions of a transport block at most (chains of one MCS and adaptive ones).
    """

    match: str = MATCHES[0]
    code: str = CODES[0]
    ldpc: str = LDPC_DECODERS[0]
    receiver: str = RECEIVERS[0]
    seed: int = 1
    outage: str = OUTAGES[0]
    harq: int = 1

    def __post_init__(self) -> None:
        for name, there in CHOICES.items():
            read_choice(name, getattr(self, name), there)
        read_integer("harq", self.harq, 1)


# Name -> module and codec there (or what makes one), loaded when a chain needs it.
FILE_CODECS = {
    "jpeg": ("moclink.sources.pillow_codecs", "JPEG"),
    "bpg": ("moclink.sources.bpg_files", "BPG"),
    "bpg444": ("moclink.sources.bpg_files", "BPG444"),
    "webp": ("moclink.sources.pillow_codecs", "WEBP"),
    "avif": ("moclink.sources.pillow_codecs", "AVIF"),
    "jpeg2000": ("moclink.sources.pillow_codecs", "JPEG2000"),
    "moc-rvq": ("moclink.sources.semantic_files", "SemanticFileCodec"),
    **dict.fromkeys(LAPPED, ("moclink.sources.lapped_files", "LappedFileCodec")),
}
SEMANTIC_PRESETS = {"moc-rvq": "small", "moc-rvq-perceptual": "small-perceptual"}
ANALOG_PRESET = "small"
PAPER_ANALOG = "jscc-96-paper"
LEVELS = (1, 2, 3, 4)
MCS_SCHEME = re.compile(r"ldpc-(?P<rst>rst-)?mcs(?P<index>\d+)(-table(?P<table>[123]))?")
MCS_COUNTS = {1: 29, 2: 28, 3: 29}  # schemes of tables 5.1.3.1-1 to -3 of TS 38.214
# Suffix -> (argument, value): what is changed, at the receiver or in the index assignment.
VARIANTS: dict[str, tuple[str, Any]] = {
    "no-nrb": ("use_nrb", False),
    "no-requantize": ("requantize", False),
    "no-cr": ("index_assignment", "random"),
    "greedy": ("index_assignment", "greedy"),
    "greedy-paper": ("index_assignment", "greedy-paper"),
    "hard": ("receiver", "hard"),
    "soft": ("receiver", "soft"),
}
VARIANT_PATTERN = "|".join(sorted(VARIANTS, key=len, reverse=True))
SEMANTIC = re.compile(rf"l(?P<levels>\d)(?P<variants>(-({VARIANT_PATTERN}))*)")
NAMED = re.compile(rf"(?P<family>moc-rvq(-perceptual)?)-(?P<scheme>{SEMANTIC.pattern})")
# Schemes of bits over a channel code and a modulation, and the chains that send random bits.
SCHEMES = ("ldpc", *(f"ldpc-{m}-{r}" for m in MODULATIONS for r in RATES))
_TABLES = [(f"-table{t}", count) for t, count in MCS_COUNTS.items()]
MCS_SCHEMES = [
    f"ldpc-mcs{n}{t}" for t, count in [("", MCS_COUNTS[1]), *_TABLES] for n in range(count)
]
BIT_SCHEMES = (*MODULATIONS, *SCHEMES, *MCS_SCHEMES)
BIT_CHAINS = tuple(f"random-{scheme}" for scheme in BIT_SCHEMES)

DEFAULT_CHAINS = (
    *(f"moc-rvq-l{levels}" for levels in LEVELS),
    PAPER_ANALOG,
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
    names = [f"{family}-l{levels}" for family in SEMANTIC_PRESETS for levels in LEVELS]
    names += [f"moc-rvq-l4-{variant}" for variant in (*VARIANTS, "no-nrb-no-cr")]
    names += CHANNEL_OPTIMIZED_NAMES
    names += [f"moc-rvq-l{n}-{scheme}" for n in LEVELS for scheme in [*SCHEMES, "ldpc-mcs13"]]
    names += [PAPER_ANALOG, *LINEAR_CODECS, *FIXED_LINEAR]
    names += [f"{codec}-{scheme}" for codec in FILE_CODECS for scheme in [*SCHEMES, "capacity"]]
    names += [f"{codec}-ldpc-adaptive" for codec in FILE_CODECS]
    names += [f"{codec}-ldpc-mcs{index}" for codec in FILE_CODECS for index in range(MCS_COUNTS[1])]
    names += [f"jpeg-ldpc-rst-mcs{index}" for index in range(MCS_COUNTS[1])]
    return [*names, *BIT_CHAINS]


def describe_chains() -> list[tuple[str, str]]:
    """(name or family of names, what it is), for --list-chains."""
    modulations, rates = ", ".join(MODULATIONS), ", ".join(RATES)
    rows = [
        (
            "moc-rvq-l1 .. moc-rvq-l4",
            "the learned (semantic) codec MOC-RVQ, 1 to 4 levels, indices on 64-QAM, no channel code",
        ),
        ("moc-rvq-lL-VARIANT...", f"the same with one or more of {', '.join(VARIANTS)}"),
        ("moc-rvq-perceptual-lL...", "the same, trained for perceptual distance instead of PSNR"),
        *SEMANTIC_DESCRIPTIONS,
        (PAPER_ANALOG, "learned analog codec of the paper, 48 symbols per 8x8 block"),
        ("PATH, PATH:lL-VARIANT...", "your own weights, exported by python -m moclink.train"),
        ("MODULE:NAME, FILE.py:NAME", "your own codec, an object or a factory (docs/own-codec.md)"),
        (
            "FILE.py:NAME-SCHEME?A=B",
            "its bits by ldpc-MOD-RATE, ldpc-mcsN, MOD, ...; argument A is B",
        ),
        ("exec:COMMAND", "a codec in another environment, over standard input and output"),
    ]
    rows += [(name, f"{base} at CBR {cbr}: analog") for name, (base, cbr) in FIXED_LINEAR.items()]
    rows += LINEAR_CODECS.items()
    for codec in (codec for codec in FILE_CODECS if codec not in SEMANTIC_PRESETS):
        label = LAPPED.get(codec, codec.upper())
        rows.append((f"{codec}-ldpc", f"{label} + LDPC (k=324, n=648) + 64-QAM"))
        rows.append(
            (f"{codec}-ldpc-MOD-RATE", f"the same with MOD of {modulations} and RATE of {rates}")
        )
        rows.append(
            (f"{codec}-ldpc-adaptive", "the 5G NR MCS of best expected quality, told the SNR")
        )
        rows.append(
            (f"{codec}-ldpc-mcsN", "one MCS of TS 38.214, table 5.1.3.1-1; -tableT for -2 or -3")
        )
        rows.append((f"{codec}-capacity", f"{label} + ideal code: bits = symbols * log2(1 + SNR)"))
    rows.append(
        ("jpeg-ldpc-rst-mcsN", "JPEG with restart markers, fixed MCS; lost rows are concealed")
    )
    rows.append(("random-MOD", "random bits, uncoded: " + modulations))
    rows.append(("random-ldpc, ...-MOD-RATE", "random bits + LDPC + QAM; (324, 648) and 64-QAM"))
    rows.append(("random-ldpc-mcsN", "random bits as transport blocks of one MCS of 5G NR"))
    rows.append(("...-MOD-RATE-nN", "codewords of N bits instead of 648: bpg-ldpc-64qam-r23-n6144"))
    return rows


def check_name(name: str) -> None:
    """Raise ValueError, with the nearest name or the remedy, if there is no chain of this name."""
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is no name of a chain; give a string such as 'jpeg-ldpc'")
    asked = name
    if own := user_codec(name):
        check_length(own.scheme, MODULATIONS)
        own.check(name, ("ldpc-adaptive", "capacity", *BIT_SCHEMES))
        return
    name, cbr = split_cbr(name)
    check_length(name, MODULATIONS)
    name, _ = split_length(name)
    _check_plain_name(name, asked)
    if cbr is not None and not takes_cbr(name):
        raise ValueError(
            f"{asked!r}: {name} declares its own CBR; file chains and linear ones can be given one"
        )


def _check_plain_name(name: str, asked: str) -> None:
    """Check a name without bandwidth ratio and codeword length; `asked` is all of it."""
    names = chain_names()
    if name in names:
        return
    if named := NAMED.fullmatch(name):
        if int(named["levels"]) in LEVELS:
            return
        raise ValueError(
            f"chain {asked!r}: there is no level {named['levels']}; give l{LEVELS[0]} to l{LEVELS[-1]}"
        )
    levels = CODED.fullmatch(name)
    family, scheme = (levels["family"], levels["scheme"]) if levels else family_and_scheme(name)
    if levels and scheme in SCHEMES:
        return
    known = family in FILE_CODECS or levels is not None
    coded = MCS_SCHEME.fullmatch(scheme) if known else None
    if coded and (family == "jpeg" or not coded["rst"]):
        table = int(coded["table"] or 1)
        if int(coded["index"]) < MCS_COUNTS[table]:
            return
        last = MCS_COUNTS[table] - 1
        raise ValueError(f"{name!r}: table {table} of TS 38.214 has mcs0 to mcs{last}")
    path, scheme = path_and_scheme(name)
    if is_weights(path):
        if scheme and not SEMANTIC.fullmatch(scheme):
            after = f"l1 to l4, then any of {', '.join(VARIANTS)}, with dashes"
            raise ValueError(f"{name!r}: after the colon comes {after}")
        return  # how many levels there are is known when the codec is made
    if re.search(r"@[-\d./@%]*$", name):
        raise ValueError(
            f"{asked!r}: after one @ comes the CBR, above 0 and up to 1, as in softcast@1/24"
        )
    remedy = "name the path that python -m moclink.train export wrote"
    if is_weights(inside := f"{path}/codec"):  # the folder of a training
        raise ValueError(f"no codec at {path}: {remedy}; did you mean {inside}?")
    if "/" in name:
        raise ValueError(f"no codec at {path}: {remedy}")
    respelled = re.sub(r"qam(\d+)", r"\1qam", name.lower())
    near = [respelled] if respelled in names else difflib.get_close_matches(respelled, names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"unknown chain {name!r}{hint} (--list-chains shows them all)")


def at_cbr(names: Iterable[str], cbrs: Iterable[Fraction]) -> tuple[str, ...]:
    """Names of chains at several channel bandwidth ratios; what declares its own stays as it is.

    So do user-defined codecs: which of them take a ratio is known when they are made.
    """
    found: dict[str, None] = {}
    for name in names:
        fixed = not takes_cbr(name) or split_cbr(name)[1] is not None
        found.update(dict.fromkeys([name] if fixed else [f"{name}@{cbr}" for cbr in cbrs]))
    return tuple(found)


def takes_cbr(name: str) -> bool:
    """Say whether a chain of this name can be given a channel bandwidth ratio."""
    return is_file_chain(name) or AT_CBR.sub(r"\g<base>", name) in LINEAR_CODECS


def is_file_chain(name: str) -> bool:
    """Say whether a chain of this name sends the files of a file codec."""
    base = AT_CBR.sub(r"\g<base>", name)
    family, scheme = family_and_scheme(base)
    coded = family in FILE_CODECS and scheme.partition("-")[0] in ("ldpc", "capacity")
    # The path of exported weights may begin like a name.
    return coded and not set("/:") & set(base)


def is_bit_chain(name: str) -> bool:
    """Say whether a chain of this name sends random bits instead of pictures."""
    return split_length(name)[0] in BIT_CHAINS


def is_known(name: str) -> bool:
    """Say whether a name, without a CBR, is one of moclink's own; else it is a path to weights."""
    name, _ = split_length(name)
    levels = CODED.fullmatch(name)
    family, scheme = ("", levels["scheme"]) if levels else family_and_scheme(name)
    coded = (levels or family in FILE_CODECS) and MCS_SCHEME.fullmatch(scheme)
    return name in chain_names() or bool(NAMED.fullmatch(name) or coded)
