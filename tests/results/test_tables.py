"""The compact table, and budgets that were not met."""

import numpy as np

from moclink.results.tables import table, unmet_budgets


def test_a_run_of_18_chains_and_36_snrs_is_a_short_table(row):
    rows = [
        row(
            f"chain-{n}",
            str(i),
            float(snr),
            psnr_db=20.0 + n,
            ssim=0.5,
            lpips=0.1,
            outage=int(snr < 1),
            cbr=1 / 24,
        )
        for n in range(18)
        for i in range(3)
        for snr in range(-5, 31)
    ]
    lines = table(rows, "AWGN").splitlines()
    assert len(lines) == 3 + 18 and max(map(len, lines)) <= 120
    assert lines[0] == "Means over 3 pictures, AWGN, outages as mid-grey"
    assert lines[1].split() == ["PSNR", "(dB)", "SSIM", "Outage", "rate"]
    assert lines[2].split() == ["SNR", "(dB)", "CBR", *"0 5 10 15 20".split() * 3]
    assert lines[4].split() == [
        "chain-1",
        "1/24",
        *["21.00"] * 5,
        *["0.500"] * 5,
        "100%",
        *["0%"] * 4,
    ]


def test_what_was_not_measured_is_blank(row):
    rows = [row("a", snr=0.0, psnr_db=10.0), row("b", snr=5.0, psnr_db=11.0)]
    lines = table(rows).splitlines()
    assert (
        lines[0] == "One picture"
        and lines[3].split() == ["a", "10.00"]
        and lines[4].split() == ["b", "11.00"]
    )
    assert lines[4].index("11.00") > lines[3].index("10.00")


def test_bits_have_a_table_of_their_own(row, bit_row):
    rows = [row("a", lpips=0.25), bit_row("random-ldpc", ber=1e-3, bler=0.1, bits=10, symbols=5)]
    pictures, bits = table(rows).split("\n\n")
    assert pictures.splitlines()[1].split() == ["LPIPS"] and "0.250" in pictures
    assert bits.splitlines()[-1].split() == ["random", "bits", "+", "LDPC", "1.0e-03", "1.0e-01"]
    assert "CBR" not in bits
    assert table(rows[1:], "block fading").startswith("Random bits, block fading")


def test_long_names_and_ratios_in_names_do_not_widen_it(row):
    lines = table([row("folder/" * 20 + "codec@1/24", psnr_db=1.0, cbr=1 / 24)]).splitlines()
    assert len(lines[-1]) < 60 and lines[-1].split()[-2:] == ["1/24", "1.00"]


def test_budgets_that_were_not_met_are_listed(tmp_path):
    head = "chain,image,snr_db,codec,quality,file_bits,budget_bits\n"  # of a run without problems
    late = "".join(f"c,i{n},{'all' if n else 5},JPEG,1,{11 + n},10\n" for n in range(12))
    (tmp_path / "rate_fits.csv").write_text(head + "c,fits,all,JPEG,1,10,10\n" + late)
    lines = unmet_budgets(tmp_path)
    assert lines[0] == "c, i0 at 5 dB: the smallest JPEG file has 11 bits, the budget is 10"
    assert lines[-1] == "... and 2 more; see rate_fits.csv" and len(lines) == 11


def test_columns_do_not_touch(row):
    rows = [row("a", snr=snr, psnr_db=10.0) for snr in (10.0, 10.00001, 10.0001)]
    assert table(rows).splitlines()[2].split() == ["SNR", "(dB)", "10", "10.00001", "10.0001"]
    rows = [row("a", snr=snr, psnr_db=np.inf) for snr in (10.0, 30.0)]  # flat, and without error
    assert table(rows).splitlines()[3].split() == ["a", "100.00", "100.00"]
