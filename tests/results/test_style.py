"""Colours, markers and lines of chains."""

import warnings
from types import SimpleNamespace

import matplotlib
import pytest
from matplotlib import font_manager

from moclink.results.run import open_run
from moclink.results.style import OTHERS, STYLES, chain_colour, curve_styles
from moclink.types import GalleryPicture


@pytest.mark.parametrize(
    "chains",
    [
        [f"random-ldpc-{m}-r{r}" for m in ("qpsk", "16qam", "64qam") for r in (13, 12, 23, 34, 56)]
        + ["moc-rvq-l4", "jscc-96", "random-64qam"],
        [f"bpg-ldpc@1/{n}" for n in range(2, 30)],
        [f"own/{n}" for n in range(100)],
    ],
)
def test_no_two_chains_have_the_same_colour_and_marker(chains):
    styles = curve_styles(chains)
    assert len({(s.colour, s.marker) for s in styles.values()}) == len(chains) >= 18


def test_a_family_has_one_hue():
    assert (
        chain_colour("bpg-ldpc", 0)
        == chain_colour("bpg-capacity", 5)
        == chain_colour("bpg-ldpc@1/24", 2)
    )
    assert chain_colour("bpg-ldpc", 0) not in OTHERS
    assert chain_colour("jscc-96-paper", 0) == chain_colour("jscc-16", 3) not in OTHERS
    assert chain_colour("moc-rvq-l1", 0) != chain_colour("moc-rvq-l4", 0)
    assert chain_colour("moc-rvq-l4-no-nrb", 3) == OTHERS[3]


def test_lines_tell_kinds_apart():
    styles = curve_styles(["bpg-ldpc", "bpg-capacity@1/24", "bpg-ldpc-adaptive", "moc-rvq-l4-hard"])
    assert [s.line for s in styles.values()] == ["-", "--", "-.", ":"]


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_users_parameters_are_put_aside(style):
    with matplotlib.rc_context({"figure.dpi": 4000, "pdf.use14corefonts": True, "font.size": 99}):
        with style.context():
            assert matplotlib.rcParams["figure.dpi"] == matplotlib.rcParamsDefault["figure.dpi"]
            assert not matplotlib.rcParams["pdf.use14corefonts"]
            assert matplotlib.rcParams["font.size"] == style.rc["font.size"]
        assert matplotlib.rcParams["figure.dpi"] == 4000


def test_fonts_for_chinese_names_follow_where_they_are_installed(monkeypatch):
    with STYLES["screen"].context():
        usual = list(matplotlib.rcParams["font.family"])
    fonts = [SimpleNamespace(name=name) for name in ("DejaVu Serif", "SimSun", "Noto Sans CJK SC")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
    with STYLES["ieee"].context():
        found = list(matplotlib.rcParams["font.family"])
    assert usual[0] == "serif" and found == ["serif", "Noto Sans CJK SC", "SimSun"]


def test_characters_of_other_scripts_are_drawn_without_a_flood_of_warnings(run, row, png):
    rows = [row("\u98ce\u666f", "\u7167\u7247", snr, psnr_db=snr) for snr in (0.0, 10.0)]
    results = open_run(run(rows, [GalleryPicture("original", "\u7167\u7247", 0.0, png())]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results.plot()


def test_faces_are_drawn_by_the_sans_that_matplotlib_ships():
    with STYLES["screen"].context():
        families = matplotlib.rcParams["font.family"]
    assert families[:2] == ["serif", "DejaVu Sans"]
