"""LDPC decoding and encoding against stock Sionna, on the same LLRs in the same run.

    python -m benchmarks.ldpc

Codewords of the 5G code (324, 648) with Gray 64-QAM over AWGN are decoded by stock Sionna in graph
mode and under XLA, by Sionna with early stopping, and by the CPU decoder, in turns: a chunk of
codewords goes through all four before the next one. So a busy machine slows all of them, and the
ratios stand. Two ratios to stock XLA are given: of wall-clock time, which is what a user waits for,
and of CPU time, which other processes disturb less.

Agreement: how many codewords two decoders decode differently. Stock graph against stock XLA is the
yardstick.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GDecoder

from benchmarks.machine import machine_line
from moclink.option_parser import Parser
from moclink.phy.ldpc import LDPCCode, get_code, get_decoder
from moclink.phy.modems import BitModem

RESULTS = Path(__file__).parent / "results"
K, N, BITS_PER_SYMBOL, NUM_ITER = 324, 648, 6, 20
CHUNK = 2048
# The batch sizes at which each mode of stock Sionna was fastest.
GRAPH_BATCH, XLA_BATCH = 2048, 512
CODEWORDS_OF_A_2K_PICTURE = 6571
BASELINE = "stock XLA"


@dataclass(frozen=True)
class DecoderRow:
    """One decoder at one SNR.

    Attributes:
        snr_db: Es/N0.
        decoder: Its name.
        codewords: Number of codewords.
        wall_s: Wall-clock seconds.
        cpu_s: CPU seconds of the process.
        mbit_per_s: Information bits decoded a second of wall-clock time.
        wall_ratio: Wall-clock time of stock XLA over this one's.
        cpu_ratio: The same of CPU time.
        bler: Block error rate.
        bler_low: Lower end of its 95 % Wilson interval.
        bler_high: Upper end.
        differ_from_xla: Codewords decided otherwise than by stock XLA.
        mean_iterations: Iterations spent on a codeword.
    """

    snr_db: float
    decoder: str
    codewords: int
    wall_s: float
    cpu_s: float
    mbit_per_s: float
    wall_ratio: float
    cpu_ratio: float
    bler: float
    bler_low: float
    bler_high: float
    differ_from_xla: int
    mean_iterations: float


@dataclass
class Tally:
    """Running sums of one decoder at one SNR."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    errors: int = 0
    differ: int = 0
    iterations: int = 0


def wilson(errors: int, count: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson, 1927)."""
    z = 1.96
    p = errors / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


Decode = Callable[[np.ndarray], tuple[np.ndarray, int]]


def stock(code: LDPCCode, batch: int, jit_compile: bool) -> Decode:
    """Stock Sionna in batches of one size: LLRs -> bits and iterations spent in all."""
    block = LDPC5GDecoder(code.encoder_5g, num_iter=NUM_ITER)
    spec = tf.TensorSpec((batch, code.n), tf.float32)
    run = tf.function(lambda llr: block(llr), input_signature=[spec], jit_compile=jit_compile)

    def decode(llr: np.ndarray) -> tuple[np.ndarray, int]:
        parts = [run(llr[i : i + batch]).numpy() for i in range(0, len(llr), batch)]
        return np.concatenate(parts).astype(np.uint8), NUM_ITER * len(llr)

    return decode


def ours(code: LDPCCode, engine: str, threads: int | None) -> Decode:
    """One of moclink's engines in the same form."""
    decoder = get_decoder(code, engine, NUM_ITER, threads)

    def decode(llr: np.ndarray) -> tuple[np.ndarray, int]:
        decoded = decoder.decode(llr)
        return decoded.bits, int(decoded.iterations.sum())

    return decode


def chunk_of(code: LDPCCode, snr_db: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits [CHUNK, k] and LLRs [CHUNK, n] of a chunk, the same in every run."""
    rng = np.random.default_rng([number, round(100 * snr_db) + 10_000])
    bits = rng.integers(0, 2, (CHUNK, code.k), dtype=np.uint8)
    modem = BitModem(BITS_PER_SYMBOL)
    symbols = modem.modulate(code.encode(bits))
    no = np.float32(10 ** (-snr_db / 10))
    noise = rng.normal(scale=math.sqrt(no / 2), size=(2, *symbols.shape)).astype(np.float32)
    return bits, modem.demap(symbols + noise[0] + 1j * noise[1], np.full(CHUNK, no, np.float32))


def compare_at(
    code: LDPCCode, decoders: dict[str, Decode], snr_db: float, chunks: int
) -> list[DecoderRow]:
    """Decode the same chunks with every decoder, in turns."""
    tallies = {name: Tally() for name in decoders}
    for number in range(chunks):
        bits, llr = chunk_of(code, snr_db, number)
        decided = {}
        for name, decode in decoders.items():
            tally = tallies[name]
            wall, cpu = time.perf_counter(), time.process_time()
            decided[name], iterations = decode(llr)
            tally.wall_s += time.perf_counter() - wall
            tally.cpu_s += time.process_time() - cpu
            tally.iterations += iterations
            tally.errors += int((decided[name] != bits).any(axis=1).sum())
        for name, tally in tallies.items():
            tally.differ += int((decided[name] != decided[BASELINE]).any(axis=1).sum())
    count, baseline = chunks * CHUNK, tallies[BASELINE]
    return [
        DecoderRow(
            snr_db,
            name,
            count,
            t.wall_s,
            t.cpu_s,
            count * code.k / t.wall_s / 1e6,
            baseline.wall_s / t.wall_s,
            baseline.cpu_s / t.cpu_s,
            t.errors / count,
            *wilson(t.errors, count),
            t.differ,
            t.iterations / count,
        )
        for name, t in tallies.items()
    ]


def compare_encoders(code: LDPCCode, repeats: int = 5) -> dict[str, float]:
    """Fastest of some runs in ms over one 2012 x 1407 picture's codewords, in turns."""
    bits = np.random.default_rng(0).integers(
        0, 2, (CODEWORDS_OF_A_2K_PICTURE, code.k), dtype=np.uint8
    )
    floats = tf.constant(bits, tf.float32)
    encoders: dict[str, Callable[[], np.ndarray]] = {
        "moclink matrix product": lambda: code.encode(bits)
    }
    for name, jit_compile in (("stock graph", False), ("stock XLA", True)):
        run = tf.function(code.encoder_5g.__call__, jit_compile=jit_compile)
        encoders[name] = lambda run=run: run(floats).numpy()
    expected = code.encode(bits)
    fastest = dict.fromkeys(encoders, math.inf)
    for _ in range(repeats + 1):  # the first run compiles
        for name, encode in encoders.items():
            start = time.perf_counter()
            codewords = encode()
            fastest[name] = min(fastest[name], 1e3 * (time.perf_counter() - start))
            if not np.array_equal(codewords, expected):
                raise RuntimeError(f"{name} encodes other bits than the generator matrix")
    return fastest


def show(row: DecoderRow) -> None:
    """Print a row of the table."""
    print(
        f"{row.snr_db:5g}  {row.decoder:20s} {row.mbit_per_s:7.2f} {row.wall_ratio:8.2f} {row.cpu_ratio:8.2f}"
        f"  {row.bler:.5f} [{row.bler_low:.5f}, {row.bler_high:.5f}] {row.differ_from_xla:6d}"
        f" {row.mean_iterations:7.2f}",
        flush=True,
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--snr", default="5,9,10,11,12,15,20,30", help="Es/N0 in dB, comma-separated list"
    )
    parser.add_argument(
        "--codewords", type=int, default=20_480, help=f"per SNR, in chunks of {CHUNK}"
    )
    parser.add_argument(
        "--threads", type=int, default=None, help="of the CPU decoder (default: all CPUs)"
    )
    parser.add_argument("--nice", type=int, default=0, help="lower the priority by this much")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"ldpc-{date.today().isoformat()}.json"
    )
    options = parser.parse_args(arguments)
    if options.codewords < CHUNK:
        parser.error(f"--codewords is {options.codewords}; at least one chunk of {CHUNK} is wanted")
    os.nice(options.nice)
    machine = machine_line()
    print(machine)
    code = get_code("ldpc5g", K, N, BITS_PER_SYMBOL)
    decoders = {
        "stock graph": stock(code, GRAPH_BATCH, jit_compile=False),
        BASELINE: stock(code, XLA_BATCH, jit_compile=True),
        "Sionna, early stop": ours(code, "sionna", None),
        "moclink fast": ours(code, "fast", options.threads),
    }
    for decode in decoders.values():  # compile
        decode(chunk_of(code, 30.0, 0)[1])
    print(
        f"{'dB':>5s}  {'decoder':20s} {'Mb/s':>7s} {'x wall':>8s} {'x CPU':>8s}  BLER [95 %], differ, iters"
    )
    rows = []
    for snr_db in map(float, options.snr.split(",")):
        for row in compare_at(code, decoders, snr_db, options.codewords // CHUNK):
            show(row)
            rows.append(asdict(row))
    encoders = compare_encoders(code)
    print(
        "encoder, ms per picture:", ", ".join(f"{name} {ms:.1f}" for name, ms in encoders.items())
    )
    record = {
        "command": "python -m benchmarks.ldpc " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {
            name: version(name) for name in ("sionna-no-rt", "tensorflow", "numpy", "numba")
        },
        "code": f"ldpc5g ({K}, {N}), Gray 64-QAM, AWGN, {NUM_ITER} iterations at most",
        "baseline": BASELINE,
        "decoders": rows,
        "encoder_ms_per_picture": encoders,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
