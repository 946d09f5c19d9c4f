"""Tables written as LaTeX (booktabs), Markdown and CSV."""

from __future__ import annotations

import csv
import io
import re

from moclink.results.mean_tables import PLUS_MINUS, Table

FORMATS = {"latex": "tex", "markdown": "md", "csv": "csv"}
_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    PLUS_MINUS: r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    "…": r"\dots{}",
}


def written(table: Table, form: str) -> str:
    """A table as text that ends in a line feed.

    Args:
        table: The table.
        form: A key of `FORMATS`.

    Raises:
        ValueError: If there is no such format.
    """
    if form not in FORMATS:
        raise ValueError(f"format {form!r}: there are {', '.join(FORMATS)}")
    return {"latex": _latex, "markdown": _markdown, "csv": _csv}[form](table)


def _latex(table: Table) -> str:
    columns = ["l"] * len(table.header)
    for place in range(len(columns)):
        cells = [line[place] for line in table.lines]
        if all(re.match(r"[-+(]?[\d.]|none$|$", cell) for cell in cells):
            columns[place] = "r"
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_escaped(table.title)}.}}",
        f"\\label{{tab:{table.name.replace('_', '-')}}}",
        f"\\begin{{tabular}}{{{''.join(columns)}}}",
        "\\toprule",
        " & ".join(map(_escaped, table.header)) + r" \\",
        "\\midrule",
        *(" & ".join(map(_latex_cell, line)) + r" \\" for line in table.lines),
        "\\bottomrule",
        "\\end{tabular}",
        *(f"% {note}" for note in table.notes),
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_cell(text: str) -> str:
    """Numbers with a true minus and powers of ten, other text with its special characters escaped."""
    if not re.match(r"[-+(]?[\d.][\d.e+%\- ]", text + " "):
        return _escaped(text)
    text = re.sub(r"([\d.]+)e([-+]\d+)", lambda m: f"${m[1]}\\times10^{{{int(m[2])}}}$", text)
    text = re.sub(r"^([-+][\d.]+)", r"$\1$", text)
    return text.replace("%", r"\%").replace(PLUS_MINUS, r"$\pm$")


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


def _markdown(table: Table) -> str:
    cells = [[_markdown_cell(cell) for cell in line] for line in [table.header, *table.lines]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return (
        "\n".join([f"**{_markdown_cell(table.title)}**", "", *lines, "", *table.notes]).rstrip()
        + "\n"
    )


def _markdown_cell(text: str) -> str:
    return re.sub(r"([\\`*_|$<>\[\]])", r"\\\1", text)


def _csv(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(table.lines)
    return buffer.getvalue()
