"""Makes tests/refs/engines.npz and engines_rows.json, for tests/test_engines_agree.py.

    python tests/refs/make_engines.py

from the root of the repository, with Sionna 1.2 on TensorFlow. All random numbers are NumPy's.
"""

import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import moclink
from moclink.phy.early_stopping import EarlyStoppingLDPC5GDecoder
from moclink.phy.tensors import tensor, to_numpy

# isort: split
from sionna.phy.fec.ldpc import LDPC5GEncoder
from sionna.phy.mapping import Demapper, Mapper
from sionna.phy.mimo import lmmse_equalizer
from sionna.phy.nr import TBEncoder

HERE = Path(__file__).parent
CODES = [(60, 120, 2), (324, 648, 6), (3000, 4000, 8)]
CLASSICAL = ("jpeg-ldpc", "bpg-ldpc", "jpeg-capacity", "jpeg-ldpc-adaptive", "random-64qam")
LEARNED = ("moc-rvq-l4", "jscc-96-paper")  # whose shipped weights stay
SNRS = (2.0, 11.0, 20.0)


def link_values() -> dict[str, np.ndarray]:
    """What the blocks of Sionna and moclink's own make of given bits and given noise."""
    rng = np.random.default_rng(15)
    values = {}
    for k, n, order in CODES:
        bits = rng.integers(0, 2, (4, k)).astype(np.float32)
        codewords = LDPC5GEncoder(k, n, num_bits_per_symbol=order)(tensor(bits))
        values[f"codewords/{k}-{n}"] = to_numpy(codewords).astype(np.uint8)
    block = TBEncoder(1928, 3888, 0.5, 4, use_scrambler=False)
    payload = rng.integers(0, 2, (2, 1928)).astype(np.float32)
    values["transport-block"] = to_numpy(block(tensor(payload))).astype(np.uint8)

    for order in (2, 4, 6, 8):
        bits = rng.integers(0, 2, (1, 40 * order)).astype(np.float32)
        symbols = to_numpy(Mapper("qam", order)(tensor(bits)))
        noise = rng.normal(scale=0.15, size=(2, *symbols.shape)).astype(np.float32)
        received = tensor(symbols + noise[0] + 1j * noise[1])
        for method in ("app", "maxlog"):
            llr = Demapper(method, "qam", order)(received, tensor(0.045))
            values[f"llrs/{method}-{order}"] = to_numpy(llr)
        values[f"symbols/{order}"] = symbols

    h = rng.normal(size=(10, 4, 2, 2)).view(np.complex128)[..., 0]
    y = rng.normal(size=(10, 4, 2)).view(np.complex128)[..., 0]
    covariance = np.broadcast_to(0.1 * np.eye(4, dtype=np.complex128), (10, 4, 4))
    found = lmmse_equalizer(tensor(y), tensor(h), tensor(covariance), precision="double")
    values["lmmse/symbols"], values["lmmse/variances"] = map(to_numpy, found)

    encoder = LDPC5GEncoder(60, 120, num_bits_per_symbol=2)
    noisy = rng.normal(scale=1.5, size=(30, 120)).astype(np.float32) - 2  # of the zero word
    soft = EarlyStoppingLDPC5GDecoder(encoder, num_iter=6, hard_out=False, lanes=8)
    values["decoded"] = to_numpy(soft(tensor(noisy)))
    return values


def rows(chains: tuple[str, ...]) -> list[dict]:
    """Rows of a sweep over one small picture."""
    picture = Image.open(HERE.parents[1] / "moclink/samples/lake.png").convert("RGB")
    with tempfile.TemporaryDirectory() as folder:
        run = moclink.run(
            chains,
            snr=SNRS,
            images=[np.asarray(picture)[80:176, 100:228]],
            max_bits=64_800,
            out=Path(folder) / "run",
            progress=False,
        )
        return [dataclasses.asdict(row) for row in run.rows()]


def main() -> None:
    np.savez_compressed(HERE / "engines.npz", **link_values())
    stored = {"classical": rows(CLASSICAL), "learned": rows(LEARNED)}
    lines = [
        f'"{kind}": [\n' + ",\n".join(json.dumps(row) for row in found) + "\n]"
        for kind, found in stored.items()
    ]
    (HERE / "engines_rows.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
