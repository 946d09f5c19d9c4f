"""What a run says of itself: its record (run.json), its tables, and budgets that were not met."""

from __future__ import annotations

import csv
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from moclink.results import Row, average

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
PACKAGES = ("sionna-no-rt", "tensorflow", "keras", "numpy", "pillow", "av", "numba")


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
    """A line for each file that is larger than its budget even at the coarsest quality."""
    with open(folder / "rate_fits.csv", newline="") as file:
        late = [row for row in csv.DictReader(file) if int(row["file_bits"]) > int(row["budget_bits"])]
    lines = []
    for row in late[:most]:
        at = "" if row["snr_db"] == "all" else f" at {row['snr_db']} dB"
        lines.append(
            f"{row['chain']}, {row['image']}{at}: the smallest {row['codec']} file has "
            f"{row['file_bits']} bits, the budget is {row['budget_bits']}"
        )
    if len(late) > most:
        lines.append(f"... and {len(late) - most} more; see rate_fits.csv")
    return lines


def write_record(folder: Path, arguments: Sequence[str], parameters: dict[str, Any]) -> None:
    """Write run.json: what was run, with what, and when; a resumed run adds its command."""
    path = folder / "run.json"
    commands: list[dict[str, Any]] = []
    if path.is_file():
        try:
            commands = json.loads(path.read_text())["commands"]
        except (ValueError, KeyError, OSError):
            commands = [{"note": "an earlier run.json could not be read"}]
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    commands.append({"command": ["python", "-m", "moclink.simulate", *arguments], "started": started})
    record = {
        "commands": commands,
        "parameters": parameters,
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "git_revision": _git_revision(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    part = path.with_suffix(".json.part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(part, path)


def _git_revision() -> str | None:
    """Revision of the source tree that moclink runs from; None if it is no checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
