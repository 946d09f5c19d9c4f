"""Properties of all picture codecs: budget, energy, errors foretold, quality over the SNR."""

import numpy as np
import pytest

from moclink.linear import frame
from moclink.linear.side_information import bits_per_symbol
from moclink.linear.softcast import LinearCodec
from moclink.types import ChannelState


@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (31, 33), (64, 200)])
@pytest.mark.parametrize("csi", [None, ChannelState(-3.0), ChannelState(18.0)])
def test_budget_and_energy_are_exact_at_any_size(name, shape, csi, codecs, over_awgn):
    images = np.random.default_rng(2).random((2, *shape, 3)).astype(np.float32)
    codec = codecs[name]
    symbols, header = codec.encode(images, csi)
    assert symbols.dtype == np.complex64
    assert symbols.shape == (2, int(np.ceil(shape[0] * shape[1] / 8)))
    np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2, axis=1), 1, rtol=1e-5)
    assert all(0 <= taken < symbols.shape[1] for taken in header.symbols)
    received, no = over_awgn(symbols, 18.0)
    found = codec.decode(received, no, header)
    assert found.shape == images.shape
    assert found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
def test_flat_pictures(name, value, codecs, over_awgn, psnr):
    images = np.full((1, 64, 64, 3), value, np.float32)
    codec = codecs[name]
    symbols, header = codec.encode(images, ChannelState(10.0))
    np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2), 1, rtol=1e-5)
    received, no = over_awgn(symbols, 10.0)
    assert psnr(codec.decode(received, no, header), images) > 30


def test_header_symbols_are_counted(photo, codecs, models):
    photo = photo[None]
    symbols, header = codecs["linear"].encode(photo, ChannelState(0.0))
    assert header.symbols[0] == int(np.ceil(len(header.bits[0]) / bits_per_symbol(0.0)))
    assert header.symbols[0] < 0.2 * symbols.shape[1]
    parsed = frame.parse_header(models["blocks"], header, 0)
    assert parsed.snr_db == 0.0


@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
def test_quality_rises_with_snr_and_errors_are_foretold(name, photo, codecs, over_awgn, psnr):
    photo = photo[None]
    codec, last = codecs[name], 0.0
    for snr_db in (0.0, 8.0, 16.0):
        symbols, header = codec.encode(photo, ChannelState(snr_db))
        found = codec.estimate(*over_awgn(symbols, snr_db), header)
        quality = psnr(found.images, photo)
        assert quality > last + 0.5
        last = quality
        if name != "softcast":  # whose receiver does not know what was in bands that were not sent
            foretold = -10 * np.log10(found.errors.sum(-1).mean() / 3)
            assert abs(foretold - quality) < 1
        assert found.snr_db[0] == pytest.approx(snr_db, abs=1e-4)


def test_one_picture_may_meet_many_channels(photo, codecs, over_awgn):
    photo = photo[None]
    codec = codecs["octonary"]
    symbols, header = codec.encode(photo, ChannelState(10.0))
    received = np.concatenate([over_awgn(symbols, 10.0, seed)[0] for seed in (1, 2)])
    found = codec.decode(received, np.array([0.1, 0.1]), header)
    np.testing.assert_array_equal(found[1:], codec.decode(received[1:], 0.1, header))
    assert np.any(found[0] != found[1])


def test_blocks_in_classes_beat_whole_picture_bands(photo, codecs, over_awgn, psnr):
    photo = photo[None]
    found = {}
    for name in ("softcast", "linear", "octonary", "hybrid"):
        codec = codecs[name]
        symbols, header = codec.encode(photo, ChannelState(10.0))
        found[name] = psnr(codec.decode(*over_awgn(symbols, 10.0), header), photo)
    assert found["linear"] > found["softcast"] + 0.5
    assert found["octonary"] > found["softcast"] + 0.5
    assert found["hybrid"] > max(found["linear"], found["octonary"])


@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
def test_noise_may_differ_from_symbol_to_symbol(name, photo, codecs, psnr):
    photo = photo[None]
    codec = codecs[name]
    symbols, header = codec.encode(photo, ChannelState(10.0))
    rng = np.random.default_rng(12)
    no = np.where(rng.random(symbols.shape) < 0.2, 2.0, 0.02)
    noise = rng.standard_normal((*symbols.shape, 2)) @ np.array([1, 1j]) * np.sqrt(no / 2)
    aware = psnr(codec.decode(symbols + noise, no, header), photo)
    blind = psnr(codec.decode(symbols + noise, float(no.mean()), header), photo)
    assert aware > blind + 0.3


@pytest.mark.parametrize(
    ("received", "no"),
    [
        (np.zeros((1, 5), np.complex64), 0.1),
        (np.zeros((1, 10_240), np.complex64), 0.0),
        (np.zeros((1, 10_240), np.complex64), np.ones(3)),
    ],
)
def test_bad_input_is_refused(photo, received, no, codecs, models):
    photo = photo[None]
    codec = codecs["linear"]
    _, header = codec.encode(photo)
    with pytest.raises(ValueError, match="shape|no spans"):
        codec.decode(received, no, header)
    with pytest.raises(ValueError, match="csi"):
        codec.encode(photo, ChannelState(np.nan))
    with pytest.raises(ValueError, match="cbr"):
        LinearCodec(models["whole"], 0.0)
