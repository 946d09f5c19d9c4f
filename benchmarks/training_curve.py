"""Draw the validation curve of training runs from their logs.

python -m benchmarks.training_curve --out docs/training-curve.png "stage 1=runs/s1" "jscc=runs/jscc"
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from moclink.option_parser import Parser


def read_log(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Read validation figures of a run: name to (step, value) pairs."""
    curves = defaultdict(list)
    with open(folder / "log.csv", newline="") as source:
        for step, name, value in list(csv.reader(source))[1:]:
            if name.startswith("val/"):
                curves[name.removeprefix("val/")].append((int(step), float(value)))
    return dict(curves)


def main() -> None:
    """Draw one panel a run."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="TITLE=FOLDER", help="folders with log.csv")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    figure, axes = plt.subplots(
        1, len(args.runs), figsize=(4.5 * len(args.runs), 3.6), squeeze=False
    )
    for axis, run in zip(axes[0], args.runs, strict=True):
        title, _, folder = run.partition("=")
        for name, points in read_log(Path(os.path.expanduser(folder))).items():
            line = "--" if name.startswith("plain") else "-"
            axis.plot(*zip(*points, strict=True), marker=".", label=name, linestyle=line)
        axis.set(title=title, xlabel="step", ylabel="PSNR on held-out pictures, dB")
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(args.out, dpi=110)


if __name__ == "__main__":
    main()
