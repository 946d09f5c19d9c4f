"""Unit mean energy: scaled once and undone, and sent by every chain of the registry."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import read_image, sample_paths, to_float
from moclink.power import check_received, undo_scale, unit_power
from moclink.presets import chain_names, is_bit_chain
from moclink.types import ChannelState, Header, Transmission

PICTURES = [to_float(read_image(path)[None, 100:196, 60:188]) for path in sample_paths()[:2]]


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


def test_each_image_is_scaled_to_unit_energy_and_back():
    rng = np.random.default_rng(0)
    symbols = (rng.normal(size=(3, 50)) + 1j * rng.normal(size=(3, 50))).astype(np.complex64)
    symbols *= np.float32([[0.1], [1], [30]])
    sent = unit_power(Transmission(symbols, Header(8, 8, (100,) * 3)))
    assert np.allclose(sent.energy, 1, rtol=1e-6)
    peak = np.abs(symbols).max(axis=1) ** 2 / (np.abs(symbols) ** 2).mean(axis=1)
    assert np.allclose(sent.papr_db, 10 * np.log10(peak), atol=1e-4)
    no = np.float32([0.1, 0.2, 0.4])
    back, noise = undo_scale(sent.symbols, no, sent.header)
    assert np.allclose(back, symbols, rtol=1e-5)
    # The ratio of energy and noise variance is that of the channel.
    assert np.allclose((np.abs(back) ** 2).mean(axis=1) / noise, 1 / no, rtol=1e-5)
    each, noise = undo_scale(sent.symbols, np.tile(no[:, None], (1, 50)), sent.header)
    assert np.array_equal(each, back) and noise.shape == (3, 50)


def test_a_silent_transmission_stays_silent():
    silent = Transmission(np.zeros((1, 4), np.complex64), Header(8, 8, (8,)))
    assert not unit_power(silent).symbols.any()


SENT = unit_power(Transmission(np.full((2, 4), 2 + 0j, np.complex64), Header(8, 8, (4, 4))))


@pytest.mark.parametrize(
    ("received", "no", "message"),
    [
        (SENT.symbols[:, :3], [0.1, 0.1], "3 symbols a row, and the transmission of this header 4"),
        (SENT.symbols[0], [0.1], r"received is complex64 \[4\]; complex symbols \[B, S\]"),
        (SENT.symbols.real, [0.1, 0.1], "received is float32"),
        (SENT.symbols * np.nan, [0.1, 0.1], "received holds NaN"),
        (np.ma.masked_array(SENT.symbols), [0.1, 0.1], "received is a masked array; fill"),
        (SENT.symbols, [0.1], r"no \[1\]: one noise variance is wanted for each row"),
        (SENT.symbols, [0.1, 0.0], "no holds what is no noise variance"),
        (SENT.symbols, [0.1, np.inf], "no holds what is no noise variance"),
        (SENT.symbols, ["a", "b"], "no holds what is no noise variance"),
    ],
)
def test_what_was_not_received_is_refused(received, no, message):
    with pytest.raises(ValueError, match=message):
        check_received(received, no, SENT.header)


@pytest.mark.parametrize("header", [None, {"height": 8, "width": 8}, (8, 8)])
def test_what_is_no_header_is_refused(header):
    with pytest.raises(ValueError, match="header is .*; give the header of the transmission"):
        check_received(SENT.symbols, [0.1, 0.1], header)


def test_lists_and_one_number_for_all_are_taken():
    received, no = check_received(SENT.symbols.astype(complex), 0.1, SENT.header)
    assert received.dtype == np.complex64 and np.array_equal(received, SENT.symbols)
    assert no.dtype == np.float32 and np.array_equal(no, np.float32([0.1, 0.1]))
    assert np.array_equal(check_received(SENT.symbols, [0.1, 0.1], SENT.header)[1], no)
