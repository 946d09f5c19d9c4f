"""Command line of stored results: python -m moclink.results DIR writes a run's CSV files again."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from moclink.arguments import Parser
from moclink.standard_streams import command


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Export the results of a run folder; returns the exit status."""
    from moclink.results.export import export
    from moclink.results.names import printable

    parser = Parser(
        prog="python -m moclink.results",
        description="Write results.csv, summary.csv and rate_fits.csv of a run, "
        "also of one that is unfinished, in progress or old.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="DIR", help="run folder of moclink.simulate")
    parser.add_argument("--out", metavar="DIR", help="folder for the files (the run folder)")
    args = parser.parse_args(argv)
    try:
        written = export(args.folder, args.out)
    except ValueError as error:
        print(f"moclink: {printable(str(error))}", file=sys.stderr)
        return 2
    for path in written:
        print(printable(str(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
