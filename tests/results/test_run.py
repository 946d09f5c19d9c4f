"""A stored run as an object."""

import pytest

from moclink.results.run import Run, open_run
from moclink.types import GalleryPicture


@pytest.fixture
def results(run_folder):
    return Run(run_folder)


def test_tables_come_in_every_format(results):
    assert "Means over 6 pictures, AWGN, equal source bits" in results.table()
    assert results.table() in repr(results)
    assert r"\toprule" in results.table("latex", metrics=["psnr"])
    markdown = results.table("markdown", ["jpeg-ldpc"], ["psnr"], [10.0])
    assert markdown.count("\n| ") == 2 and "JPEG + LDPC" in markdown and "± " in markdown
    assert len(results.table("csv").splitlines()) == 1 + 4 * 3 * 3  # PSNR, SSIM and outage
    with pytest.raises(ValueError, match="'html': there are text, latex, markdown, csv"):
        results.table("html")


def test_figures_are_chosen_and_shown_in_notebooks(results):
    assert len(results.plot().axes) == 2
    figure = results.plot(["jpeg-ldpc"], ["ssim"], style="ieee")
    assert len(figure.axes) == 1 and figure.get_figwidth() == 3.5
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert results.rate_plot(10.0).get_suptitle().startswith("SNR 10 dB")
    assert len(results.gallery(["jpeg-ldpc"]).axes) == 1 + 3
    assert results.gallery(picture="0")._repr_png_().startswith(b"\x89PNG")
    for wrong in (
        lambda: results.plot(style="x"),
        lambda: results.gallery(picture="9"),
        lambda: results.rate_plot(3),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_an_empty_run_says_so(run):
    empty = Run(run([]))
    assert repr(empty).endswith("0 cells of 0 chains)")
    with pytest.raises(ValueError, match="holds no finished cells"):
        empty.plot()


def test_results_are_found_wherever_the_program_goes(run_folder, monkeypatch, tmp_path):
    monkeypatch.chdir(run_folder.parent)
    results, by_file = Run(run_folder.name), Run(f"{run_folder.name}/results.sqlite")
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert results.rows() == by_file.rows() == Run(run_folder).rows()


def test_a_file_of_a_run_is_no_folder(run_folder):
    with pytest.raises(ValueError, match="notes.txt is a file; name the folder of a run"):
        (run_folder / "notes.txt").write_text("mine")
        Run(run_folder / "notes.txt")


def test_several_runs_are_opened_as_one(run, row, png, run_folder):
    images = [[str(i), ""] for i in range(6)]
    rows = [row("bpg-ldpc", "0", 10.0, psnr_db=31.0), row("jpeg-ldpc", "0", 10.0, psnr_db=99.0)]
    other = run(rows, [GalleryPicture("bpg-ldpc", "0", 10.0, png())], "other", images=images)
    one, both = Run(run_folder), Run([run_folder, other / "results.sqlite"])
    assert both.folders == (run_folder, other) and both.folder == run_folder
    assert both.rows() == [*one.rows(), rows[0]]  # the cell that both have is the first run's
    assert both.rows("bpg-ldpc") == [rows[0]] == Run((one, other)).rows("bpg-ldpc")
    assert Run([both]).folders == both.folders
    assert "BPG" in both.table() and len(both.gallery(["bpg-ldpc"]).axes) == 2
    assert repr(both).startswith(f"Run({str(run_folder)!r}, {str(other)!r}: 73 cells of 5 chains)")


def test_runs_that_may_not_be_shown_together_are_refused(run, row, run_folder):
    images = [[str(i), ""] for i in range(6)]
    other = run([row("jpeg-ldpc", "0")], folder="other", images=images, match="symbols")
    both = open_run([run_folder, other])
    with pytest.raises(ValueError, match="different match, and both have jpeg-ldpc"):
        both.rows()
    assert both.rows("moc-rvq-l1") == Run(run_folder).rows("moc-rvq-l1")
    with pytest.raises(ValueError, match="name at least one run folder"):
        open_run([])
    with pytest.raises(ValueError, match="the path of a folder is wanted"):
        open_run([run_folder, 5])
