"""A stored run as an object."""

import pytest

from moclink.results.run import Run


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
