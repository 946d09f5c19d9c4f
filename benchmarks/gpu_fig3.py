"""The whole Fig. 3 of `benchmarks.gpu`: default chains over pictures and SNRs, as a sweep runs them."""

from __future__ import annotations

import importlib.util
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.gpu_bench import Bench, OutOfTime
from moclink.arguments import parse_snr
from moclink.images import Picture, find_images, read_pictures, sample_paths
from moclink.presets import default_chains
from moclink.sweep.available_metrics import find_missing_metrics
from moclink.sweep.plan import Plan
from moclink.sweep.run_sweep import run_sweep
from moclink.sweep.session import Session
from moclink.sweep.workers import Pool
from moclink.types import Cell, Row

METRICS = ("psnr", "ssim", "lpips")
INSTEAD = "st-lpips"  # where LPIPS cannot be had: a network of the same size, by its own name
SMALL_SIDE = 96


class Rows:
    """A store that keeps rows in memory, and stops the sweep when the time is over."""

    def __init__(self, bench: Bench) -> None:
        self.rows: list[Row] = []
        self._begun = time.monotonic()
        self._bench = bench

    def done(self) -> set[Cell]:
        """No cell is finished."""
        return set()

    def add(self, rows: Iterable[Row], gallery: Any = (), fits: Any = ()) -> None:
        """Keep the rows.

        Raises:
            OutOfTime: If there is no time left.
        """
        self.rows += rows
        # A run that is ended from outside keeps this much.
        self._bench.record["fig3_so_far"] = {
            "cells": len(self.rows),
            "seconds": time.monotonic() - self._begun,
        }
        self._bench.save()
        self._bench.need(0)


def run(
    bench: Bench,
    images: Sequence[str] | None,
    snr: str,
    workers: int | None,
    chains: str | None = None,
) -> None:
    """Run the sweep, or as much of it as there is time for."""
    bench.need(30)
    pictures = read_pictures(find_images(images) if images else sample_paths())
    if bench.small:
        side = slice(SMALL_SIDE)
        pictures = [Picture(p.name, p.pixels[side, side].copy()) for p in pictures[:1]]
    names = tuple(chains.split(",")) if chains else _chains(bench)
    plan = Plan(parse_snr("-5:30:35" if bench.small else snr), names, metrics=METRICS)
    missing = dict(find_missing_metrics(Session(plan), plan))
    if missing:
        plan = replace(plan, metrics=(*METRICS, INSTEAD))
        missing = dict(find_missing_metrics(Session(plan), plan))
        bench.record["skipped"] |= {f"metric {name}": str(why) for name, why in missing.items()}
        plan = replace(plan, metrics=tuple(name for name in plan.metrics if name not in missing))
    store, seconds, last = Rows(bench), defaultdict(float), [time.monotonic()]

    def progress(cells: int, unit: str) -> None:
        now = time.monotonic()
        seconds[unit] += now - last[0]
        last[0] = now

    cells = len(pictures) * len(plan.chains) * len(plan.snrs)
    begun, whole = time.monotonic(), True
    with Pool(_workers(bench, workers)) as pool:
        try:
            run_sweep(plan, pictures, store, progress, pool)
        except OutOfTime:
            whole = False
        took = time.monotonic() - begun
    row: dict[str, Any] = {"pictures": len(pictures), "snrs": len(plan.snrs), "cells": cells}
    row |= {"cells_done": len(store.rows), "whole": whole, "seconds": took}
    row |= {"workers": pool.workers, "metrics": ", ".join(plan.metrics)}
    row["mpixel"] = sum(picture.height * picture.width for picture in pictures) / 1e6
    bench.record.pop("fig3_so_far", None)
    bench.put("fig3", row)
    done, psnr = Counter(each.chain for each in store.rows), defaultdict(float)
    for each in store.rows:
        psnr[each.chain] += each.psnr_db / done[each.chain]
    bench.record["fig3_cells_by_chain"] = dict(done)
    bench.record["fig3_mean_psnr_db"] = dict(psnr)
    bench.record["fig3_seconds_by_unit"] = dict(seconds)
    bench.save()


def _chains(bench: Bench) -> tuple[str, ...]:
    """The default chains, without BPG where there is no HEVC encoder."""
    chains = default_chains()
    if importlib.util.find_spec("av"):
        return chains
    bench.record["skipped"]["bpg chains"] = "the package av is not installed"
    return tuple(name for name in chains if not name.startswith("bpg"))


def _workers(bench: Bench, asked: int | None) -> int:
    if asked is None:
        asked = min(8, len(os.sched_getaffinity(0))) if bench.on_gpu else 1
    if asked > 1 and not importlib.util.find_spec("joblib"):
        bench.record["skipped"]["workers"] = "the package joblib is not installed"
        return 1
    return asked
