"""The codec's arithmetic as a share of this machine's matrix products, for inference and training.

    python -m benchmarks.codec

Peak is the rate of a float32 product of two 2048 x 2048 matrices, by the same TensorFlow in the
same process. Every round measures the peak and each part in turns and the fastest round of each
counts, so that a busy machine disturbs all alike. Work is counted as 2 operations a
multiply-accumulate of convolutions, dense layers, attention products and the nearest-vector search
(`macs_per_pixel` of the layers), nothing element-wise; a training step counts as three forward
passes.
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

import keras
import numpy as np
import tensorflow as tf

from benchmarks.machine import machine_line
from moclink.codec.semantic_codec import SemanticCodec
from moclink.option_parser import Parser
from moclink.training.fit import Fit
from moclink.training.objectives import Stage1LossWeights, Stage1Objective

RESULTS = Path(__file__).parent / "results"
SIDE = 2048  # of the matrices
PIXEL_ONLY = Stage1LossWeights(pixel_loss="mse", semantic=0, perceptual=0, adversarial=0)


def parts_of(
    codec: SemanticCodec, side: int, batch: int, crop: int
) -> dict[str, tuple[float, Callable[[], object]]]:
    """Name -> (operations, call)."""
    rng = np.random.default_rng(0)
    a = tf.constant(rng.normal(size=(SIDE, SIDE)).astype(np.float32))
    product = tf.function(lambda x: tf.reduce_sum(tf.matmul(x, x)))
    image = rng.random((1, side, side, 3), np.float32)
    indices = codec.encode(image)
    posteriors = codec.posteriors(rng.normal(size=(*indices.shape, codec.quantizer.states)))
    images = {
        "images": rng.random((batch, crop, crop, 3), np.float32),
        "levels": np.full(batch, 4, np.int32),
    }
    fit = Fit(Stage1Objective(codec.encoder, codec.quantizer, codec.decoder, PIXEL_ONLY), images)
    encoder, decoder = codec.encoder.macs_per_pixel(), codec.decoder.macs_per_pixel()
    quantizer, nrb = codec.quantizer.macs_per_pixel(), codec.nrb.macs_per_pixel()
    pixels, trained = 2 * side * side, 2 * batch * crop * crop
    snr_db = np.array([10.0], np.float32)
    return {
        "matrix product": (2.0 * SIDE**3, lambda: product(a).numpy()),
        "encode": (pixels * (encoder + quantizer), lambda: codec.encode(image)),
        "decode without noise reduction": (
            pixels * decoder,
            lambda: codec.decode(posteriors, snr_db=snr_db, use_nrb=False),
        ),
        "decode": (
            pixels * (decoder + nrb + quantizer),
            lambda: codec.decode(posteriors, snr_db=snr_db),
        ),
        "training step, stage 1": (
            3 * trained * (encoder + quantizer + decoder),
            lambda: fit.step(images, 1e-5),
        ),
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--size", default="small", help="size of the codec, untrained (%(default)s)"
    )
    parser.add_argument("--side", type=int, default=768, help="of the picture (%(default)s)")
    parser.add_argument(
        "--batch", type=int, default=4, help="crops in a training step (%(default)s)"
    )
    parser.add_argument("--crop", type=int, default=128, help="side of a crop (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / f"codec-{date.today().isoformat()}.json"
    )
    options = parser.parse_args(arguments)
    machine = machine_line()
    keras.utils.set_random_seed(0)
    codec = SemanticCodec.from_size(options.size)
    parts = parts_of(codec, options.side, options.batch, options.crop)
    fastest = dict.fromkeys(parts, math.inf)
    for _ in range(options.rounds + 1):  # the first round traces and compiles
        for name, (_, call) in parts.items():
            start = time.perf_counter()
            call()
            fastest[name] = min(fastest[name], time.perf_counter() - start)
    rates = {name: operations / fastest[name] / 1e9 for name, (operations, _) in parts.items()}
    peak = rates["matrix product"]
    print(machine)
    for name, rate in rates.items():
        print(
            f"{name:32s} {1e3 * fastest[name]:8.1f} ms {rate:7.1f} GFLOP/s {100 * rate / peak:5.1f} %"
        )
    record = {
        "command": "python -m benchmarks.codec " + " ".join(arguments or sys.argv[1:]),
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy")},
        "codec": f"{options.size}, untrained; picture {options.side} x {options.side}, "
        f"{options.batch} crops of {options.crop} x {options.crop} in a training step",
        "baseline": f"float32 product of {SIDE} x {SIDE} matrices in TensorFlow",
        "parts": {
            name: {"ms": 1e3 * fastest[name], "gflop_per_s": rate, "share_of_peak": rate / peak}
            for name, rate in rates.items()
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
