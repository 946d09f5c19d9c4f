"""The learned codec of `benchmarks.gpu`: pictures a second, and its share of the matrix rate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.gpu_bench import Bench, matrix_rate
from moclink import metrics
from moclink.codec.semantic_codec import SemanticCodec
from moclink.codec.tiling import PositionLimit
from moclink.images import read_pictures, sample_paths, to_float
from moclink.matrix_products import VARIABLE
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.modems import IndexModem

SNR_DB = 10.0
PRESET = "small"


def measure_codec(bench: Bench) -> None:
    """Encoding and decoding in each precision, and what the precision does to the PSNR."""
    images = _images(bench)
    positions = images[..., 0].size // 64
    codec = SemanticCodec.from_preset(PRESET, PositionLimit(max(positions, 65_536)))
    kinds = ("float32", "tf32", "bfloat16") if bench.on_gpu else ("float32", "bfloat16")
    with chosen("float32"):
        indices = codec.encode(images)
        posteriors, latents = _received(codec, indices), codec.latents(images)
        baseline = float(metrics.psnr(_decode(codec, posteriors, images), images).mean())
    for kind in kinds:
        bench.need(20)
        parts = _parts(codec, images, posteriors, latents)
        if kind == "bfloat16":  # the sender is not coarse
            parts = {name: part for name, part in parts.items() if name.startswith("decode")}
        with chosen(kind):
            seconds = bench.fastest({name: call for name, (_, call) in parts.items()})
            psnr = float(metrics.psnr(_decode(codec, posteriors, images), images).mean())
        for name, (macs, _) in parts.items():
            rate = 2 * macs * images[..., 0].size / seconds[name] / 1e9
            row = {"part": name, "precision": kind, "pictures": len(images)}
            row |= {"side": images.shape[1], "pictures_per_s": len(images) / seconds[name]}
            row |= {"gflop_per_s": rate, "share_of_matrix": rate / matrix_rate(bench, kind)}
            bench.put("codec", row)
        bench.put("codec_psnr", {"precision": kind, "psnr_db": psnr, "moved_db": psnr - baseline})


@contextmanager
def chosen(kind: str) -> Iterator[None]:
    """Where MOCLINK_PRODUCTS names a precision."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = kind
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _images(bench: Bench) -> np.ndarray:
    """Squares of the sample pictures, repeated to the size that is measured."""
    side, count = bench.size(1024, 512, 128), bench.size(8, 1, 1)
    pictures = [to_float(picture.pixels) for picture in read_pictures(sample_paths())]
    tiles = []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        repeats = [-(-side // length) for length in picture.shape[:2]]
        tiles.append(np.tile(picture, (*repeats, 1))[:side, :side])
    return np.stack(tiles)


def _decode(codec: SemanticCodec, posteriors: np.ndarray, images: np.ndarray) -> np.ndarray:
    height, width = images.shape[1:3]
    return codec.decode(posteriors, snr_db=np.float32(SNR_DB), height=height, width=width)


def _received(codec: SemanticCodec, indices: np.ndarray) -> np.ndarray:
    """Posteriors of indices that went over AWGN at `SNR_DB`."""
    modem = IndexModem(codec.quantizer.states)
    flat = indices.reshape(1, -1).astype(np.uint8)
    output = awgn(modem.modulate(flat), noise_variance([SNR_DB]), [(1, SNR_DB, "benchmark")])
    got = modem.demodulate(output.received, output.no).values[0, : flat.size]
    return codec.posteriors(got.reshape(*indices.shape, -1))


def _parts(
    codec: SemanticCodec, images: np.ndarray, posteriors: np.ndarray, latents: np.ndarray
) -> dict[str, tuple[float, Callable[[], Any]]]:
    """Name -> (multiply-accumulates a pixel, call from NumPy to NumPy, as the simulator does it)."""
    encoder, decoder = codec.encoder.macs_per_pixel(), codec.decoder.macs_per_pixel()
    quantizer, nrb = codec.quantizer.macs_per_pixel(), codec.nrb.macs_per_pixel()
    height, width = images.shape[1:3]
    return {
        "encoder network": (encoder, lambda: codec.latents(images)),
        "encode": (encoder + quantizer, lambda: codec.encode(images)),
        "decoder network": (decoder, lambda: codec.pictures(latents, height, width)),
        "decode": (decoder + nrb + quantizer, lambda: _decode(codec, posteriors, images)),
    }
