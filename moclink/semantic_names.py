"""Names of chains of the semantic codec that are channel-optimised or have a channel code.

    moc-rvq-adaptive-lL                 codebooks for the SNR, sender told it   moc-rvq-adaptive-l4
    moc-rvq-robust-l4                   codebooks for -5 to 20 dB, sender not told
    moc-rvq-lL-ldpc[-MODULATION-RATE]   its indices, LDPC and QAM               moc-rvq-l2-ldpc-16qam-r12
    moc-rvq-lL-ldpc-mcsN[-tableT]       its indices, entropy-coded, one MCS     moc-rvq-l2-ldpc-mcs13
    moc-rvq-ldpc-adaptive, ...          a file codec: levels chosen by cost     moc-rvq-ldpc-mcs13@1/24

`moc-rvq-adaptive` and `moc-rvq-robust`, without a level, are octonary codecs of `moclink.linear`.
"""

from __future__ import annotations

import re

CHANNEL_OPTIMIZED = re.compile(r"moc-rvq-(?P<kind>adaptive|robust)-l(?P<levels>\d)")
CHANNEL_OPTIMIZED_NAMES = (*(f"moc-rvq-adaptive-l{n}" for n in range(1, 5)), "moc-rvq-robust-l4")
CODED = re.compile(r"(?P<family>moc-rvq(-perceptual)?)-l(?P<levels>[1-4])-(?P<scheme>ldpc.*)")

# File codecs whose names have a dash.
DASHED_FAMILIES = ("moc-rvq", "lapped-restored", "lapped-perceptual")

SEMANTIC_DESCRIPTIONS = (
    (
        "moc-rvq-adaptive-l1 .. -l4",
        "the learned codec, channel-optimised, told the SNR (moc-rvq-adaptive alone: a transform codec)",
    ),
    (
        "moc-rvq-robust-l4",
        "the same for -5 to 20 dB, not told the SNR (moc-rvq-robust alone: a transform codec)",
    ),
    (
        "moc-rvq-lL-ldpc-MOD-RATE",
        "the learned codec, 3 bits per index, LDPC (n=648) and QAM; -ldpc alone is 64qam-r12",
    ),
    (
        "moc-rvq-lL-ldpc-mcsN",
        "its indices entropy-coded in one 5G transport block; damaged, it is an outage",
    ),
    (
        "moc-rvq-ldpc..., -capacity",
        "the learned codec as an entropy-coded file, levels by rate-distortion cost; schemes of jpeg-...",
    ),
)


def family_and_scheme(name: str) -> tuple[str, str]:
    """Codec and scheme of a name without CBR: moc-rvq and ldpc-adaptive of moc-rvq-ldpc-adaptive."""
    for family in DASHED_FAMILIES:
        if name.startswith(f"{family}-"):
            return family, name.removeprefix(f"{family}-")
    family, _, scheme = name.partition("-")
    return family, scheme
