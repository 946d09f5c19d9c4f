"""Makes tests/refs/ms_ssim.json: MS-SSIM by TensorFlow's own implementation.

    python tests/refs/make_ms_ssim.py

from the root of the repository. tf.image.ssim_multiscale is of TensorFlow (Apache-2.0); figures are
facts.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

HERE = Path(__file__).parent
# height, width, deviation of the noise, kind
CASES = [
    (161, 161, 0.02, "noise"),
    (161, 202, 0.1, "noise"),
    (256, 256, 0.3, "noise"),
    (177, 319, 0.05, "noise"),
    (333, 203, 0.0, "grey"),
    (200, 240, 0.0, "negative"),
    (256, 304, 0.0, "coarse"),
]


def pair(height, width, deviation, kind):
    """The same pictures as in tests/test_metrics.py: a crop and what became of it, float32 [H, W, 3]."""
    picture = np.asarray(Image.open(HERE.parents[1] / "moclink/samples/lake.png").convert("RGB"))
    original = picture[40 : 40 + height, 30 : 30 + width].astype(np.float32) / 255
    if kind == "grey":
        return np.full_like(original, 0.5), original
    if kind == "negative":
        return 1 - original, original
    if kind == "coarse":
        return np.rint(original * 7).astype(np.float32) / 7, original
    noise = np.random.default_rng(height).normal(0, deviation, original.shape)
    return np.clip(original + noise, 0, 1).astype(np.float32), original


def main():
    values = []
    for case in CASES:
        image, original = (tf.constant(x[None]) for x in pair(*case))
        values.append([*case, float(tf.image.ssim_multiscale(image, original, max_val=1.0)[0])])
    stored = {"source": f"tf.image.ssim_multiscale, TensorFlow {tf.__version__}", "values": values}
    (HERE / "ms_ssim.json").write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
