"""Tables as LaTeX, Markdown and CSV."""

import csv
import io

import pytest

from moclink.results.mean_tables import Table
from moclink.results.table_formats import written

TABLE = Table(
    "psnr_db",
    "PSNR, 95 % of $x_1$",
    ["Chain", "0 dB", "BD-rate"],
    [["a_b & $c$ | d", "31.20 ± 0.41 (12% out)", "-3.1 %"], ["x, y", "1.2e-03", "none"]],
    ["A note."],
)


def test_latex_escapes_what_is_special():
    text = written(TABLE, "latex")
    assert r"a\_b \& \$c\$ | d & 31.20 $\pm$ 0.41 (12\% out) & $-3.1$ \% \\" in text
    assert r"x, y & $1.2\times10^{-3}$ & none \\" in text
    assert r"\caption{PSNR, 95 \% of \$x\_1\$.}" in text and r"\begin{tabular}{lrr}" in text
    assert r"\label{tab:psnr-db}" in text and text.count(r"\\") == 3 and "% A note." in text


def test_markdown_is_aligned_and_escaped():
    lines = written(TABLE, "markdown").splitlines()
    assert lines[2].startswith("| Chain") and set(lines[3]) == {"|", "-"}
    assert r"| a\_b & \$c\$ \| d |" in lines[4]
    assert len({len(line) for line in lines[2:6]}) == 1 and lines[-1] == "A note."


def test_csv_is_read_back():
    rows = list(csv.reader(io.StringIO(written(TABLE, "csv"))))
    assert rows == [TABLE.header, *TABLE.lines]


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="'html': there are latex, markdown, csv"):
        written(TABLE, "html")
