"""What the BPG tests share: the reference programs' files (tests/refs/bpg), and a random picture."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REFS = Path(__file__).parents[1] / "refs" / "bpg"


@dataclass(frozen=True)
class Vector:
    name: str
    source_name: str
    chroma: str
    qp: int

    @property
    def path(self) -> Path:
        return REFS / f"{self.name}.bpg"

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @property
    def decoded(self) -> np.ndarray:
        return _read(f"{self.name}.decoded.png")

    @property
    def source(self) -> np.ndarray:
        return _read(f"{self.source_name}.png")


def _read(name: str) -> np.ndarray:
    with Image.open(REFS / name) as image:
        return np.asarray(image.convert("RGB"))


VECTORS = (
    Vector("astronaut-256x256-420-qp29", "astronaut-256x256", "420", 29),
    Vector("astronaut-256x256-444-qp20", "astronaut-256x256", "444", 20),
    Vector("coffee-250x187-420-qp20", "coffee-250x187", "420", 20),
    Vector("coffee-250x187-444-qp40", "coffee-250x187", "444", 40),
    Vector("chelsea-64x64-420-qp40", "chelsea-64x64", "420", 40),
    Vector("chelsea-64x64-444-qp29", "chelsea-64x64", "444", 29),
    Vector("coffee-250x187-gray-qp29", "coffee-250x187-gray", "gray", 29),
)


@pytest.fixture(params=VECTORS, ids=lambda vector: vector.name)
def vector(request: pytest.FixtureRequest) -> Vector:
    """Each file of the reference encoder that can be decoded."""
    return request.param


@dataclass(frozen=True)
class Further:
    """A file of a kind that this package reads and does not write, with the digest of its pixels."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def path(self) -> Path:
        return REFS / f"{self.name}.bpg"

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


FURTHER = tuple(
    Further(name, tuple(entry["shape"]), entry["sha256"])
    for name, entry in json.loads((REFS / "decoded.json").read_text()).items()
)


@pytest.fixture(params=FURTHER, ids=lambda further: further.name)
def further(request: pytest.FixtureRequest) -> Further:
    return request.param


@pytest.fixture(scope="session")
def large_vector() -> Vector:
    return VECTORS[0]


@pytest.fixture(scope="session")
def small_vector() -> Vector:
    return VECTORS[4]


@pytest.fixture(scope="session")
def rdpcm_vector() -> Vector:
    """The file of the reference encoder that must be refused."""
    return Vector("chelsea-64x64-rgb-lossless", "chelsea-64x64", "444", 0)


@pytest.fixture(scope="session")
def smooth() -> Callable[[int, int, int], np.ndarray]:
    """smooth(height, width, seed): a random picture with some of a photograph's correlation."""

    def make(height: int, width: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        waves = rng.normal(0, 3, (height, width, 3)).cumsum(0).cumsum(1) / np.sqrt(
            max(height, width)
        )
        return np.clip(128 + 6 * waves, 0, 255).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def lossless_files():
    """The module beside this file that builds BPG files from lossless HEVC, `lossless_files.py`."""
    path = Path(__file__).with_name("lossless_files.py")
    spec = importlib.util.spec_from_file_location("lossless_files", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
