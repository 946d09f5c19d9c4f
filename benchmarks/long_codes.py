"""Decoding of long code blocks against codewords of (324, 648): CPU time per information bit, in turns.

    NUMBA_NUM_THREADS=1 python -m benchmarks.long_codes

Both are 64-QAM at rate 1/2 over AWGN, demapped before: code blocks of 8,448 bits (MCS 19 of table 1,
as transport blocks are cut) with the layered decoder of circulants, and the 5G code (324, 648) with
16 codewords side by side, flooding. Iterations are those of the chains, 25 and 20 at most; the ratio
per iteration takes them out. A ratio of 1 is as fast per bit.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.machine import machine_line
from moclink.option_parser import Parser
from moclink.phy.base_graph import BlockCode
from moclink.phy.belief_propagation import BeliefPropagation
from moclink.phy.circulant_decoder import CirculantDecoder
from moclink.phy.ldpc import get_code
from moclink.phy.mcs import get_mcs
from moclink.phy.modems import BitModem
from moclink.phy.rate_matching import match_rate, recover_rate

RESULTS = Path(__file__).parent / "results"
BLOCK, ORDER = 8448, 6


def long_blocks(snr_db: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits [count, 8448] and LLRs [count, n] of code blocks."""
    length = round(BLOCK / get_mcs(19).coderate / ORDER) * ORDER
    code, rng = BlockCode(1, BLOCK), np.random.default_rng(round(100 * snr_db) + 10_000)
    bits = rng.integers(0, 2, (count, BLOCK), dtype=np.uint8)
    llr = over_awgn(match_rate(code.encode(bits, length), length, ORDER), snr_db, rng)
    return bits, recover_rate(llr, length, ORDER)


def short_blocks(snr_db: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits [count, 324] and LLRs [count, 648] of codewords."""
    code, rng = get_code("ldpc5g", 324, 648, ORDER), np.random.default_rng(round(100 * snr_db) + 1)
    bits = rng.integers(0, 2, (count, 324), dtype=np.uint8)
    return bits, over_awgn(code.encode(bits), snr_db, rng)


def over_awgn(coded: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """LLRs of coded bits that were sent by 64-QAM."""
    modem = BitModem(ORDER)
    symbols = modem.modulate(coded)
    no = np.full(len(coded), 10 ** (-snr_db / 10), np.float32)
    noise = rng.normal(scale=np.sqrt(no[0] / 2), size=(2, *symbols.shape)).astype(np.float32)
    return modem.demap(symbols + noise[0] + 1j * noise[1], no)


Decoder = tuple[Callable, Callable, int]  # decode, make bits and LLRs, codewords a turn


def make_decoders(blocks: int) -> dict[str, Decoder]:
    """The decoders to compare, with about as many information bits a turn.

    Args:
        blocks: Long code blocks a turn.
    """
    length = round(BLOCK / get_mcs(19).coderate / ORDER) * ORDER
    long = CirculantDecoder(BlockCode(1, BLOCK), length, 25)
    short = BeliefPropagation(get_code("ldpc5g", 324, 648, ORDER).graph, 20)
    return {
        "long": (long.decode, long_blocks, blocks),
        "short": (short.decode, short_blocks, blocks * BLOCK // 324),
    }


def measure(decoders: dict[str, Decoder], snr_db: float, turns: int) -> dict[str, float]:
    """One row of results: each decoder's fastest of some turns, which alternate."""
    found: dict[str, tuple[float, float, float, float]] = {}
    given = {name: make(snr_db, count) for name, (_, make, count) in decoders.items()}
    for turn in range(turns + 1):  # the first compiles
        for name, (decode, *_) in decoders.items():
            bits, llr = given[name]
            start = time.process_time()
            decoded = decode(llr)
            spent = time.process_time() - start
            iterations = float(decoded.iterations.mean())
            wrong = float((decoded.bits != bits).mean())
            if turn and (name not in found or spent < found[name][0]):
                found[name] = (spent, bits.size / spent / 1e6, iterations, wrong)
    (_, fast, many, wrong), (_, base, few, other) = found["long"], found["short"]
    return {
        "snr_db": snr_db,
        "long_mbit_per_s": fast,
        "short_mbit_per_s": base,
        "ratio": fast / base,
        "long_iterations": many,
        "short_iterations": few,
        "ratio_per_iteration": fast * many / (base * few),
        "long_wrong": wrong,
        "short_wrong": other,
    }


def print_row(row: dict[str, float]) -> None:
    """Print a row below the heading that `main` prints."""
    print(
        f"{row['snr_db']:5g}   {row['long_mbit_per_s']:9.2f} {row['short_mbit_per_s']:6.2f} "
        f"{row['ratio']:6.2f}   {row['long_iterations']:15.2f} {row['short_iterations']:6.2f}"
        f"  {row['ratio_per_iteration']:19.2f}   {row['long_wrong']:.4f} {row['short_wrong']:.4f}",
        flush=True,
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--snr", default="5,11,12,15,20,30", help="Es/N0 in dB, comma-separated list"
    )
    parser.add_argument("--blocks", type=int, default=24, help="long code blocks a turn")
    parser.add_argument("--turns", type=int, default=5, help="of which the fastest counts")
    parser.add_argument("--nice", type=int, default=0, help="lower the priority by this much")
    name = f"long-codes-{date.today().isoformat()}.json"
    parser.add_argument("--out", type=Path, default=RESULTS / name)
    options = parser.parse_args(arguments)
    os.nice(options.nice)
    decoders, machine, rows = make_decoders(options.blocks), machine_line(), []
    print(machine)
    print(
        "   dB   Mb/s long  short  ratio   iterations long  short  ratio per iteration   wrong bits"
    )
    for snr_db in map(float, options.snr.split(",")):
        rows.append(measure(decoders, snr_db, options.turns))
        print_row(rows[-1])
    record = {
        "command": "python -m benchmarks.long_codes",
        "date": date.today().isoformat(),
        "machine": machine,
        "baseline": "(324, 648), 16 codewords side by side",
        "rows": rows,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
