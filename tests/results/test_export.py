"""CSV files of a run."""

import csv
import io
import shutil
import sqlite3
from contextlib import closing

import pytest
from scipy import stats

from moclink.results.averages import average
from moclink.results.export import export, export_together, summary_rows
from moclink.results.store import RunFolderError, read_rows
from moclink.types import RateFit, Row


def test_cells_are_written_in_the_order_of_the_run(run, row):
    folder = run([row("b", psnr_db=float("inf")), row("a", "y", 1.0, ssim=0.123456789123)])
    assert [p.name for p in export(folder)] == ["results.csv", "summary.csv", "rate_fits.csv"]
    first, second = csv.DictReader((folder / "results.csv").read_text().splitlines())
    assert list(first) == [name for name in Row.__dataclass_fields__ if name != "iterations"]
    shown = {name: value for name, value in first.items() if value}
    cell = {"chain": "b", "image": "x", "height": "40", "width": "60", "snr_db": "0", "trial": "0"}
    assert shown == cell | {"psnr_db": "inf"}
    assert (second["chain"], second["snr_db"], second["ssim"]) == ("a", "1", "0.123456789")


def test_means_have_an_interval_if_there_are_pictures(row):
    rows = [row(image=i, psnr_db=v) for i, v in (("x", 30.0), ("y", 34.0))] + [row("b", ber=0.1)]
    found = list(summary_rows(rows))
    assert found[0][:4] == ("a", "psnr_db", 0.0, 32.0)
    assert (
        found[0][4] == pytest.approx(12.706 * 2, rel=1e-4) and found[0][5] == 2
    )  # t of one degree of freedom
    assert found[1] == ("b", "ber", 0.0, 0.1, None, 1)


def test_error_rates_of_random_bits_have_the_interval_of_their_counts(bit_row):
    """One trial too; trials weigh by their blocks."""
    name = "random-ldpc-16qam-r34"
    rows = [
        bit_row(name, trial=0, ber=0.01, bler=0.25, bits=8 * 486, blocks=8),
        bit_row(name, trial=1, ber=0.02, bler=0.5, bits=16 * 486, blocks=16),
    ]
    found = {metric: (mean, half) for _, metric, _, mean, half, _ in summary_rows(rows)}
    exact = stats.binomtest(10, 24).proportion_ci(0.95, "exact")
    assert found["bler"] == pytest.approx((10 / 24, (exact.high - exact.low) / 2))
    assert found["ber"][0] == pytest.approx(0.04 * 10 / 24)
    (one,) = (row for row in summary_rows(rows[:1]) if row[1] == "bler")
    exact = stats.binomtest(2, 8).proportion_ci(0.95, "exact")
    assert one[3:] == (0.25, pytest.approx((exact.high - exact.low) / 2), 1)


def test_the_summary_of_a_run_is_that_of_its_rows(run_folder, monkeypatch):
    monkeypatch.setattr("moclink.results.store.CELLS_AT_ONCE", 2)
    export(run_folder)
    written = list(csv.reader((run_folder / "summary.csv").read_text().splitlines()))[1:]
    expected = [
        [format(v, ".9g") if isinstance(v, float) else "" if v is None else str(v) for v in mean]
        for mean in summary_rows(read_rows(run_folder))
    ]
    assert written == expected and len(written) == 4 * 3 * 4
    for mean in summary_rows(read_rows(run_folder)):
        rows = [r for r in read_rows(run_folder) if (r.chain, r.snr_db) == (mean[0], mean[2])]
        (point,) = average(rows, mean[1])
        assert mean[3:] == (point.mean, point.half_width, 6)


def test_files_go_where_they_are_asked_for(run_folder, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in run_folder.iterdir()}
    written = export(run_folder, tmp_path / "deep" / "out")
    assert [p.parent for p in written] == [tmp_path / "deep" / "out"] * 3 and all(
        p.is_file() for p in written
    )
    assert {path: path.stat().st_mtime_ns for path in run_folder.iterdir()} == before


def test_rates_are_there_too(tmp_path, row):
    from moclink.results.store import ResultStore

    store = ResultStore(tmp_path, {"chains": ["a"], "images": [["x", ""]]})
    store.add(
        [row()],
        fits=[
            ("a", "x", None, RateFit("JPEG", 7.25, 90, 100)),
            ("a", "x", 5.0, RateFit("JPEG", 8, 9, 10, "too large")),
        ],
    )
    export(tmp_path)  # of a run that is in progress
    store.close()
    rows = list(csv.reader(open(tmp_path / "rate_fits.csv")))
    assert rows[1:] == [
        ["a", "x", "5", "JPEG", "8", "9", "10", "too large"],
        ["a", "x", "all", "JPEG", "7.25", "90", "100", ""],
    ]


def test_what_cannot_be_read_or_written_is_named(run_folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot write to .*file .*choose another --out"):
        export(run_folder, tmp_path / "file")
    shutil.copytree(run_folder, tmp_path / "bare")
    with closing(sqlite3.connect(tmp_path / "bare" / "results.sqlite")) as base:
        base.execute("DROP TABLE rate_fits")
    with pytest.raises(RunFolderError, match="cannot be read as results of moclink .*rate_fits"):
        export(tmp_path / "bare")


def test_several_runs_are_written_together(run, row, tmp_path):
    one = run([row("a", snr=0.0, psnr_db=10.0)], folder="one", seed=1)
    two = run([row("a", snr=0.0, psnr_db=20.0), row("b")], folder="two", seed=2)
    written = export_together([one, two], tmp_path / "out")
    assert [path.name for path in written] == ["results.csv", "summary.csv", "rate_fits.csv"]
    summary = list(csv.DictReader(io.StringIO(written[1].read_text())))
    psnr = [(line["chain"], line["mean"]) for line in summary if line["metric"] == "psnr_db"]
    assert psnr == [("a", "15")]  # over trials of both seeds
    assert written[0].read_text().count("\n") == 1 + 3


def test_what_cannot_be_written_is_named(run, row):
    folder = run([row("a", psnr_db=10.0)], folder="a b")
    (folder / "summary.csv").unlink(missing_ok=True)
    (folder / "summary.csv").mkdir()
    with pytest.raises(
        RunFolderError, match=r"summary.csv \(.*\); finished cells are kept: .*results '.*/a b'$"
    ):
        export(folder)
