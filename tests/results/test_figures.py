"""Figures: names, families, envelopes, and the figures of the paper from stored results."""

import io

import numpy as np
import pytest
from PIL import Image

from moclink.figures import main
from moclink.results.averages import Average
from moclink.results.curves import envelope, families
from moclink.results.figures import draw, draw_paper, read_runs
from moclink.results.names import display_name, short_name
from moclink.results.store import ResultStore, RunFolderError, read_rows
from moclink.types import Row, Shown


@pytest.mark.parametrize(
    "chain,expected",
    [
        ("moc-rvq-l4", "MOC-RVQ L4"),
        ("moc-rvq-perceptual-l1", "MOC-RVQ perceptual L1"),
        ("moc-rvq-perceptual-l4-no-nrb", "MOC-RVQ perceptual L4, w/o NRB"),
        ("moc-rvq-l4-no-nrb-no-cr", "MOC-RVQ L4, w/o NRB, w/o CR"),
        ("moc-rvq-l2-greedy-paper-hard", "MOC-RVQ L2, greedy CR, paper's g, hard receiver"),
        ("jscc-96", "JSCC-96"),
        ("jpeg-ldpc", "JPEG + LDPC"),
        ("bpg-ldpc-16qam-r34", "BPG + LDPC 16-QAM 3/4"),
        ("jpeg-ldpc-qpsk-r13", "JPEG + LDPC QPSK 1/3"),
        ("avif-capacity", "AVIF, ideal code"),
        ("runs/mine/codec:l2", "runs/mine/codec:l2"),
    ],
)
def test_names_are_written_as_the_field_writes_them(chain, expected):
    assert display_name(chain) == expected


@pytest.mark.parametrize(
    "chain,expected",
    [
        ("moc-rvq-l4-no-nrb", "MOC-RVQ L4, \nw/o NRB"),
        ("runs/mine/codec:l2", "codec:l2"),
        ("jscc-96", "JSCC-96"),
    ],
)
def test_short_names_leave_out_folders_and_nothing_else(chain, expected):
    assert short_name(chain) == expected


def test_families_are_codecs_with_several_schemes():
    chains = ["jpeg-ldpc", "jpeg-ldpc-qpsk-r12", "bpg-ldpc", "random-ldpc", "random-ldpc-16qam-r12"]
    assert families(chains) == {"jpeg": ["jpeg-ldpc", "jpeg-ldpc-qpsk-r12"]}


def test_the_envelope_is_the_best_at_each_snr():
    one = [Average(0.0, 10.0, 0, 3), Average(5.0, 20.0, 0, 3)]
    two = [Average(0.0, 12.0, 0, 3), Average(5.0, 15.0, 0, 3), Average(9.0, 1.0, 0, 3)]
    assert envelope([one, two], max) == [(0.0, 12.0), (5.0, 20.0), (9.0, 1.0)]
    assert envelope([one, two], min) == [(0.0, 10.0), (5.0, 15.0), (9.0, 1.0)]


@pytest.fixture
def run_folder(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 99, np.uint8)).save(buffer, "PNG")
    chains = ["moc-rvq-l1", "moc-rvq-l4", "moc-rvq-l4-no-nrb", "jpeg-ldpc"]
    store = ResultStore(tmp_path, {"chains": chains, "images": [[str(i), ""] for i in range(6)]})
    rng = np.random.default_rng(1)
    for chain in chains:
        for snr in (0.0, 10.0, 20.0):
            rows = [
                Row(chain, str(i), 40, 60, snr, 0, psnr_db=20 + snr / 2 + rng.normal(), ssim=0.5)
                for i in range(6)
            ]
            store.add(rows, [Shown(chain, "0", snr, buffer.getvalue())])
    store.add([], [Shown("original", "0", 0.0, buffer.getvalue())])
    store.close()
    return tmp_path


def test_every_figure_is_drawn_from_stored_results(run_folder):
    assert [p.name for p in draw(run_folder)] == ["curves.png", "gallery.png"]
    for name in ("fig3", "fig4", "fig5"):
        picture = np.asarray(Image.open(draw_paper(name, run_folder)).convert("L"))
        assert picture.std() > 5  # not an empty sheet


def test_several_runs_are_drawn_as_one(run_folder, tmp_path_factory):
    finer = tmp_path_factory.mktemp("finer")
    images = [[str(i), ""] for i in range(6)]
    store = ResultStore(finer, {"chains": ["bpg-ldpc", "jpeg-ldpc"], "images": images})
    store.add([Row("bpg-ldpc", "0", 40, 60, 5.0, 0, psnr_db=31.0)])
    store.add([Row("jpeg-ldpc", "0", 40, 60, snr, 0, psnr_db=50.0) for snr in (5.0, 10.0)])
    store.close()
    first, rows = read_rows(run_folder), read_runs((run_folder, finer))[0]
    assert rows[: len(first)] == first  # of the cell that both have, the first folder's row
    assert [(r.chain, r.snr_db) for r in rows[len(first) :]] == [("bpg-ldpc", 5.0), ("jpeg-ldpc", 5.0)]
    assert main([str(run_folder), str(finer), "--paper", "fig3"]) == 0
    assert (run_folder / "fig3.png").is_file() and not (finer / "fig3.png").exists()


@pytest.mark.parametrize("name,value", [("match", "symbols"), ("images", [["other", ""]])])
def test_runs_that_differ_are_not_drawn_as_one(name, value, run_folder, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("other")
    images = [[str(i), ""] for i in range(6)]
    ResultStore(other, {"chains": ["jpeg-ldpc"], "images": images, name: value}).close()
    assert main([str(run_folder), str(other)]) == 2
    assert f"different {name}, and both have jpeg-ldpc" in capsys.readouterr().err


def test_a_figure_without_its_results_says_what_is_missing(tmp_path, capsys):
    ResultStore(tmp_path, {"chains": [], "images": []}).close()
    with pytest.raises(RunFolderError, match="holds no results of moc-rvq-l4.* which fig4 shows"):
        draw_paper("fig4", tmp_path)
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "holds no results.sqlite" in capsys.readouterr().err
