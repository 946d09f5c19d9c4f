"""What the index assignment gains: python -m benchmarks.reordering [CODEC].

For every codebook of a trained codec and each assignment, the mean squared error that the channel
adds to a retrieved code vector, over the variance of the code vectors (channel MSE), with the hard
receiver (nearest amplitude) and the soft one (posterior mean). Both are integrals over the received
amplitude, not simulations. The table is the mean over the codebooks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moclink.codec.constellation import amplitudes
from moclink.codec.reordering import assign_labels, channel_distortion
from moclink.codec.semantic_codec import SemanticCodec
from moclink.option_parser import Parser

SNRS = (0.0, 5.0, 10.0, 15.0, 20.0)
SHUFFLES = 20  # random orders that "unordered" is the mean of
GRID = 1601  # received amplitudes of the integral
RESULTS = Path(__file__).parent / "results"


def soft_distortion(
    codebook: NDArray[np.float32],
    prior: NDArray[np.float32],
    labels: NDArray[np.int64],
    snr_db: float,
) -> float:
    """Squared error of the posterior mean: sum_i p(i) integral p(y|i) |e_i - sum_k p(k|y) e_k|^2 dy.

    Args:
        codebook: [N, c].
        prior: p(k), [N].
        labels: Label of each code, [N].
        snr_db: Es/N0 in dB.
    """
    sigma = np.sqrt(10 ** (-snr_db / 10) / 2)
    sent = amplitudes(len(codebook)).astype(np.float64)[labels]
    y = np.linspace(sent.min() - 6 * sigma, sent.max() + 6 * sigma, GRID)
    density = np.exp(-((y - sent[:, None]) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    joint = density * prior[:, None].astype(np.float64)
    posterior = joint / np.maximum(joint.sum(0), 1e-300)
    estimate = posterior.T @ codebook.astype(np.float64)
    error = ((codebook[:, None] - estimate[None]) ** 2).sum(-1)
    return float((joint * error).sum() * (y[1] - y[0]))


def channel_mse(
    codebook: NDArray[np.float32], prior: NDArray[np.float32]
) -> dict[str, list[float]]:
    """Normalised channel MSE at each SNR, by index assignment and receiver, of one codebook."""
    mean = prior @ codebook
    variance = float(prior @ ((codebook - mean) ** 2).sum(-1))
    rng = np.random.default_rng(0)
    shuffles = [rng.permutation(len(codebook)) for _ in range(SHUFFLES)]
    all_round = assign_labels(codebook, "exact", prior, (0.0, 5.0, 10.0, 15.0))
    rows: dict[str, list[float]] = {}
    for snr in SNRS:
        fixed = {
            "greedy, paper's g": assign_labels(codebook, "greedy-paper"),
            "greedy on the axis": assign_labels(codebook, "greedy"),
            "exact for this SNR": assign_labels(codebook, "exact", prior, snr),
            "exact for 0-15 dB": all_round,
        }
        for receiver, distortion in (("hard", channel_distortion), ("soft", soft_distortion)):
            errors = {"unordered": np.mean([distortion(codebook, prior, s, snr) for s in shuffles])}
            errors |= {
                name: distortion(codebook, prior, labels, snr) for name, labels in fixed.items()
            }
            for name, error in errors.items():
                rows.setdefault(f"{receiver}: {name}", []).append(float(error) / variance)
    return rows


def table(codec: SemanticCodec) -> dict[str, list[float]]:
    """Mean over all levels and heads of `channel_mse`."""
    books, priors = codec.quantizer.codebooks, codec.priors
    places = np.ndindex(books.shape[:2])
    every = [channel_mse(books[place], priors[place]) for place in places]
    return {
        name: np.mean([one[name] for one in every], axis=0).round(4).tolist() for name in every[0]
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and store it with the date."""
    parser = Parser(prog="python -m benchmarks.reordering", description=__doc__)
    parser.add_argument("codec", nargs="?", default="small", help="preset or path (%(default)s)")
    args = parser.parse_args(argv)
    try:
        codec = SemanticCodec.from_preset(args.codec)
    except ValueError as error:
        print(f"moclink: {error}", file=sys.stderr)
        return 2
    rows = table(codec)
    print("| receiver: index assignment | " + " | ".join(f"{snr:g} dB" for snr in SNRS) + " |")
    print("|---|" + "---|" * len(SNRS))
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    path = RESULTS / f"reordering-{date.today()}.json"
    path.write_text(
        json.dumps({"codec": args.codec, "snr_db": SNRS, "channel_mse": rows}, indent=1) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
