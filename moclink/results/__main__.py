"""Command line of stored results: python -m moclink.results DIR... writes the CSV files of runs again."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from moclink.arguments import read_folder
from moclink.option_parser import Parser
from moclink.standard_streams import command


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Export the results of a run folder; returns the exit status."""
    from moclink.results.export import export, export_together
    from moclink.results.names import printable

    parser = Parser(
        prog="python -m moclink.results",
        description="Write results.csv, summary.csv and rate_fits.csv of a run, or of several together; "
        "runs may be unfinished, in progress, or of an older version.",
        allow_abbrev=False,
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="run folder of moclink.simulate")
    place = "folder for the files (the run folder; needed for several)"
    parser.add_argument("--out", metavar="DIR", help=place)
    args = parser.parse_args(argv)
    try:
        out = None if args.out is None else read_folder("--out", args.out)
        if len(args.folders) == 1:
            written = export(args.folders[0], out)
        elif out is None:
            raise ValueError("several runs are written together into one folder: name it by --out")
        else:
            written = export_together(args.folders, out)
    except ValueError as error:
        print(f"moclink: {printable(str(error))}", file=sys.stderr)
        return 2
    for path in written:
        print(printable(str(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
