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
XLA modes; and a decoder that stops at a codeword keeps it, while stock Sionna goes on and now and
then leaves it. Each can be taken away:

    python -m benchmarks.sweep --ldpc sionna --naive same-llrs          # the demapper of moclink,
    stock XLA python -m benchmarks.sweep --ldpc sionna --naive same-llrs-and-stop # and stock calls
    stop as well

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
import tensorflow as tf
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import Constellation, Demapper, Mapper

from benchmarks.machine import machine_line
from moclink import metrics
from moclink.chain import DigitalChain
from moclink.chain_factory import make_chain
from moclink.constants import LDPC_DECODERS
from moclink.images import Picture, find_images, read_pictures, sample_paths, to_float
from moclink.phy.channels import complex_normal, stream
from moclink.phy.modems import BitModem
from moclink.phy.staged_decoder import LONGEST_STAGE
from moclink.presets import ChainOptions
from moclink.results.store import COLUMNS, ResultStore, read_rows
from moclink.simulate import parse_snr
from moclink.sources.file_source import FileCache
from moclink.sweep.plan import Plan
from moclink.sweep.run import run_sweep
from moclink.sweep.workers import Pool
from moclink.types import Decoded, Demodulated, Header, Payload, Row

RESULTS = Path(__file__).parent / "results"
K, N, BITS_PER_SYMBOL, NUM_ITER = 324, 648, 6, 20
NAIVE = {
    "stock": "stock demapper and decoder",
    "same-llrs": "moclink's demapper, stock decoder",
    "same-llrs-and-stop": "moclink's demapper, stock decoder called until a codeword is found",
}
BATCH = 2048  # at which stock Sionna's decoder was fastest in graph mode


class NaiveLink:
    """Stock Sionna blocks, each in a `tf.function` of its own.

    Args:
        xla: Whether the decoder is compiled by XLA, in batches of 512.
        same_llrs: Whether moclink's demapper stands in for Sionna's.
        stop: Whether the first codeword found is kept, looking as often as moclink does.
    """

    def __init__(self, xla: bool, same_llrs: bool = False, stop: bool = False) -> None:
        constellation = Constellation("qam", BITS_PER_SYMBOL)
        encoder = LDPC5GEncoder(K, N, num_bits_per_symbol=BITS_PER_SYMBOL)
        decoder = LDPC5GDecoder(encoder, num_iter=NUM_ITER)
        self._modem = BitModem(BITS_PER_SYMBOL) if same_llrs else None
        self._stop = StoppingStock(encoder) if stop else None
        mapper, demapper = (
            Mapper(constellation=constellation),
            Demapper("app", constellation=constellation),
        )
        self._batch = 512 if xla else BATCH
        self._encode = tf.function(lambda u: encoder(u), reduce_retracing=True)
        self._map = tf.function(lambda c: mapper(c), reduce_retracing=True)
        self._demap = tf.function(lambda y, no: demapper(y, no), reduce_retracing=True)
        # XLA compiles for one shape, so its batches are filled up; a graph takes what there is.
        self._fill = 512 if xla else 1
        self._decode = tf.function(lambda llr: decoder(llr), jit_compile=xla, reduce_retracing=True)

    def send(self, bits: np.ndarray) -> np.ndarray:
        """Bits [K'] -> symbols [S]."""
        blocks = np.pad(bits, (0, -len(bits) % K)).reshape(-1, K)
        return self._map(self._encode(tf.constant(blocks, tf.float32))).numpy().reshape(-1)

    def receive(self, received: np.ndarray, no: np.float32) -> tuple[np.ndarray, float | None]:
        """Symbols [S] -> bits uint8 [K''], and mean iterations if they are counted."""
        if self._modem:
            llr = self._modem.demap(received[None], np.array([no])).reshape(-1, N)
        else:
            llr = self._demap(tf.constant(received.reshape(-1, N // BITS_PER_SYMBOL)), no).numpy()
        padded = np.pad(llr, ((0, -len(llr) % self._fill), (0, 0)))
        starts = range(0, len(padded), self._batch)
        if self._stop:
            bits, spent = zip(
                *(self._stop(padded[i : i + self._batch]) for i in starts), strict=True
            )
            return np.concatenate(bits)[: len(llr)].reshape(-1), np.concatenate(spent)[
                : len(llr)
            ].mean()
        parts = [self._decode(padded[i : i + self._batch]).numpy() for i in starts]
        return np.concatenate(parts)[: len(llr)].astype(np.uint8).reshape(-1), None


class StoppingStock:
    """Stock calls that look for a codeword after every few iterations and keep the first.

    What a decoder decides is a codeword if encoding its information bits gives all its decisions
    back.

    Args:
        encoder: Sionna's encoder.
    """

    def __init__(self, encoder: LDPC5GEncoder) -> None:
        def decoder(infobits: bool) -> LDPC5GDecoder:
            return LDPC5GDecoder(
                encoder, num_iter=LONGEST_STAGE, return_state=True, return_infobits=infobits
            )

        information, codeword = decoder(True), decoder(False)

        def begin(llr: tf.Tensor) -> tuple[tf.Tensor, ...]:
            bits, state = information(llr)
            return bits, tf.reduce_all(encoder(bits) == codeword(llr)[0], axis=1), state

        def go_on(llr: tf.Tensor, state: tf.Tensor) -> tuple[tf.Tensor, ...]:
            bits, next_state = information(llr, msg_v2c=state)
            found = tf.reduce_all(encoder(bits) == codeword(llr, msg_v2c=state)[0], axis=1)
            return bits, found, next_state

        self._begin, self._go_on = (tf.function(f, jit_compile=True) for f in (begin, go_on))

    def __call__(self, llr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """LLRs [B, n] -> bits uint8 [B, k] and iterations [B]."""
        kept, spent, done = (
            np.zeros((len(llr), K), np.uint8),
            np.zeros(len(llr)),
            np.zeros(len(llr), bool),
        )
        state = None
        for iteration in range(LONGEST_STAGE, NUM_ITER + 1, LONGEST_STAGE):
            bits, found, state = self._begin(llr) if state is None else self._go_on(llr, state)
            kept[~done], spent[~done] = bits.numpy()[~done], iteration
            done |= found.numpy()
        return kept, spent


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
            payload = _encode_anew(chain, image)
            used = payload.header.letters[0]
            symbols = link.send(payload.letters[0])
            no = np.float32(10 ** (-snr / 10))
            noise = complex_normal(
                stream((plan.seed, snr, picture.digest, 0, "noise")), len(symbols)
            )
            got, iterations = link.receive(symbols + np.sqrt(no) * noise, no)
            decoded = _decode_anew(chain, got, payload.header)
            sent = np.pad(payload.letters[0], (0, len(got) - len(payload.letters[0])))
            wrong = got != sent
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
                iterations=iterations,
            )


def _encode_anew(chain: DigitalChain, image: np.ndarray) -> Payload:
    return replace(chain.source, cache=FileCache()).encode(image)


def _decode_anew(chain: DigitalChain, bits: np.ndarray, header: Header) -> Decoded:
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


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--snr", default="-5:30:5", help="as of moclink.simulate (%(default)s)")
    parser.add_argument("--images", action="append", help="file or folder (moclink's samples)")
    parser.add_argument("--pictures", type=int, help="take only so many")
    parser.add_argument("--chains", default="jpeg-ldpc,bpg-ldpc", help="comma list (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the sweep (%(default)s)")
    parser.add_argument(
        "--ldpc", default="auto", choices=LDPC_DECODERS, help="of the sweep (%(default)s)"
    )
    naive = "stock, or with moclink's LLRs, or also with its stopping; the latter two under XLA (%(default)s)"
    parser.add_argument("--naive", default="stock", choices=NAIVE, help=naive)
    parser.add_argument("--xla", action="store_true", help="compile the naive sweep's decoder")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"sweep-{date.today().isoformat()}.json"
    )
    options = parser.parse_args(arguments)
    machine = machine_line()
    paths = find_images(options.images) if options.images else sample_paths()
    pictures = read_pictures(paths[: options.pictures])
    chain_options = ChainOptions(ldpc=options.ldpc)
    plan = Plan(
        parse_snr(f"{options.snr}"), tuple(options.chains.split(",")), options=chain_options
    )
    options.xla |= options.naive != "stock"
    link = NaiveLink(options.xla, options.naive != "stock", options.naive == "same-llrs-and-stop")
    warm = replace(plan, snrs=(10.0, 30.0))
    tiny = Picture("tiny", pictures[0].pixels[:48, :48])
    rows = []
    with Pool(options.workers) as pool:
        list(
            naive_rows(link, warm, tiny)
        )  # graphs are traced and kernels compiled outside the clock
        moclink_rows(warm, tiny, pool)
        for picture in pictures:
            cpu, wall = time.process_time(), time.perf_counter()
            ours = moclink_rows(plan, picture, pool)
            our_cpu, our_wall = time.process_time() - cpu, time.perf_counter() - wall
            cpu, wall = time.process_time(), time.perf_counter()
            theirs = sorted(
                naive_rows(link, plan, picture),
                key=lambda r: (plan.chains.index(r.chain), r.snr_db),
            )
            their_cpu, their_wall = time.process_time() - cpu, time.perf_counter() - wall
            count, largest = differing(ours, theirs)
            rows.append(
                {
                    "picture": picture.name,
                    "pixels": picture.pixels[..., 0].size,
                    "cells": len(ours),
                    "moclink_wall_s": our_wall,
                    "naive_wall_s": their_wall,
                    "wall_ratio": their_wall / our_wall,
                    "cpu_ratio": their_cpu / our_cpu if options.workers == 1 else None,
                    "rows_that_differ": count,
                    "largest_differences": largest,
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    mode = "XLA" if options.xla else "graph"
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
        f"naive decoder in {mode} mode",
        "baseline": "stock Sionna calls, one picture and one SNR at a time, files fitted anew each time; "
        f"{NAIVE[options.naive]}",
        "pictures": rows,
        "wall_ratio": total,
        "rows_that_differ": sum(row["rows_that_differ"] for row in rows),
        "rows": sum(row["cells"] for row in rows),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{machine}\n{total:.1f} times faster over all; written to {options.out}")


if __name__ == "__main__":
    main()
