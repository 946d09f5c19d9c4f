"""Demapping 64-QAM one axis at a time against Sionna's demappers, on the same symbols in the same run.

    python -m benchmarks.demap

The symbols are those of one 2012 x 1407 picture at four levels. Every demapper takes its turn in
every round and its fastest round counts, so a busy machine disturbs all alike. Ratios are to
Sionna's 64-point app demapper in its faster mode.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf
from sionna.phy.mapping import Constellation, Demapper, SymbolDemapper

from benchmarks.machine import machine_line
from moclink.option_parser import Parser
from moclink.phy.axis_llrs import axis_llrs
from moclink.phy.modems import IndexModem, pam_amplitudes

RESULTS = Path(__file__).parent / "results"
SYMBOLS = 354_816
BASELINE = "Sionna Demapper app"


def sionna_demappers(y: tf.Tensor, no: tf.Tensor) -> dict[str, Callable[[], np.ndarray]]:
    """Sionna's demappers in graph mode and under XLA."""
    qam = Constellation("qam", 6)
    pam = SymbolDemapper(constellation=Constellation("pam", 3))
    app, maxlog = Demapper("app", constellation=qam), Demapper("maxlog", constellation=qam)
    points = SymbolDemapper(constellation=qam)

    def both_axes(y: tf.Tensor, no: tf.Tensor) -> tf.Tensor:
        # PAM has unit energy by itself, an axis of QAM half of it.
        axes = math.sqrt(2) * tf.stack([tf.math.real(y), tf.math.imag(y)], axis=-1)
        return pam(tf.complex(axes, tf.zeros_like(axes)), 2 * no)

    blocks = {
        BASELINE: lambda y, no: app(y, no),
        "Sionna Demapper maxlog": lambda y, no: maxlog(y, no),
        "Sionna SymbolDemapper, 64 points": lambda y, no: points(y, no),
        "Sionna SymbolDemapper, PAM-8 on I and Q": both_axes,
    }

    def runner(block: Callable, jit_compile: bool) -> Callable[[], np.ndarray]:
        run = tf.function(block, jit_compile=jit_compile)
        return lambda: run(y, no).numpy()

    return {
        f"{name}, {mode}": runner(block, jit_compile=mode == "XLA")
        for name, block in blocks.items()
        for mode in ("graph", "XLA")
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("--snr", type=float, default=11.0, help="Es/N0 in dB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"demap-{date.today().isoformat()}.json"
    )
    options = parser.parse_args(arguments)
    machine = machine_line()
    rng = np.random.default_rng(0)
    no = np.float32(10 ** (-options.snr / 10))
    symbols = IndexModem().modulate(rng.integers(0, 8, (1, 2 * SYMBOLS), dtype=np.uint8))
    noise = rng.normal(scale=math.sqrt(no / 2), size=(2, *symbols.shape)).astype(np.float32)
    received = symbols + noise[0] + 1j * noise[1]
    demappers = sionna_demappers(tf.constant(received), tf.constant(no))
    row_no = np.array([no])
    demappers["moclink bits (exact app LLRs)"] = lambda: axis_llrs(
        received, row_no, pam_amplitudes(8)
    )
    demappers["moclink indices (log-likelihoods)"] = lambda: (
        IndexModem().demodulate(received, row_no).values
    )
    fastest, outputs = dict.fromkeys(demappers, math.inf), {}
    for _ in range(options.rounds + 1):  # the first round compiles
        for name, demap in demappers.items():
            start = time.perf_counter()
            outputs[name] = demap()
            fastest[name] = min(fastest[name], 1e3 * (time.perf_counter() - start))
    baseline = min(fastest[f"{BASELINE}, {mode}"] for mode in ("graph", "XLA"))
    ours, theirs = outputs["moclink bits (exact app LLRs)"], outputs[f"{BASELINE}, graph"]
    bits_error = float(np.abs(ours - theirs.reshape(ours.shape)).max())
    ours = tf.nn.log_softmax(outputs["moclink indices (log-likelihoods)"]).numpy()
    theirs = tf.nn.log_softmax(outputs["Sionna SymbolDemapper, PAM-8 on I and Q, graph"]).numpy()
    index_error = float(np.abs(ours - theirs.reshape(ours.shape)).max())
    print(machine)
    for name, ms in fastest.items():
        print(f"{name:50s} {ms:8.1f} ms  {baseline / ms:6.1f} x")
    print(f"largest difference: bit LLRs {bits_error:.1e}, index log-posteriors {index_error:.1e}")
    record = {
        "command": "python -m benchmarks.demap " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {
            name: version(name) for name in ("sionna-no-rt", "tensorflow", "numpy", "numba")
        },
        "symbols": SYMBOLS,
        "snr_db": options.snr,
        "baseline": f"{BASELINE}, faster of graph and XLA",
        "demappers": {name: {"ms": ms, "ratio": baseline / ms} for name, ms in fastest.items()},
        "largest_bit_llr_difference": bits_error,
        "largest_index_log_posterior_difference": index_error,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
