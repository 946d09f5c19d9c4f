"""Commands of the linear link: wrong options are named before the work begins."""

import pytest

from moclink.images import sample_paths
from moclink.train import main

PHOTO = str(sample_paths()[0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["link-classes", PHOTO, "--block", "4"], "--block is 4; it must be at least 8"),
        (["link-classes", PHOTO, "--overlap", "-1"], "--overlap is -1; it must be at least 0"),
        (["link-classes", PHOTO, "--overlap", "17"], "at most half of --block, 16"),
        (["link-classes", PHOTO, "--floor", "nan"], "--floor is nan; it must be above 0"),
        (["link-classes", PHOTO, "--exclude", "lake.png"], "no picture is left to estimate"),
        (["link-coefficients", PHOTO, "--count", "0"], "--count is 0; it must be at least 1"),
        (["link-codebooks", "--snr", "5", "0", "1"], "--snr goes from 5.0 to 0.0; it must rise"),
        (["link-codebooks", "--snr", "0", "5", "0"], "--snr has a step of 0.0; it must be above 0"),
        (["link-codebooks", "--scalar-rounds", "0"], "--scalar-rounds is 0; it must be at least 1"),
    ],
    ids=lambda value: "-".join(value[-2:]).lstrip("-") if isinstance(value, list) else "",
)
def test_a_wrong_option_is_one_line_and_status_2(words, message, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "out.npz")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and not list(tmp_path.iterdir())
