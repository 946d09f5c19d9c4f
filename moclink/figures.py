"""Command line of the figures: python -m moclink.figures DIR draws a run's figures from stored results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figures of a run folder; returns the exit status."""
    from moclink.results.figures import PAPER, draw, draw_paper

    parser = argparse.ArgumentParser(
        prog="python -m moclink.figures",
        description="Draw a run's figures again, or those of several runs together, into the first folder.",
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="run folder of moclink.simulate")
    parser.add_argument("--paper", choices=PAPER, help="a figure of the paper instead")
    args = parser.parse_args(argv)
    try:
        written = [draw_paper(args.paper, *args.folders)] if args.paper else draw(*args.folders)
    except ValueError as error:
        print(f"moclink: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
