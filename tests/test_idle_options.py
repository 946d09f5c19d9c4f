"""Options that touch none of the chosen chains are named."""

import pytest

from moclink.idle_options import idle_options
from moclink.simulate import main

EVERY = [
    "--cbr",
    "--match",
    "--code",
    "--ldpc",
    "--receiver",
    "--csi",
    "--harq",
    "--outage",
    "--min-errors",
    "--max-bits",
    "--reuse-error-patterns",
]
LDPC = {"--code", "--ldpc", "--reuse-error-patterns"}


@pytest.mark.parametrize(
    ("chain", "touching"),
    [
        ("jpeg-ldpc", {"--match", "--outage", *LDPC}),
        ("bpg-capacity", {"--match", "--outage"}),
        ("bpg-capacity@1/24", {"--outage"}),
        ("lapped-ldpc-adaptive", {"--match", "--outage", "--harq", *LDPC}),
        ("jpeg-ldpc-rst-mcs13", {"--match", "--outage", "--harq", *LDPC}),
        ("moc-rvq-l4", {"--receiver", "--outage"}),
        ("softcast", {"--outage"}),
        ("random-64qam", {"--min-errors", "--max-bits"}),
        ("random-ldpc", {"--min-errors", "--max-bits", *LDPC}),
    ],
)
def test_what_touches_a_chain_is_not_idle(chain, touching):
    idle = idle_options(EVERY, [chain], [chain], "awgn")
    assert set(EVERY) - set(idle) == touching
    both = idle_options(EVERY, [chain, "softcast"], [chain, "softcast"], "awgn")
    assert set(EVERY) - set(both) == touching | {"--outage"}


def test_a_ratio_and_what_is_known_of_the_channel():
    assert idle_options(["--cbr"], ["softcast"], ["softcast@1/24"], "awgn") == []
    assert idle_options(["--cbr", "--csi"], ["jscc-96"], ["jscc-96"], "rayleigh") == ["--cbr"]
    assert idle_options(["--csi"], ["softcast"], ["softcast"], "my.py:awgn") == []


@pytest.mark.parametrize("chain", ["my.py:Codec", "runs/mine/codec", "exec:python codec.py"])
def test_what_is_not_moclinks_own_may_be_touched(chain):
    """A ratio is not given to it (`at_cbr`)."""
    both = ["random-64qam", chain]
    assert idle_options(EVERY, both, both, "awgn") == ["--cbr", "--csi"]


def test_the_command_line_says_so_unless_it_is_quiet(tmp_path, capsys):
    command = ["--snr=10", "--chains=random-64qam", "--max-bits=1000", "--workers=1"]
    for number, (more, said) in enumerate(
        [
            (["--harq", "2", "--outage=mean"], "note: --harq, --outage have no effect on these"),
            (["--cbr=1/24"], "note: --cbr has no effect on these chains"),
            (["--harq", "1"], None),
            (["--harq", "2", "--quiet"], None),
        ]
    ):
        assert main([*command, *more, f"--out={tmp_path / str(number)}"]) == 0
        error = capsys.readouterr().err
        assert "no effect" not in error if said is None else said in error
