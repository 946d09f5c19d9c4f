"""Measure the block error curves of the MCS tables that link adaptation uses.

    NUMBA_NUM_THREADS=1 python -m benchmarks.mcs_curves

For each modulation and code rate of the three tables of TS 38.214 and each block length, a pilot
run finds the SNR at which half of the blocks are wrong. Then, with other noise, a fixed number of
blocks is sent at each of six SNRs around it, most of them where few are wrong: it does not depend
on the errors, so every estimate is unbiased.
"""

from __future__ import annotations

import json
import os
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.machine import machine_line
from moclink.option_parser import Parser
from moclink.phy.block_errors import CURVES, fit_waterfall
from moclink.phy.mcs import MCS, MCS_TABLES
from moclink.phy.transport_block_modem import TransportBlockModem

# Bits of a code block with its CRC -> step between the points in dB, about a deviation.
LENGTHS = {160: 0.8, 640: 0.4, 3840: 0.17, 8448: 0.12}
# Of long blocks the waterfall does not fall evenly with the length: these lie between, with lifting
# sizes of other sets.
BETWEEN = {5632: 0.14, 7040: 0.13, 7744: 0.125}
BLOCKS = {  # step -> blocks of 160, 640, 3840 and more bits
    -1: (800, 600, 200, 150),
    0: (800, 600, 200, 150),
    1: (1500, 1500, 500, 400),
    2: (4000, 4000, 1500, 1200),
    3: (8000, 8000, 3000, 2500),
    4: (8000, 8000, 3000, 2500),
}
PILOT_BLOCKS = 24
BATCH_BITS = 2**20


def schemes() -> list[MCS]:
    """The different pairs of modulation and code rate of the three tables."""
    pairs = {(m.bits_per_symbol, m.rate_1024): m for table in (3, 2, 1) for m in MCS_TABLES[table]}
    return [pairs[pair] for pair in sorted(pairs)]


def payload_of(block: int) -> int:
    """Bits of a payload that becomes one code block of this many bits with its CRC."""
    return block - (16 if block - 16 <= 3824 else 24)


def count_block_errors(mcs: MCS, block: int, snr_db: float, blocks: int, seed: int) -> int:
    """Send transport blocks of one code block each over AWGN and count those with a wrong bit.

    Args:
        mcs: Modulation and code rate.
        block: Bits of the code block with its CRC.
        snr_db: Es/N0 in dB.
        blocks: Number of blocks.
        seed: Seed of bits and noise.
    """
    modem = TransportBlockModem(mcs)
    key = (seed, mcs.bits_per_symbol, round(2 * mcs.rate_1024), block, round(1000 * (snr_db + 100)))
    rng = np.random.default_rng(key)
    payload = payload_of(block)
    symbols = modem.symbols_for(payload)
    batch = max(16, BATCH_BITS // (symbols * mcs.bits_per_symbol))
    no, errors = np.float32(10 ** (-snr_db / 10)), 0
    for start in range(0, blocks, batch):
        count = min(batch, blocks - start)
        bits = rng.integers(0, 2, (count, payload), dtype=np.uint8)
        sent = modem.modulate(bits)
        noise = rng.standard_normal((count, 2 * symbols), np.float32).view(np.complex64)
        received = sent + np.sqrt(no / 2) * noise
        got = modem.demodulate(received, np.full(count, no))
        errors += int(((got.values[:, :payload] > 0) != bits).any(axis=1).sum())
    return errors


def find_waterfall(mcs: MCS, block: int, start: float, step: float, seed: int) -> float:
    """SNR in dB, to within a step, at which about half of the blocks are wrong; sought from `start` on."""

    def mostly_wrong(snr_db: float) -> bool:
        return count_block_errors(mcs, block, snr_db, PILOT_BLOCKS, seed) > PILOT_BLOCKS / 2

    low = high = round(start, 2)
    if mostly_wrong(start):
        while mostly_wrong(high):
            low, high = high, round(high + 2 * step, 3)
    else:
        while not mostly_wrong(low):
            low, high = round(low - 2 * step, 3), low
    middle = round((low + high) / 2, 3)
    return round((middle + high) / 2, 2) if mostly_wrong(middle) else round((low + middle) / 2, 2)


def capacity_snr_db(mcs: MCS) -> float:
    """Es/N0 in dB at which log2(1 + SNR) is the spectral efficiency of the scheme."""
    return 10 * float(np.log10(2**mcs.spectral_efficiency - 1))


def measure(mcs: MCS, block: int, start: float, seed: int) -> dict:
    """One curve as it is stored; its waterfall is sought from `start` on."""
    step, points = (LENGTHS | BETWEEN)[block], []
    place = int(np.searchsorted(list(LENGTHS), block))
    middle = find_waterfall(mcs, block, start, step, seed + 1)
    for k, blocks in BLOCKS.items():
        snr = round(middle + step * k, 3)
        points.append(
            (snr, blocks[place], count_block_errors(mcs, block, snr, blocks[place], seed))
        )
    mean, deviation, tail = fit_waterfall(points)
    return {
        "bits_per_symbol": mcs.bits_per_symbol,
        "rate_1024": mcs.rate_1024,
        "block": block,
        "mean_db": round(mean, 4),
        "deviation_db": round(deviation, 4),
        "tail": round(tail, 4),
        "points": points,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure all curves and write the file."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=CURVES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, help="only so many schemes")
    options = parser.parse_args(arguments)
    start, gap, curves = time.time(), 1.0, []
    iterations = TransportBlockModem(MCS_TABLES[1][0]).num_iter
    made_by = {
        "command": f"python -m benchmarks.mcs_curves --seed {options.seed}",
        "date": str(date.today()),
        "machine": machine_line(),
        "versions": ", ".join(
            f"{name} {version(name)}" for name in ("numpy", "numba", "sionna-no-rt")
        ),
        "threads": os.environ.get("NUMBA_NUM_THREADS", "all"),
        "decoder": f"layered sum-product, at most {iterations} iterations",
        "channel": "AWGN, Es/N0 in dB, Gray QAM, a-posteriori demapping",
        "stopping": "a fixed number of blocks at each point",
        "points": "[Es/N0 in dB, blocks, block errors]",
    }
    for mcs in schemes()[: options.first]:
        # Below rate 1/4 base graph 2 is used, whose longest block has 3840 bits.
        lengths = [block for block in LENGTHS if block <= 3840 or mcs.coderate > 0.25]
        for block in lengths:
            curve = measure(mcs, block, capacity_snr_db(mcs) + gap, options.seed)
            gap = curve["mean_db"] - capacity_snr_db(mcs)  # where the search begins next
            curves.append(curve)
        between = list(BETWEEN) if mcs.coderate > 0.25 else []
        for block in between:
            curves.append(measure(mcs, block, capacity_snr_db(mcs) + gap, options.seed))
        lengths += between
        print(
            f"{time.time() - start:6.0f} s  {mcs.bits_per_symbol} bits, rate {mcs.rate_1024}/1024: "
            + ", ".join(
                f"{c['mean_db']:.2f} +- {c['deviation_db']:.2f} (tail {c['tail']:.2f})"
                for c in curves[-len(lengths) :]
            ),
            flush=True,
        )
    made_by["seconds"] = str(round(time.time() - start))
    lines = ",\n".join(json.dumps(curve) for curve in curves)
    head = json.dumps(made_by, indent=1)
    options.out.write_text(f'{{"made_by": {head},\n"curves": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
