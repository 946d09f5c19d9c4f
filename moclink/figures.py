"""Command line of the figures: python -m moclink.figures DIR draws a run's figures from stored results.

Exit status: 0 if a figure was drawn, 2 if none was or an argument is wrong; figures that cannot be
drawn are reported on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from moclink.arguments import comma_list, parse_snr, read_folder
from moclink.constants import FIGURE_STYLES, OUTAGES, PAPER_FIGURES
from moclink.environment import set_matplotlib_settings_aside
from moclink.option_parser import Parser, bind_values
from moclink.standard_streams import command


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figures of a run folder; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser().parse_args(bind_values(arguments, "--snr", "--rate"))
    from moclink.results.names import printable

    try:
        set_matplotlib_settings_aside()
        from moclink.results.figures import draw
        from moclink.results.paper import draw_paper

        choices = {
            "out": None if args.out is None else read_folder("--out", args.out),
            "chains": args.chains,
            "snrs": parse_snr(args.snr) if args.snr is not None else None,
            "picture": args.picture,
            "formats": comma_list(args.format),
            "style": args.style,
            "rates": parse_snr(args.rate, "--rate") if args.rate is not None else (),
            "metrics": comma_list(args.metrics) if args.metrics is not None else None,
            "outage": args.outage,
        }
        drawn = (
            draw_paper(args.paper, *args.folders, **choices)
            if args.paper
            else draw(*args.folders, **choices)
        )
    except ValueError as error:
        print(f"moclink: {printable(str(error))}", file=sys.stderr)
        return 2
    for problem in drawn.problems:
        print(f"moclink: {problem}", file=sys.stderr)
    for path in drawn.files:
        print(printable(str(path)))
    return 0 if drawn.files or not drawn.problems else 2


def _parser() -> Parser:
    parser = Parser(
        prog="python -m moclink.figures",
        description="Draw the figures of a run again, or of several runs together.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("folders", nargs="+", metavar="DIR", help="run folder of moclink.simulate")
    add("--out", metavar="DIR", help="folder for the figures (the first run folder)")
    add(
        "--chains",
        type=str,
        metavar="NAMES",
        help="comma-separated list of the chains to show (all)",
    )
    add("--snr", metavar="DB", help="SNRs to show, such as 0:20 or 0,10 (all)")
    add(
        "--metrics",
        metavar="NAMES",
        help="comma-separated list of the metrics to show (all that were measured)",
    )
    add("--picture", type=str, metavar="NAME", help="image that the gallery shows (the first)")
    add(
        "--rate",
        metavar="DB",
        help="draw quality over the channel bandwidth ratio at these SNRs too",
    )
    add(
        "--format",
        metavar="NAMES",
        default="png",
        help="comma-separated list of png, pdf, svg (%(default)s)",
    )
    style = "ieee: one column of 3.5 inches, 8 point, galleries 7.16 inches wide (%(default)s)"
    add("--style", default="screen", choices=FIGURE_STYLES, help=style)
    outage = (
        "exclude: means over decoded images alone (default: lost images as the run scored them)"
    )
    add("--outage", choices=OUTAGES, help=outage)
    add("--paper", choices=PAPER_FIGURES, help="draw a figure like the paper's instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
