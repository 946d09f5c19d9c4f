"""The sweep against the same sweep written with stock Sionna calls, one picture and one SNR at a time.

    python -m benchmarks.sweep

Two runs on the same pictures, in turns, picture by picture:

- *moclink*: `moclink.sweep.run_sweep`;
- *naive*: what a Sionna user writes first. For every picture and every SNR: fit the file to its
  budget, encode with `LDPC5GEncoder`, map with `Mapper`, demap with `Demapper("app")`, decode 20
  iterations with `LDPC5GDecoder` (in batches, each block inside one `tf.function`; `--xla` compiles
  the decoder), decode the file, score PSNR and SSIM with the same functions.

Both get the same noise, and rows should be equal: where they differ, the number of cells and the
largest difference are recorded. Two things keep them from being equal to the last bit: float32
rounds differently in another demapper or decoder, as it does between stock Sionna's own graph and
XLA modes; and a decoder that stops at a codeword keeps it, while stock Sionna continues and now and
then leaves it. Each can be taken away:

    # the demapper of moclink, stock XLA:
    python -m benchmarks.sweep --ldpc sionna --naive same-llrs
    # and stock calls stop as well:
    python -m benchmarks.sweep --ldpc sionna --naive same-llrs-and-stop

The last is the proof that nothing else differs: its rows are equal to the last bit, iterations
included. The semantic and analog chains have no stock counterpart and are left out.

The default is a part of the default sweep, for stock calls take long; the result says which part.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.machine import machine_line
from benchmarks.stock_link import K, NaiveLink
from moclink import metrics
from moclink.chain import DigitalChain
from moclink.chain_factory import make_chain
from moclink.constants import LDPC_DECODERS
from moclink.images import Picture, find_images, read_pictures, sample_paths, to_float
from moclink.option_parser import Parser
from moclink.phy.channels import complex_normal, stream
from moclink.power import undo_scale, unit_power
from moclink.presets import ChainOptions
from moclink.results.store import COLUMNS, ResultStore, read_rows
from moclink.simulate import parse_snr
from moclink.sources.file_source import FileCache
from moclink.sweep.plan import Plan
from moclink.sweep.run_sweep import run_sweep
from moclink.sweep.workers import Pool
from moclink.types import Decoded, Demodulated, Header, Payload, Row, Transmission

RESULTS = Path(__file__).parent / "results"
NAIVE = {
    "stock": "stock demapper and decoder",
    "same-llrs": "moclink's demapper, stock decoder",
    "same-llrs-and-stop": "moclink's demapper, stock decoder called until a codeword is found",
}


def naive_rows(link: NaiveLink, plan: Plan, picture: Picture) -> Iterator[Row]:
    """The rows of one picture, cell by cell, with nothing kept from one cell to the next."""
    height, width = picture.pixels.shape[:2]
    for name in plan.chains:
        chain = make_chain(name, plan.options)
        if not isinstance(chain, DigitalChain):
            raise ValueError(
                f"{name} has no counterpart in stock Sionna calls; take CODEC-ldpc chains"
            )
        for snr in plan.snrs:
            image = to_float(picture.pixels)[None]
            payload = _encode_uncached(chain, image)
            used = payload.header.lengths[0]
            sent = unit_power(Transmission(link.send(payload.indices[0])[None], payload.header))
            symbols, no = sent.symbols[0], np.float32(10 ** (-snr / 10))
            noise = complex_normal(
                stream((plan.seed, snr, picture.digest, 0, "noise")), len(symbols)
            )
            received = (symbols + np.sqrt(no) * noise)[None]
            scaled, variance = undo_scale(received, np.array([no]), sent.header)
            got, iterations = link.receive(scaled[0], variance[0])
            decoded = _decode_uncached(chain, got, payload.header)
            wrong = got != np.pad(payload.indices[0], (0, len(got) - len(payload.indices[0])))
            yield Row(
                name,
                picture.name,
                height,
                width,
                snr,
                0,
                psnr_db=float(metrics.psnr(decoded.images, image)[0]),
                ssim=float(metrics.ssim(decoded.images, image)[0]),
                ber=float(wrong[:used].mean()),
                bler=float(wrong.reshape(-1, K).any(axis=1).mean()),
                outage=int(not decoded.ok[0]),
                bits=used,
                symbols=len(symbols),
                cbr=len(symbols) / image.size,
                energy=float(sent.energy[0]),
                papr_db=float(sent.papr_db[0]),
                iterations=iterations,
            )


def _encode_uncached(chain: DigitalChain, image: np.ndarray) -> Payload:
    return replace(chain.source, cache=FileCache()).encode(image)


def _decode_uncached(chain: DigitalChain, bits: np.ndarray, header: Header) -> Decoded:
    got = Demodulated((2.0 * bits[None] - 1).astype(np.float32), np.ones(1, np.float32))
    return replace(chain.source, cache=FileCache()).decode(got, header)


def moclink_rows(plan: Plan, picture: Picture, pool: Pool) -> list[Row]:
    """The rows of one picture by the sweep, store and all."""
    with tempfile.TemporaryDirectory() as folder:
        parameters = {"chains": list(plan.chains), "images": [[picture.name, picture.digest]]}
        store = ResultStore(folder, parameters)
        run_sweep(plan, [picture], store, lambda cells, unit: None, pool)
        store.close()
        return read_rows(folder)


def differing(ours: list[Row], theirs: list[Row]) -> tuple[int, dict[str, float]]:
    """Rows that are not equal, and the largest difference in each column (iterations if both are counted)."""
    largest: dict[str, float] = {}
    count = 0
    for one, other in zip(ours, theirs, strict=True):
        if other.iterations is None:
            one = replace(one, iterations=None)
        if one != other:
            count += 1
            for name, a, b in zip(COLUMNS, astuple(one), astuple(other), strict=True):
                if a != b:
                    largest[name] = max(largest.get(name, 0.0), abs((a or 0) - (b or 0)))
    return count, largest


def compare(link: NaiveLink, plan: Plan, picture: Picture, pool: Pool) -> dict:
    """Both sweeps on one picture: times, their ratio, and the rows that differ."""
    cpu, wall = time.process_time(), time.perf_counter()
    ours = moclink_rows(plan, picture, pool)
    our_cpu, our_wall = time.process_time() - cpu, time.perf_counter() - wall
    cpu, wall = time.process_time(), time.perf_counter()
    theirs = sorted(
        naive_rows(link, plan, picture), key=lambda r: (plan.chains.index(r.chain), r.snr_db)
    )
    their_cpu, their_wall = time.process_time() - cpu, time.perf_counter() - wall
    count, largest = differing(ours, theirs)
    return {
        "picture": picture.name,
        "pixels": picture.pixels[..., 0].size,
        "cells": len(ours),
        "moclink_wall_s": our_wall,
        "naive_wall_s": their_wall,
        "wall_ratio": their_wall / our_wall,
        "cpu_ratio": their_cpu / our_cpu if pool.workers == 1 else None,
        "rows_that_differ": count,
        "largest_differences": largest,
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--snr", default="-5:30:5", help="as of moclink.simulate (%(default)s)")
    parser.add_argument("--images", action="append", help="file or folder (moclink's samples)")
    parser.add_argument("--pictures", type=int, help="take only so many")
    parser.add_argument(
        "--chains", default="jpeg-ldpc,bpg-ldpc", help="comma-separated list (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=1, help="of the sweep (%(default)s)")
    parser.add_argument(
        "--ldpc", default="auto", choices=LDPC_DECODERS, help="of the sweep (%(default)s)"
    )
    naive = "stock, or with moclink's LLRs, or also with its stopping; the latter two under XLA (%(default)s)"
    parser.add_argument("--naive", default="stock", choices=NAIVE, help=naive)
    parser.add_argument("--xla", action="store_true", help="compile the naive sweep's decoder")
    out = RESULTS / f"sweep-{date.today().isoformat()}.json"
    parser.add_argument("--out", type=Path, default=out)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    options = _options(arguments)
    machine = machine_line()
    paths = find_images(options.images) if options.images else sample_paths()
    pictures = read_pictures(paths[: options.pictures])
    chains, chain_options = tuple(options.chains.split(",")), ChainOptions(ldpc=options.ldpc)
    plan = Plan(parse_snr(options.snr), chains, options=chain_options)
    xla = options.xla or options.naive != "stock"
    link = NaiveLink(xla, options.naive != "stock", options.naive == "same-llrs-and-stop")
    with Pool(options.workers) as pool:
        # Graphs are traced and kernels compiled outside the clock.
        compare(link, replace(plan, snrs=(10.0, 30.0)), _tiny(pictures[0]), pool)
        rows = []
        for picture in pictures:
            rows.append(compare(link, plan, picture, pool))
            print(json.dumps(rows[-1]), flush=True)
    total = sum(row["naive_wall_s"] for row in rows) / sum(row["moclink_wall_s"] for row in rows)
    record = {
        "command": "python -m benchmarks.sweep " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {
            name: version(name) for name in ("sionna-no-rt", "tensorflow", "numpy", "numba")
        },
        "part": f"{len(pictures)} pictures of {len(paths)}, {len(plan.snrs)} SNR points of {options.snr}, "
        f"chains {options.chains}, {options.workers} workers, --ldpc {options.ldpc}, "
        f"naive decoder in {'XLA' if xla else 'graph'} mode",
        "baseline": "stock Sionna calls, one picture and one SNR at a time, files fitted again each time; "
        f"{NAIVE[options.naive]}",
        "pictures": rows,
        "wall_ratio": total,
        "rows_that_differ": sum(row["rows_that_differ"] for row in rows),
        "rows": sum(row["cells"] for row in rows),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{machine}\n{total:.1f} times faster over all; written to {options.out}")


def _tiny(picture: Picture) -> Picture:
    return Picture("tiny", picture.pixels[:48, :48])


if __name__ == "__main__":
    main()
