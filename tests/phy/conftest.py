"""What tests share: closed forms; codes, and LLRs of Gray QAM over AWGN made with Sionna's own blocks."""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from sionna.phy.channel import ChannelModel
from sionna.phy.mapping import Constellation, Demapper, Mapper

from moclink.phy.engine import ON_TORCH
from moclink.phy.ldpc import LDPCCode, get_code
from moclink.phy.tensors import tensor


@dataclass(frozen=True, eq=False)
class Blocks:
    bits: np.ndarray  # uint8 [B, k]
    llr: np.ndarray  # float32 [B, n]


def over_awgn(
    code: LDPCCode, num_bits_per_symbol: int, snr_db: float, count: int, seed: int
) -> Blocks:
    rng = np.random.default_rng([seed, int(10 * snr_db) + 1000])
    constellation = Constellation("qam", num_bits_per_symbol)
    bits = rng.integers(0, 2, (count, code.k), dtype=np.uint8)
    codewords = tensor(code.encode(bits), "float32")
    symbols = Mapper(constellation=constellation)(codewords).numpy()
    no = np.float32(10 ** (-snr_db / 10))
    noise = rng.normal(scale=np.sqrt(no / 2), size=(2, *symbols.shape)).astype(np.float32)
    received = symbols + noise[0] + 1j * noise[1]
    llr = Demapper("app", constellation=constellation)(tensor(received), tensor(no))
    return Blocks(bits, llr.numpy())


class FixedChannel(ChannelModel):
    """One path with a given matrix of gains [receive, transmit antennas], the same in all slots."""

    def __init__(self, matrix):
        super().__init__()
        self._matrix = np.atleast_2d(matrix).astype(np.complex64)

    def __call__(self, batch_size, num_time_steps, sampling_frequency):
        a = self._matrix[None, None, :, None, :, None, None]
        if ON_TORCH:
            gains = tensor(a).repeat(batch_size, 1, 1, 1, 1, 1, num_time_steps)
            return gains, tensor(np.zeros([batch_size, 1, 1, 1], np.float32))
        import tensorflow as tf

        gains = tf.tile(tensor(a), [batch_size, 1, 1, 1, 1, 1, num_time_steps])
        return gains, tf.zeros([batch_size, 1, 1, 1])


@pytest.fixture(scope="session")
def fixed_channel():
    """A channel model of Sionna without fading."""
    return FixedChannel


@pytest.fixture(scope="session")
def theory():
    """The module of closed forms beside this file, `theory.py`."""
    spec = importlib.util.spec_from_file_location("theory", Path(__file__).with_name("theory.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", name="over_awgn")
def _over_awgn():
    return over_awgn


@pytest.fixture(scope="session")
def standard_code() -> LDPCCode:
    """The code of the paper's classical chains."""
    return get_code("ldpc5g", 324, 648, num_bits_per_symbol=6)


@pytest.fixture(scope="session")
def standard_blocks(standard_code):
    """Blocks of that code over 64-QAM: (snr_db, count) -> Blocks."""
    return lru_cache(maxsize=None)(
        lambda snr_db, count: over_awgn(standard_code, 6, snr_db, count, seed=0)
    )
