"""Every chain of the registry sends unit mean energy, over real pictures."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import read_image, sample_paths, to_float
from moclink.presets import chain_names, is_bit_chain
from moclink.types import ChannelState

PICTURES = [to_float(read_image(path)[None, 100:292, 60:316]) for path in sample_paths()[:2]]


@pytest.fixture(scope="module")
def factory():
    return ChainFactory()


def one_of_each_kind():
    """Names without the many modulations and rates of file codecs, which differ in the modem alone."""
    names = [name for name in chain_names() if not is_bit_chain(name)]
    few = [name for name in names if not name.startswith(("webp", "avif", "jpeg2000", "bpg"))]
    return few + [f"{codec}-ldpc" for codec in ("webp", "avif", "jpeg2000", "bpg", "bpg444")]


@pytest.mark.parametrize("name", one_of_each_kind())
def test_mean_energy_is_one(factory, name):
    chain = factory.make(name)
    for image in PICTURES:
        for csi in [ChannelState(4.0), ChannelState(18.0)] if chain.adaptive else [None]:
            sent = chain.transmit(image, csi)
            energy = np.mean(np.abs(sent.symbols.astype(np.complex128)) ** 2, axis=1)
            assert energy == pytest.approx(1, abs=1e-5), csi
            assert sent.energy == pytest.approx(energy)
