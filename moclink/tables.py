"""Command line of the tables: python -m moclink.tables DIR prints tables for papers from stored results.

Means with 95 % intervals over pictures, one table per metric. With --bd also every chain against a
reference: differences over the same pictures with their significance (paired t test, Wilcoxon's
signed-rank test), and Bjontegaard deltas over SNR and over the channel bandwidth ratio.

Exit status: 0, or 2 if an argument is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moclink.arguments import comma_list, parse_snr, read_folder
from moclink.constants import OUTAGES, TABLE_FORMATS
from moclink.option_parser import Parser, bind_values
from moclink.standard_streams import command

if TYPE_CHECKING:
    from moclink.results.mean_tables import Table

MOST_SNRS = 8  # columns that fit on a page


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of a run; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser().parse_args(bind_values(arguments, "--snr"))
    from moclink.results.names import printable
    from moclink.results.table_formats import FORMATS, written

    try:
        out = None if args.out is None else read_folder("--out", args.out)
        tables = _tables(args)
        if out is None:
            print("\n".join(written(table, args.format) for table in tables), end="")
            return 0
        for table in tables:
            path = out / f"{table.name}.{FORMATS[args.format]}"
            _write(path, written(table, args.format))
            print(printable(str(path)))
    except ValueError as error:
        print(f"moclink: {printable(str(error))}", file=sys.stderr)
        return 2
    return 0


def _tables(args: argparse.Namespace) -> list[Table]:
    """The tables that the arguments ask for."""
    from moclink.results.averages import chosen_snrs
    from moclink.results.comparison_tables import comparison_tables
    from moclink.results.mean_tables import long_table, mean_tables
    from moclink.results.metrics import choose_metrics, measured, usual
    from moclink.results.names import base_name
    from moclink.results.selection import (
        choose_chains,
        choose_outage,
        choose_rows,
        conditions,
        read_rows_of_runs,
    )
    from moclink.results.store import read_parameters

    compared = f"{args.chains},{args.bd}" if args.chains and args.bd else args.chains
    every = read_rows_of_runs(args.folders, compared)
    if not every:
        raise ValueError(f"{args.folders[0]} holds no finished cells")
    parameters = read_parameters(args.folders[0])
    outage = choose_outage(parameters, args.outage)
    snrs: tuple[float, ...] | None = parse_snr(args.snr) if args.snr is not None else None
    chosen = choose_rows(every, args.chains, snrs)
    names = comma_list(args.metrics) if args.metrics is not None else None
    every_snr, channel = args.format == "csv", str(parameters.get("channel", ""))
    metrics = choose_metrics(
        names, measured(chosen) if names is not None else usual(chosen, every_snr)
    )
    if args.format == "csv":
        tables = [long_table(chosen, metrics, channel, outage)]
    else:
        note_of_run = conditions(parameters, {row.chain for row in chosen})
        shown = sorted({row.snr_db for row in chosen})
        if snrs is None and len(shown) > MOST_SNRS:
            snrs = tuple(chosen_snrs(shown))
            note = f"moclink: {len(snrs)} of {len(shown)} SNRs are shown; --snr chooses others"
            print(note, file=sys.stderr)
        shown_rows = choose_rows(chosen, snrs=snrs)
        tables = mean_tables(shown_rows, metrics, note_of_run, outage, channel)
    if args.bd is not None:
        reference = choose_chains(args.bd, every)
        known = args.bd in {name for chain in reference for name in (chain, base_name(chain))}
        bd = args.bd if known else reference[0]  # its ratio is written otherwise
        rows = [
            row for row in every if row.chain in {*choose_chains(args.chains, every), *reference}
        ]
        pictures = [metric for metric in metrics if metric.kind == "picture"]
        tables += comparison_tables(rows, bd, pictures, outage, snrs)
    return tables


def _write(path: Path, text: str) -> None:
    """Write one table."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ValueError(
            f"cannot write to {path} ({error.strerror}); choose another --out"
        ) from error


def _parser() -> Parser:
    parser = Parser(
        prog="python -m moclink.tables",
        description="Print tables for papers from the stored results of a run, or of several runs together.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("folders", nargs="+", metavar="DIR", help="run folder of moclink.simulate")
    add(
        "--format",
        default="markdown",
        choices=TABLE_FORMATS,
        help="format of the tables (%(default)s)",
    )
    add(
        "--chains",
        type=str,
        metavar="NAMES",
        help="comma-separated list of the chains to show (all)",
    )
    add(
        "--snr", metavar="DB", help="SNRs to show, such as 0:20:5 or 0,10 (eight of them; csv: all)"
    )
    add(
        "--metrics",
        metavar="NAMES",
        help="comma-separated list of metrics (quality and error rates)",
    )
    add(
        "--bd",
        type=str,
        metavar="REFERENCE",
        help="chain to compare with: paired differences, Bjontegaard deltas",
    )
    outage = (
        "exclude: means over decoded images alone (default: lost images as the run scored them)"
    )
    add("--outage", choices=OUTAGES, help=outage)
    add(
        "--out",
        metavar="DIR",
        help="write each table to a file in this folder, instead of printing it",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
