"""python -m moclink.results."""

from moclink.results.__main__ import main


def test_a_run_is_exported(run_folder, tmp_path, capsys):
    assert main([str(run_folder)]) == 0
    assert main([str(run_folder), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(run_folder / "results.csv") and printed[-1] == str(
        tmp_path / "out" / "rate_fits.csv"
    )
    assert (run_folder / "summary.csv").read_text() == (
        tmp_path / "out" / "summary.csv"
    ).read_text()


def test_a_wrong_folder_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err
        == f"moclink: {tmp_path} holds no results.sqlite; name the folder of a run\n"
    )


def test_several_runs_go_into_a_folder_that_is_named(run_folder, tmp_path, capsys):
    assert main([str(run_folder), str(run_folder)]) == 2
    assert "name it by --out" in capsys.readouterr().err
    assert main([str(run_folder), str(run_folder), "--out", str(tmp_path / "both")]) == 0
    assert main([str(run_folder), "--out", str(tmp_path / "one")]) == 0
    texts = [(tmp_path / name / "summary.csv").read_text() for name in ("both", "one")]
    assert texts[0] == texts[1]


def test_an_empty_name_is_not_the_folder_one_is_in(run_folder, monkeypatch, capsys):
    monkeypatch.chdir(run_folder)
    assert main([""]) == 2
    assert "the name of a run folder is empty" in capsys.readouterr().err
