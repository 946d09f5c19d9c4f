"""How figures look: styles, and the colour, marker and line of each chain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import matplotlib.colors
import matplotlib.style
from matplotlib import font_manager

from moclink.constants import OUTAGES
from moclink.results.names import LEVEL, base_name

HUES = {
    "jscc": "0.15",
    "jpeg": "C1",
    "bpg": "C3",
    "webp": "C2",
    "avif": "C4",
    "jpeg2000": "C5",
    "softcast": "C9",
}
# None of the hues above.
OTHERS = (
    "C0",
    "C6",
    "C8",
    "0.45",
    "tan",
    "navy",
    "yellowgreen",
    "indigo",
    "rosybrown",
    "teal",
    "0.7",
)
MARKERS = "osD^vP*X<>hdp8H"

# Fonts for what DejaVu Serif lacks, where they are installed: names of pictures and codecs in Chinese,
# say. Matplotlib ships DejaVu Sans, and cannot draw fonts of coloured pictures.
FURTHER = (
    "DejaVu Sans",
    *("Noto Serif CJK SC", "Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei"),
    *("WenQuanYi Micro Hei", "Microsoft YaHei", "SimSun", "PingFang SC", "Hiragino Sans"),
    *("Yu Gothic", "Malgun Gothic", "Noto Sans CJK JP", "Noto Sans CJK KR", "Arial Unicode MS"),
    *("Noto Serif CJK JP", "Noto Serif CJK KR", "Noto Serif CJK TC", "Noto Sans CJK TC", "SimHei"),
    *("IPAGothic", "TakaoGothic", "NanumGothic", "AR PL UMing CN", "Droid Sans Fallback"),
    *("Noto Emoji", "Segoe UI Emoji", "Symbola", "Unifont"),
)

_COMMON: dict[str, Any] = {
    "font.family": "serif",
    "text.usetex": False,
    "mathtext.fontset": "dejavuserif",
    "axes.grid": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # TrueType, which IEEE's and ACM's checks of fonts ask for
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Style:
    """Sizes of a figure.

    Attributes:
        panel: Width and height of a panel of curves, in inches.
        columns: Panels beside each other, at most.
        gallery_width: Width of a gallery in inches; None for as wide as its pictures need.
        characters_per_inch: Characters of a legend per inch.
        rc: Matplotlib's parameters.
    """

    panel: tuple[float, float]
    columns: int
    gallery_width: float | None
    characters_per_inch: float
    rc: Any = field(default_factory=dict)

    def context(self) -> AbstractContextManager[Any]:
        """Matplotlib's own parameters and these, whatever a user's matplotlibrc says."""
        installed = {font.name for font in font_manager.fontManager.ttflist}
        families = ["serif", *(name for name in FURTHER if name in installed)]
        return matplotlib.style.context(["default", self.rc | {"font.family": families}])


STYLES = {
    "screen": Style(
        (4.4, 3.9),
        4,
        None,
        14,
        _COMMON
        | {"font.size": 9, "legend.fontsize": 8, "lines.linewidth": 1.4, "lines.markersize": 4},
    ),
    # One column of a two-column page, panels below each other; galleries span both columns.
    "ieee": Style(
        (3.5, 2.5),
        1,
        7.16,
        16,
        _COMMON
        | {
            "font.size": 8,
            "font.serif": ["STIXGeneral", "DejaVu Serif"],  # Times, as Matplotlib ships it
            "mathtext.fontset": "stix",
            "axes.titlesize": 8,
            "axes.labelsize": 8,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "figure.titlesize": 8,
            "legend.fontsize": 7,
            "lines.linewidth": 1.0,
            "lines.markersize": 3,
            "axes.linewidth": 0.6,
        },
    ),
}


@dataclass(frozen=True)
class FigureOptions:
    """What all figures of a call share.

    Attributes:
        style: A key of `STYLES`.
        note: Conditions of the run, which titles state, such as "AWGN, equal source bits".
        channel: Name of the channel; decides which closed forms are drawn.
        metrics: Names of the metrics to show; None for all.
        outage: How outages count, see `moclink.constants.OUTAGES`.
    """

    style: str = "screen"
    note: str = ""
    channel: str = ""
    metrics: str | Sequence[str] | None = None
    outage: str = OUTAGES[0]


PLAIN = FigureOptions()


@dataclass(frozen=True)
class CurveStyle:
    """Colour, marker and line of a chain's curves."""

    colour: str
    marker: str
    line: str


def curve_styles(chains: Sequence[str]) -> dict[str, CurveStyle]:
    """A style for each chain; no two have the same colour and marker."""
    styles: dict[str, CurveStyle] = {}
    taken: set[tuple[str, str]] = set()
    others = 0
    for place, name in enumerate(chains):
        colour = chain_colour(name, others)
        others += colour in OTHERS
        markers = [MARKERS[(place + turn) % len(MARKERS)] for turn in range(len(MARKERS))]
        free = [marker for marker in markers if (colour, marker) not in taken]
        if not free:  # more chains of one hue than there are markers
            pairs = ((other, marker) for other in OTHERS for marker in markers)
            colour, marker = next(
                (pair for pair in pairs if pair not in taken), (colour, markers[0])
            )
            free = [marker]
        taken.add((colour, free[0]))
        styles[name] = CurveStyle(colour, free[0], _line(base_name(name)))
    return styles


def chain_colour(name: str, place: int) -> str:
    """One hue a family in every figure; what has no family takes its turn.

    Levels are shades of blue or, if perceptual, of purple.
    """
    base = base_name(name)
    level = LEVEL.fullmatch(base)
    if level and not level["variants"]:
        shades = matplotlib.colormaps["Purples" if level["perceptual"] else "Blues"]
        return matplotlib.colors.to_hex(shades(0.35 + 0.15 * int(level["level"])))
    own = re.fullmatch(r"\w+(-\d+(-paper)?|-ldpc|-capacity|-ldpc-adaptive|-robust)?", base)
    return (HUES.get(base.split("-")[0]) if own else None) or OTHERS[place % len(OTHERS)]


def _line(name: str) -> str:
    if name.endswith("-capacity"):
        return "--"
    if name.endswith(("-adaptive", "-robust")):
        return "-."
    return ":" if name.endswith("-hard") else "-"
