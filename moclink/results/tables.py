"""The tables that a run prints at its end, and budgets that were not met."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from moclink.constants import OUTAGES
from moclink.results.averages import by_chain, chosen_snrs, outage_note
from moclink.results.bandwidth import cbr_text, chain_cbrs
from moclink.results.error_rates import chain_averages
from moclink.results.metrics import METRICS_BY_COLUMN, OUTAGE, Metric, measured
from moclink.results.names import base_name, display_name, shortened, snr_text
from moclink.types import Row

NAME_WIDTH = 34
SHORT_FORMS = {  # format and width; of what is not named .3f and 6
    "psnr_db": (".2f", 6),
    "psnr_y_db": (".2f", 6),
    "ms_ssim_db": (".2f", 6),
    "ber": (".1e", 8),
    "bler": (".1e", 8),
    "outage": (".0%", 5),
}


def table(rows: Sequence[Row], note: str = "", outage: str = OUTAGES[0]) -> str:
    """Means over pictures at a few SNRs as text: one line per chain with its channel bandwidth ratio.

    Chains of pictures show PSNR and SSIM (or the first two metrics there are) and outages, chains
    of random bits their error rates. `moclink.results.mean_tables` has the rest.

    Args:
        rows: Results.
        note: Conditions of the run.
        outage: How outages count, see `moclink.constants.OUTAGES`.
    """
    pictures = [row for row in rows if row.height is not None]
    bits = [row for row in rows if row.height is None]
    texts = []
    if pictures:
        quality = measured(pictures, "picture")
        usual = [metric for metric in quality if metric.column in ("psnr_db", "ssim")]
        columns = usual if len(usual) == 2 else quality[:2]
        shown = chosen_snrs([row.snr_db for row in pictures])
        if any(row.outage and row.snr_db in shown for row in pictures):
            columns = [*columns, OUTAGE]
        images = len({row.image for row in pictures})
        title = f"Means over {images} pictures" if images > 1 else "One picture"
        lost = outage_note(pictures, outage)
        title = ", ".join(part for part in (title, note, lost) if part)
        texts.append(_compact(pictures, columns, title, outage))
    if bits:
        columns = [
            METRICS_BY_COLUMN[name]
            for name in ("ber", "bler")
            if METRICS_BY_COLUMN[name] in measured(bits)
        ]
        title = ", ".join(part for part in ("Random bits", note) if part)
        texts.append(_compact(bits, columns, title, outage))
    return "\n\n".join(texts)


def _compact(rows: Sequence[Row], metrics: Sequence[Metric], title: str, outage: str) -> str:
    """One table: a group of columns per metric, one column per SNR in each."""
    snrs = chosen_snrs([row.snr_db for row in rows])
    chains, cbrs = by_chain(rows), chain_cbrs(rows)
    first = [
        "",
        "SNR (dB)",
        *(shortened(display_name(base_name(name)), NAME_WIDTH) for name in chains),
    ]
    columns = [[cell.ljust(max(map(len, first))) for cell in first]]
    if cbrs:
        ratios = ["", "CBR", *(cbr_text(cbrs[name]) if name in cbrs else "" for name in chains)]
        columns.append([cell.ljust(max(map(len, ratios))) for cell in ratios])
    for metric in metrics:
        form, width = SHORT_FORMS.get(metric.column, (".3f", 6))
        lines = [[snr_text(snr) for snr in snrs]]
        for own in chains.values():
            means = {a.snr_db: a.mean for a in chain_averages(own, metric.column, outage)}
            lines.append([format(means[snr], form) if snr in means else "" for snr in snrs])
        width = max(width, *(len(cell) + 1 for line in lines for cell in line))
        group = ["".join(cell.rjust(width) for cell in line) for line in lines]
        label = metric.label.center(len(group[0]))
        columns.append([cell.rjust(len(label)) for cell in (label, *group)])
    joined = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join([title, *joined])


def unmet_budgets(folder: Path, most: int = 10) -> list[str]:
    """A line for each picture that became no file, or none within its budget."""
    with open(folder / "rate_fits.csv", newline="", encoding="utf-8") as file:
        late = [
            row
            for row in csv.DictReader(file)
            if row.get("problem") or int(row["file_bits"]) > int(row["budget_bits"])
        ]
    snrs: dict[tuple[str, str, str], list[str]] = {}  # of one problem, which many SNRs may have
    for row in late:
        problem = f"an outage, since {row['problem']}" if row.get("problem") else ""
        problem = problem or (
            f"the smallest {row['codec']} file has {row['file_bits']} bits, "
            f"the budget is {row['budget_bits']}"
        )
        snrs.setdefault((row["chain"], row["image"], problem), []).append(row["snr_db"])
    lines = []
    for (chain, image, problem), at in list(snrs.items())[:most]:
        where = f" at {at[0]} dB" if len(at) == 1 else f" at {len(at)} SNRs"
        lines.append(f"{chain}, {image}{'' if at == ['all'] else where}: {problem}")
    if len(snrs) > most:
        lines.append(f"... and {len(snrs) - most} more; see rate_fits.csv")
    return lines
