"""Export of a trained codec with its measured quality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.index_channel import IndexChannel
from moclink.codec.receiver import noise_variance
from moclink.codec.semantic_codec import SemanticCodec
from moclink.images import read_image
from moclink.training.picture_lists import list_pictures
from moclink.training.validation import picture_psnr


def open_saved_codec(path: str | Path) -> SemanticCodec | AnalogCodec:
    """Open a saved codec of either kind.

    Raises:
        ValueError: If it is neither; the message is that of the semantic codec.
    """
    try:
        return SemanticCodec.from_preset(path)
    except ValueError as error:
        if "kind" not in str(error):
            raise
        return AnalogCodec.from_preset(path)


def _deviation(snr_db: float) -> np.float32:
    """Standard deviation of the noise of one real axis, sqrt(no / 2)."""
    return np.sqrt(ops.convert_to_numpy(noise_variance(snr_db)) / np.float32(2))


def _centre(image: NDArray[np.uint8], crop: int | None) -> NDArray[np.uint8]:
    """The centre crop x crop pixels, or fewer where the picture has fewer; all without crop."""
    if crop is None:
        return image
    top, left = (max(0, side - crop) // 2 for side in image.shape[:2])
    return image[top : top + crop, left : left + crop]


def _semantic_rows(
    codec: SemanticCodec, image: Any, snrs: Sequence[float], seed: int
) -> dict[str, float]:
    """PSNR without noise for each level; over the SNR with all levels, of the receiver and its parts."""
    size = {"height": image.shape[0], "width": image.shape[1]}
    indices, levels = codec.encode(image[None]), codec.quantizer.levels
    row = {
        f"l{n} without noise": picture_psnr(
            codec.decode(codec.encode(image[None], n)[:, :, :, :n], **size)[0], image
        )
        for n in range(1, levels + 1)
    }
    channel = IndexChannel(codec.quantizer.states, seed=seed)
    noise = np.random.default_rng([seed, 0x58]).standard_normal(indices.shape).astype(np.float32)
    for snr in snrs:
        at = np.array([snr], np.float32)
        y = ops.convert_to_numpy(channel.transmit(indices)) + noise * _deviation(snr)
        soft = codec.posteriors(ops.convert_to_numpy(channel.log_likelihoods(y, at)))
        hard = ops.convert_to_numpy(channel.detect(y))
        for name, (received, options) in {
            "soft, NRB": (soft, {}),
            "soft, NRB, not requantised": (soft, {"requantize": False}),
            "soft": (soft, {"use_nrb": False}),
            "hard": (hard, {"use_nrb": False}),
        }.items():
            decoded = codec.decode(received, snr_db=at, **options, **size)
            row[f"l{levels} {snr:g} dB, {name}"] = picture_psnr(decoded[0], image)
    return row


def _analog_rows(
    codec: AnalogCodec, image: Any, snrs: Sequence[float], seed: int
) -> dict[str, float]:
    """PSNR over the SNR."""
    sent = codec.encode(image[None])
    noise = np.random.default_rng([seed, 0x59]).standard_normal(sent.shape).astype(np.float32)
    row = {}
    for snr in snrs:
        received = sent + noise * _deviation(snr)
        decoded = codec.decode(received, image.shape[0], image.shape[1], snr)
        row[f"{snr:g} dB"] = picture_psnr(decoded[0], image)
    return row


def measure_psnr(
    codec: SemanticCodec | AnalogCodec,
    pictures: Sequence[str | Path],
    snrs: Sequence[float] = (0, 10, 20),
    crop: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Mean PSNR in dB over pictures, without noise and over the SNR, through the training channel.

    Args:
        codec: The codec.
        pictures: Picture files or folders.
        snrs: Es/N0 in dB.
        crop: Side of the centre crop that is measured; None for whole pictures.
        seed: Seed of the noise.

    Returns:
        Figure by name, rounded to 0.01 dB.
    """
    rows = []
    rows_of: Any = _semantic_rows if isinstance(codec, SemanticCodec) else _analog_rows
    for i, path in enumerate(list_pictures(pictures)):
        image = _centre(read_image(path), crop).astype(np.float32) / np.float32(255)
        rows.append(rows_of(codec, image, snrs, seed + i))
    return {name: round(float(np.mean([row[name] for row in rows])), 2) for name in rows[0]}


def export_codec(
    source: str | Path,
    out: str | Path,
    pictures: Sequence[str | Path] = (),
    snrs: Sequence[float] = (0, 10, 20),
    crop: int | None = None,
    notes: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Write a codec's files under another name and read them back.

    Args:
        source: Codec of the last stage.
        out: Name of the files to write, without ending.
        pictures: Pictures to measure the PSNR on; it goes into the notes.
        snrs: Es/N0 in dB to measure at.
        crop: Side of the centre crop that is measured; None for whole pictures.
        notes: More to say of the weights.

    Returns:
        What was written: `description` (path of the JSON file), `megabytes`, `parameters` and
        `psnr`.
    """
    codec = open_saved_codec(source)
    psnr = measure_psnr(codec, pictures, snrs, crop) if pictures else {}
    extra = {**(notes or {}), **({"psnr": psnr} if psnr else {})}
    description = codec.save(out, {**codec.notes, **extra})
    written = type(codec).from_preset(description)
    weights = description.with_name(description.name.removesuffix(".json") + ".weights.h5")
    parameters = sum(int(np.prod(v.shape)) for v in written.network.weights)
    return {
        "description": str(description),
        "megabytes": round(weights.stat().st_size / 1e6, 2),
        "parameters": parameters,
        "psnr": psnr,
    }
