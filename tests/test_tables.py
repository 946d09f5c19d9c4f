"""python -m moclink.tables."""

import csv
import io

import pytest

from moclink.results.store import ResultStore, read_parameters
from moclink.tables import main
from moclink.types import Row


@pytest.fixture
def folder(tmp_path):
    chains = {"bpg-ldpc": 20.0, "softcast": 22.0}
    images = [[name, ""] for name in "uvwxyz"]
    parameters = {"chains": list(chains), "images": images, "channel": "awgn", "match": "symbols"}
    store = ResultStore(tmp_path / "run", parameters)
    store.add(
        [
            Row(
                c,
                i,
                8,
                8,
                float(s),
                0,
                psnr_db=v + s + n / 9,
                ssim=0.5,
                outage=0,
                cbr=1 / 24,
                energy=1.0,
            )
            for c, v in chains.items()
            for n, (i, _) in enumerate(images)
            for s in range(-5, 6)
        ]
    )
    store.close()
    return tmp_path / "run"


def test_at_most_eight_snrs_are_shown_unless_they_are_named(folder, capsys):
    assert main([str(folder)]) == 0
    shown = capsys.readouterr()
    assert shown.err == "moclink: 5 of 11 SNRs are shown; --snr chooses others\n"
    assert shown.out.count("**") == 2 * 2  # PSNR and SSIM: there are no outages
    assert main([str(folder), "--snr", "-5:5", "--metrics", "psnr", "--format", "latex"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "" and "AWGN, equal symbols" in shown.out
    assert (
        r"Chain & CBR & -5 dB & -4 dB" in shown.out
        and r"BPG + LDPC & 1/24 & 15.28 $\pm$ 0.22" in shown.out
    )


def test_a_table_of_outages_is_there_if_there_are_any_or_it_is_asked_for(folder, capsys):
    assert main([str(folder), "--metrics", "outage", "--snr", "0"]) == 0
    assert "| 0.00" in capsys.readouterr().out
    store = ResultStore(folder, read_parameters(folder))
    store.add([Row("softcast", "u", 8, 8, 0.0, 0, psnr_db=9.0, ssim=0.1, outage=1, cbr=1 / 24)])
    store.close()
    assert main([str(folder), "--snr", "0"]) == 0
    assert "Outage rate" in capsys.readouterr().out


def test_csv_has_every_snr(folder, capsys):
    assert main([str(folder), "--format", "csv", "--metrics", "psnr", "--chains", "softcast"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(r["snr_db"]) for r in rows] == list(range(-5, 6))
    assert {r["label"] for r in rows} == {"SoftCast"} and float(rows[0]["mean"]) == pytest.approx(
        17 + 2.5 / 9
    )


def test_a_comparison_is_over_all_snrs_and_goes_to_files(folder, tmp_path, capsys):
    arguments = ["--bd", "bpg-ldpc", "--chains", "softcast", "--metrics", "psnr", "--snr", "0"]
    assert main([str(folder), *arguments, "--out", str(tmp_path / "out")]) == 0
    assert [line.rpartition("/")[2] for line in capsys.readouterr().out.splitlines()] == [
        "psnr_db.md",
        "differences.md",
        "bd.md",
    ]
    assert "| -2.00 dB | +2.00" in (tmp_path / "out" / "bd.md").read_text()
    assert (tmp_path / "out" / "differences.md").read_text().count("SoftCast") == 1


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--chains", "soft"], "no results of 'soft'"),
        (["--bd", "soft"], "no results of 'soft'"),
        (["--bd", "bpg-ldpc", "--chains", "bpg-ldpc"], "nothing can be compared with 'bpg-ldpc'"),
        (["--chains", ""], "no chain is named"),
        (["--bd", ""], "no chain is named"),
        (["--metrics", ","], "no metric is named"),
        (["--snr", ""], "--snr : not a number"),
        (["--snr", "7"], "nothing was sent at 7 dB"),
        (["--snr", "5:x"], "--snr 5:x: not a number"),
        (["--metrics", "lpips"], "'lpips' was not measured; there are: psnr, ssim"),
        (["--snr", "0", "--out", "/dev/null/x"], "cannot write to /dev/null/x"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(arguments, message, folder, capsys):
    assert main([str(folder), *arguments]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("moclink: ") and message in line


def test_an_empty_run_is_named(tmp_path, capsys):
    ResultStore(tmp_path, {"chains": [], "images": []}).close()
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"moclink: {tmp_path} holds no finished cells\n"


def test_the_ratio_of_a_reference_may_be_written_in_any_way(run_of_ratios, capsys):
    for name in ("softcast@1/24", "softcast@2/48"):
        assert main([str(run_of_ratios), "--bd", name, "--metrics", "psnr"]) == 0
    first, second = capsys.readouterr().out.split("**PSNR (dB) over SNR")[1:]
    assert first == second and "to SoftCast, CBR 1/24" in first


def test_snrs_that_differ_little_look_different(run_of_ratios, capsys):
    assert main([str(run_of_ratios), "--metrics", "psnr"]) == 0
    assert "10.0000001 dB |" in capsys.readouterr().out


@pytest.fixture
def run_of_ratios(tmp_path):
    chains = ["softcast@1/24", "softcast@1/12"]
    images = [[name, ""] for name in "uv"]
    store = ResultStore(tmp_path / "run", {"chains": chains, "images": images, "channel": "awgn"})
    store.add(
        [
            Row(chain, name, 8, 8, snr, 0, psnr_db=snr + place + ord(name) - 110, cbr=1 / 24)
            for place, chain in enumerate(chains)
            for name in "uv"
            for snr in (10.0, 10.0000001)
        ]
    )
    store.close()
    return tmp_path / "run"
