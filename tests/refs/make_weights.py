"""Make weights.json: what the shipped weights give on crops of the sample photographs at fixed noise.

    python tests/refs/make_weights.py

To be run again when new weights are shipped or a chain sends another energy (as on 2026-11-26, when
all were scaled to unit power), and then only: tests/test_weights.py holds the package to it.
"""

import json
from pathlib import Path

from moclink.chain_factory import make_chain
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.phy.channels import awgn, noise_variance
from moclink.presets import LEVELS, SEMANTIC_PRESETS

CHAINS = (
    *(f"{family}-l{levels}" for family in SEMANTIC_PRESETS for levels in LEVELS),
    "moc-rvq-l4-no-nrb",
    "jscc-96-paper",
)
SNRS = (0.0, 10.0, 20.0, 40.0)  # at 40 dB no index is received wrongly
SIDE = 128


def measure() -> dict[str, dict[str, list[float]]]:
    """PSNR in dB, {chain: {picture: one for each of SNRS}}, of the middle of each sample photograph."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in CHAINS:
        chain = make_chain(name)
        for path in sample_paths():
            pixels = read_image(path)
            top, left = ((side - SIDE) // 2 for side in pixels.shape[:2])
            image = to_float(pixels[top : top + SIDE, left : left + SIDE])[None]
            sent = chain.transmit(image)
            # The same standard normal noise at every SNR and for all chains of equal length.
            got = [
                chain.receive(output.received, output.no, sent.header).images
                for snr in SNRS
                for output in [awgn(sent.symbols, noise_variance([snr]), [("weights", path.name)])]
            ]
            found.setdefault(name, {})[path.name] = [
                round(float(psnr(one, image)[0]), 3) for one in got
            ]
    return found


if __name__ == "__main__":
    out = Path(__file__).with_name("weights.json")
    out.write_text(json.dumps({"snr_db": SNRS, "psnr_db": measure()}, indent=1) + "\n")
    print(f"written to {out}")
