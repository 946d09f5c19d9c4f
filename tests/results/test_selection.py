"""Runs read together, and choices of chains and SNRs."""

import pytest

from moclink.results.selection import choose_chains, choose_rows, conditions, read_runs
from moclink.results.store import RunFolderError, read_rows


def test_several_runs_are_read_as_one(run, row, run_folder):
    rows = [row("bpg-ldpc", "0", 5.0, psnr_db=31.0)]
    rows += [row("jpeg-ldpc", "0", snr, psnr_db=50.0) for snr in (5.0, 10.0)]
    images = [[str(i), ""] for i in range(6)]
    finer = run(rows, folder="finer", images=images)
    first, both = read_rows(run_folder), read_runs((run_folder, finer))[0]
    assert both[: len(first)] == first  # of the cell that both have, the first folder's row
    assert [(r.chain, r.snr_db) for r in both[len(first) :]] == [
        ("bpg-ldpc", 5.0),
        ("jpeg-ldpc", 5.0),
    ]


@pytest.mark.parametrize(
    "name,value",
    [("match", "symbols"), ("images", [["other", ""]]), ("channel", "x"), ("outage", "mean")],
)
def test_runs_that_differ_are_not_read_as_one(name, value, run, row, run_folder):
    images = [[str(i), ""] for i in range(6)]
    other = run([row("jpeg-ldpc", "0")], folder="other", **{"images": images, name: value})
    with pytest.raises(RunFolderError, match=f"different {name}, and both have jpeg-ldpc"):
        read_runs((run_folder, other))


def test_trials_of_other_seeds_are_further_ones(run, row):
    rows = [row("jpeg-ldpc", "0", trial=trial, psnr_db=30.0 + trial) for trial in (0, 1)]
    one = run(rows, folder="one", seed=1, trials=2)
    two = run([row("jpeg-ldpc", "0", psnr_db=20.0)], folder="two", seed=2, trials=1)
    again = run([row("jpeg-ldpc", "0", 5.0, psnr_db=35.0)], folder="again", seed=1, trials=2)
    found = read_runs((one, two, again))[0]
    assert [(r.snr_db, r.trial, r.psnr_db) for r in found] == [
        (0.0, 0, 30.0),
        (0.0, 1, 31.0),
        (0.0, 2, 20.0),
        (5.0, 0, 35.0),
    ]


def test_what_a_sender_knows_is_one_in_a_curve_over_fading(run, row):
    for channel in ("rayleigh", "awgn"):
        folders = [
            run([row("softcast")], folder=f"{channel}-{csi}", channel=channel, csi=csi)
            for csi in ("instantaneous", "average")
        ]
        if channel == "awgn":  # where both are the same
            assert len(read_runs(folders)[0]) == 1
        else:
            with pytest.raises(RunFolderError, match="different csi, and both have softcast"):
                read_runs(folders)


def test_two_versions_of_a_codec_are_not_read_as_one(run, row):
    first, second = (
        run([row("my.py:C"), row("softcast")], folder=digest, codecs=[["my.py:C", digest]])
        for digest in ("a", "b")
    )
    old = run([row("my.py:C")], folder="old")  # of a version that kept no digest of it
    with pytest.raises(RunFolderError, match="two versions of my.py:C; draw them one by one"):
        read_runs((first, second))
    assert len(read_runs((first, second), "softcast")[0]) == 2
    assert len(read_runs((first, old))[0]) == 2


def test_how_other_chains_were_run_does_not_matter(run, row, run_folder):
    images = [[str(i), ""] for i in range(6)]
    rows = [row("jpeg-ldpc", "0"), row("bpg-ldpc@1/24", "0")]
    other = run(rows, folder="other", images=images, match="symbols")
    with pytest.raises(RunFolderError, match="or choose other --chains"):
        read_runs((run_folder, other))
    with pytest.raises(RunFolderError, match="both have jpeg-ldpc"):
        read_runs((run_folder, other), "bpg-ldpc, jpeg-ldpc")
    for chosen in ("bpg-ldpc", "moc-rvq-l4,bpg-ldpc@1/24", ["moc-rvq-l1"]):
        assert len(read_runs((run_folder, other), chosen)[0]) == len(read_rows(run_folder)) + 1


def test_chains_are_chosen_by_name_before_or_with_their_ratio(row):
    rows = [row("bpg-ldpc@1/24"), row("bpg-ldpc@1/48"), row("jpeg-ldpc"), row("a,b")]
    assert choose_chains("jpeg-ldpc, bpg-ldpc", rows) == [
        "jpeg-ldpc",
        "bpg-ldpc@1/24",
        "bpg-ldpc@1/48",
    ]
    assert choose_chains("bpg-ldpc@1/48", rows) == ["bpg-ldpc@1/48"]
    assert choose_chains("a,b", rows) == ["a,b"]
    assert choose_chains(None, rows) == ["bpg-ldpc@1/24", "bpg-ldpc@1/48", "jpeg-ldpc", "a,b"]
    with pytest.raises(
        ValueError, match=r"of 'jpeg-ldcp' \(did you mean jpeg-ldpc\?\), but of bpg"
    ):
        choose_chains(["jpeg-ldcp"], rows)


def test_rows_come_in_the_order_in_which_chains_are_named(row):
    rows = [row("a", snr=0.0), row("a", snr=0.3), row("b", snr=0.3)]
    assert choose_rows(rows, "b,a", [0.1 + 0.2]) == [rows[2], rows[1]]
    assert choose_rows([], None, [1.0]) == []
    with pytest.raises(ValueError, match=r"nothing was sent at 7 dB; SNRs of these chains: 0, 0.3"):
        choose_rows(rows, "a", [7.0])


def test_random_bits_are_matched_to_nothing():
    """Error rates of random bits have no budget: a title does not state how one was matched."""
    run = {"channel": "awgn", "match": "source-bits", "chains": ["random-ldpc", "jpeg-ldpc"]}
    assert conditions(run) == "AWGN, equal source bits"
    assert conditions(run, {"random-ldpc"}) == "AWGN"
    assert conditions({**run, "chains": ["random-ldpc", "random-qpsk"]}) == "AWGN"


def test_conditions_are_the_channel_and_how_chains_were_matched():
    assert conditions({"channel": "awgn", "match": "symbols"}) == "AWGN, equal symbols"
    bits = {"channel": "awgn", "match": "symbols", "chains": ["random-64qam", "random-ldpc"]}
    assert conditions(bits) == "AWGN"
    assert conditions({"channel": "my$module:mine"}) == "my$module:mine" and conditions({}) == ""
    assert conditions({"channel": "tdl-c?speed=3&csi=ls"}) == "TDL-C, speed=3, csi=ls"
    assert (
        conditions({"channel": "awgn", "match": "symbols", "chains": ["bpg-ldpc@1/24"]}) == "AWGN"
    )


def test_a_ratio_may_be_written_in_any_way(row, run):
    rows = [row("softcast@1/24"), row("softcast@10/81")]
    assert choose_chains("softcast@2/48", rows) == ["softcast@1/24"]
    assert choose_chains("softcast@0.123456789", rows) == ["softcast@10/81"]
    with pytest.raises(ValueError, match="no results of 'softcast@3'"):
        choose_chains("softcast@3", rows)
    folders = [run([row("softcast@1/24")], folder=match, match=match) for match in ("a", "b")]
    with pytest.raises(RunFolderError, match="different match, and both have softcast@1/24"):
        read_runs(folders, "softcast@2/48")
