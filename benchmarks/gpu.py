"""The engine on PyTorch on one device: LDPC, demapping, codec, and a whole Fig. 3 in one run.

    python -m benchmarks.gpu                        # a GPU if PyTorch sees one, within ten minutes
    python -m benchmarks.gpu --device cpu --small   # an exercise of every part, in a few minutes

Parts come one after the other, and the result file is rewritten after every figure, so that a
run that is cut off keeps what it has; what `--minutes` leaves no time for is listed as skipped.
Needed are Sionna 2 (which itself needs matplotlib and h5py), PyTorch, Keras, SciPy, Numba and
Pillow. Without `av` there are no BPG chains, without `joblib` there is one worker, and without the
weights of LPIPS's backbone ST-LPIPS or nothing takes its place: the file says so.

- *matrix*: rates of matrix products, to which the codec is compared.
- *ldpc*: information bits a second of the (324, 648) code over 64-QAM, against stock Sionna 2 on
  the same device, as it is and under torch.compile (that comes last, for it compiles for minutes).
- *demap*: exact bit LLRs of 64-QAM, against Sionna's app demapper in the same two ways.
- *codec*: pictures a second, and arithmetic as a share of the matrix rate in the same precision.
- *fig3*: default chains, 36 SNRs, PSNR, SSIM and LPIPS, as the command line runs them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.gpu_bench import Bench, OutOfTime
from benchmarks.machine import machine_line
from moclink.option_parser import Parser

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "triton", "sionna-no-rt", "keras", "numpy", "numba")
PARTS = ("matrix", "ldpc", "demap", "codec", "fig3", "compiled")


def measure_matrix_rates(bench: Bench) -> None:
    """Rates of products of square matrices in each precision."""
    import torch

    from moclink.matrix_products import products

    side = bench.size(8192, 2048, 512)
    kinds = ("float32", "tf32", "bfloat16") if bench.on_gpu else ("float32", "bfloat16")
    for kind in kinds:
        dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
        a = torch.randn((side, side), dtype=dtype, device=bench.device)
        with products("tf32" if kind == "tf32" else "float32"):
            seconds = bench.fastest({"product": lambda a=a: a @ a}, rounds=5)["product"]
        rate = 2 * side**3 / seconds / 1e9
        bench.put("matrix", {"precision": kind, "side": side, "gflop_per_s": rate})


def describe_device(device: str) -> dict[str, Any]:
    """What the figures belong to."""
    import torch

    if device == "cpu":
        return {"device": "cpu", "threads": torch.get_num_threads()}
    found = torch.cuda.get_device_properties(0)
    return {
        "device": found.name,
        "memory_gb": found.total_memory / 1e9,
        "cuda": torch.version.cuda,
    }


def versions() -> dict[str, str]:
    """Versions of packages, of which some may be files without a record of their installation."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown" if importlib.util.find_spec(name.split("-")[0]) else "missing"
    return found


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(cuda where there is one)")
    parser.add_argument("--small", action="store_true", help="exercise every part, no more")
    parser.add_argument("--minutes", type=float, default=9.5, help="to take at most (%(default)s)")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma list (%(default)s)")
    parser.add_argument("--images", action="append", help="file or folder (moclink's samples)")
    parser.add_argument("--snr", default="-5:30", help="of fig3 (%(default)s)")
    parser.add_argument("--chains", help="comma list, of fig3 (the default chains)")
    workers = "of fig3 (as many as CPUs, at most 8, on a GPU; else 1)"
    parser.add_argument("--workers", type=int, help=workers)
    parser.add_argument("--out", type=Path, help="file of results")
    options = parser.parse_args(arguments)
    options.parts = options.parts.split(",")
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"--parts {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    return options


def _begin(options: argparse.Namespace, command: list[str], started: float) -> Bench:
    """Choose engine and device before either is loaded, and begin the file of results."""
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from moclink.environment import use_engine

    try:
        use_engine("torch")
    except ValueError as error:
        raise SystemExit(str(error)) from error
    import torch

    seen = "cuda" if torch.cuda.is_available() else "cpu"
    if options.device not in (None, seen):
        raise SystemExit(f"--device {options.device}: PyTorch {torch.__version__} sees no GPU here")
    kind = f"gpu-{seen}{'-small' if options.small else ''}"
    path = options.out or RESULTS / f"{kind}-{date.today().isoformat()}.json"
    record = {
        "command": "python -m benchmarks.gpu " + " ".join(command),
        "date": date.today().isoformat(),
        "machine": machine_line(),
        **describe_device(seen),
        "versions": versions(),
        "small": options.small,
        "parts": {},
        "skipped": {},
    }
    return Bench(seen, options.small, started + 60 * options.minutes, path, record)


def main(arguments: list[str] | None = None) -> None:
    """Run the parts that were asked for and write what they gave."""
    started = time.monotonic()
    options = _options(arguments)
    bench = _begin(options, sys.argv[1:] if arguments is None else arguments, started)
    print(bench.record["machine"], describe_device(bench.device), sep="\n")
    # After the engine was chosen: these load it.
    from benchmarks import gpu_codec, gpu_fig3, gpu_link

    parts: dict[str, Callable[[Bench], None]] = {
        "matrix": measure_matrix_rates,
        "ldpc": gpu_link.measure_ldpc,
        "demap": gpu_link.measure_demapping,
        "codec": gpu_codec.measure_codec,
        "fig3": lambda bench: gpu_fig3.run(
            bench, options.images, options.snr, options.workers, options.chains
        ),
        "compiled": gpu_link.measure_compiled_stock,
    }
    for name in (name for name in PARTS if name in options.parts):
        begun = time.monotonic()
        try:
            bench.need(5)
            parts[name](bench)
        except OutOfTime as error:
            bench.record["skipped"][name] = str(error)
        except Exception as error:  # the other parts can still be measured
            bench.record["skipped"][name] = f"{type(error).__name__}: {error}"
        if name in bench.record["skipped"]:
            print(f"{name}: {bench.record['skipped'][name]}", file=sys.stderr, flush=True)
        bench.record.setdefault("seconds", {})[name] = time.monotonic() - begun
        bench.save()
    print(f"written to {bench.path}")


if __name__ == "__main__":
    main()
