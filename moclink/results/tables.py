"""Tables of a run as text, and budgets that were not met."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from moclink.results.averages import average
from moclink.types import Row

TABLES = (
    ("psnr_db", "PSNR in dB", "{:.2f}"),
    ("ssim", "SSIM", "{:.4f}"),
    ("lpips", "LPIPS", "{:.4f}"),
    ("st_lpips", "ST-LPIPS", "{:.4f}"),
    ("ber", "BER", "{:.2e}"),
    ("ier", "index error rate", "{:.2e}"),
    ("bler", "BLER", "{:.2e}"),
    ("outage", "outage rate", "{:.2f}"),
    ("iterations", "LDPC iterations a codeword", "{:.1f}"),
)


def table(rows: Sequence[Row]) -> str:
    """Means over images as text: a table a metric, a line an SNR, a column a chain."""
    tables = (_one_table(rows, *kind) for kind in TABLES)
    return "\n".join(text for text in tables if text)


def _one_table(rows: Sequence[Row], metric: str, title: str, form: str) -> str:
    columns = {}
    for name in dict.fromkeys(row.chain for row in rows):
        means = {a.snr_db: a.mean for a in average([r for r in rows if r.chain == name], metric)}
        if any(means.values()):
            columns[name] = means
    if not columns:
        return ""
    widths = {name: max(len(name), 8) for name in columns}
    lines = [f"\n{title}", "  SNR dB  " + "  ".join(name.rjust(w) for name, w in widths.items())]
    for snr in sorted({s for means in columns.values() for s in means}):
        values = (form.format(means[snr]) if snr in means else "" for means in columns.values())
        lines.append(
            f"{snr:8g}  " + "  ".join(v.rjust(w) for v, w in zip(values, widths.values(), strict=True))
        )
    return "\n".join(lines)


def unmet_budgets(folder: Path, most: int = 10) -> list[str]:
    """A line for each picture that became no file, or none within its budget."""
    with open(folder / "rate_fits.csv", newline="") as file:
        late = [
            row
            for row in csv.DictReader(file)
            if row["problem"] or int(row["file_bits"]) > int(row["budget_bits"])
        ]
    lines = []
    for row in late[:most]:
        at = "" if row["snr_db"] == "all" else f" at {row['snr_db']} dB"
        if row["problem"]:
            lines.append(f"{row['chain']}, {row['image']}{at}: an outage, since {row['problem']}")
            continue
        lines.append(
            f"{row['chain']}, {row['image']}{at}: the smallest {row['codec']} file has "
            f"{row['file_bits']} bits, the budget is {row['budget_bits']}"
        )
    if len(late) > most:
        lines.append(f"... and {len(late) - most} more; see rate_fits.csv")
    return lines
