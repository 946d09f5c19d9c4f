"""Tables for papers: means and intervals."""

import pytest

from moclink.results.averages import average
from moclink.results.mean_tables import long_table, mean_tables
from moclink.results.metrics import METRICS_BY_COLUMN

PSNR, BER = METRICS_BY_COLUMN["psnr_db"], METRICS_BY_COLUMN["ber"]


def test_a_line_a_chain_and_a_column_an_snr(row):
    rows = [
        row("jscc-96", i, s, psnr_db=v + s, cbr=0.25)
        for i, v in (("x", 30.0), ("y", 34.0))
        for s in (0.0, 5.0)
    ]
    rows.append(row("bpg-ldpc@1/24", "x", 0.0, psnr_db=20.0, cbr=1 / 24))
    (made,) = mean_tables(rows, [PSNR, METRICS_BY_COLUMN["ssim"]], "AWGN")
    assert made.title == "PSNR (dB) over SNR, AWGN" and made.header == [
        "Chain",
        "CBR",
        "0 dB",
        "5 dB",
    ]
    assert made.lines == [
        ["JSCC-96", "1/4", "32.00 ± 25.41", "37.00 ± 25.41"],
        ["BPG + LDPC", "1/24", "20.00", ""],
    ]


def test_outages_are_said_and_left_out_if_asked(row):
    rows = [
        row(image="x", psnr_db=10.0, outage=1),
        row(image="y", psnr_db=30.0, outage=0),
        row(image="x", snr=-5.0, psnr_db=9.0, outage=1),
    ]
    grey, excluded = (mean_tables(rows, [PSNR], outage=way)[0] for way in ("grey", "exclude"))
    assert grey.lines[0][2] == "9.00" and "Outages count as the mid-grey picture." in grey.notes
    assert excluded.lines[0][2:] == ["(100% out)", "30.00 (50% out)"]
    assert any("left out" in note for note in excluded.notes)


def test_rates_have_intervals_of_proportions(row, bit_row):
    rows = [row(image=i, outage=lost) for i, lost in (("x", 1), ("y", 0))]
    rows += [bit_row(trial=t, ber=b, bits=n) for t, b, n in ((0, 0.1, 100), (1, 0.2, 300))]
    outages, errors = mean_tables(rows, [METRICS_BY_COLUMN["outage"], BER])
    assert outages.lines[0][2] == "0.50 (0.01 to 0.99)"  # one of two
    assert "Clopper and Pearson" in outages.notes[0]
    assert errors.lines[0][2] == "1.75e-01 (1.39e-01 to 2.16e-01)"  # 70 of 400 bits


def test_the_long_table_has_limits_for_programs(row, bit_row):
    rows = [row("a", i, psnr_db=v, cbr=0.25, outage=0) for i, v in (("x", 30.0), ("y", 34.0))]
    rows.append(bit_row(ber=0.01, bits=64_800, symbols=10_800))
    made = long_table(rows, [PSNR, BER], "awgn")
    first, second = (dict(zip(made.header, line, strict=True)) for line in made.lines)
    (mean,) = average(rows[:2], "psnr_db")
    assert float(first["mean"]) == 32 and first["images"] == "2" and first["outage"] == "0"
    assert float(first["ci95_high"]) == pytest.approx(32 + mean.half_width, rel=1e-8)
    assert (second["chain"], second["label"], second["cbr"]) == (
        "random-64qam",
        "random bits, 64-QAM",
        "",
    )
    assert float(second["ci95_low"]) < 0.01 < float(second["ci95_high"])
