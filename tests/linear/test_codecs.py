"""Codecs of pictures: frames, budgets, side information and the quality that theory promises."""

from dataclasses import dataclass

import numpy as np
import pytest

from moclink.images import read_image, sample_paths
from moclink.linear import allocation, frame
from moclink.linear.analog_code import with_analog
from moclink.linear.classes import ClassModel
from moclink.linear.classified_blocks import ClassifiedBlocks
from moclink.linear.codebooks import CodebookGrid
from moclink.linear.octonary import OctonaryCodec, deal
from moclink.linear.side_information import bits_per_symbol, total_symbols
from moclink.linear.softcast import LinearCodec
from moclink.linear.source_models import Description
from moclink.linear.whole_picture import WholePictureBands

CLASSES = ClassModel.load()
GRID = CodebookGrid.load()
MODELS = {"whole": WholePictureBands(), "blocks": ClassifiedBlocks(CLASSES)}


@dataclass(frozen=True)
class Told:
    snr_db: float


def codecs(cbr=1 / 24):
    return {
        "softcast": LinearCodec(MODELS["whole"], cbr),
        "linear": LinearCodec(MODELS["blocks"], cbr, laplacian=True),
        "octonary": OctonaryCodec(MODELS["blocks"], cbr, GRID),
        "hybrid": OctonaryCodec(MODELS["blocks"], cbr, with_analog(GRID)),
    }


@pytest.fixture(scope="module")
def photo():
    pixels = read_image(sample_paths()[0])
    return pixels[None, :256, :320].astype(np.float32) / 255


def over_awgn(symbols, snr_db, seed=0):
    no = 10 ** (-snr_db / 10)
    noise = np.random.default_rng(seed).standard_normal((*symbols.shape, 2)) @ np.array([1, 1j])
    return symbols + noise * np.sqrt(no / 2), no


def psnr(a, b):
    return -10 * np.log10(max(np.mean((a - b) ** 2), 1e-12))


@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (31, 33), (64, 200)])
@pytest.mark.parametrize("csi", [None, Told(-3.0), Told(18.0)])
def test_budget_and_energy_are_exact_at_any_size(name, shape, csi):
    images = np.random.default_rng(2).random((2, *shape, 3)).astype(np.float32)
    codec = codecs()[name]
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
def test_flat_pictures(name, value):
    images = np.full((1, 64, 64, 3), value, np.float32)
    codec = codecs()[name]
    symbols, header = codec.encode(images, Told(10.0))
    np.testing.assert_allclose(np.mean(np.abs(symbols) ** 2), 1, rtol=1e-5)
    received, no = over_awgn(symbols, 10.0)
    assert psnr(codec.decode(received, no, header), images) > 30


@pytest.mark.parametrize("model", ["whole", "blocks"])
def test_levels_follow_from_the_bits(model, photo):
    for snr_db in (-5.0, 10.0, None):
        description = MODELS[model].describe(photo[0], 20_000, snr_db)
        layout, bits = MODELS[model].select(description.bits)
        found = layout.levels(bits, *photo.shape[1:3])
        assert np.array_equal(found, description.levels)


def test_header_symbols_are_counted(photo):
    symbols, header = codecs()["linear"].encode(photo, Told(0.0))
    assert header.symbols[0] == int(np.ceil(len(header.bits[0]) / bits_per_symbol(0.0)))
    assert header.symbols[0] < 0.2 * symbols.shape[1]
    opened = frame.open_header(MODELS["blocks"], header, 0)
    assert opened.snr_db == 0.0


def test_price_of_side_information():
    assert bits_per_symbol(-5.0) == pytest.approx(np.log2(1 + 10**-0.75))
    assert bits_per_symbol(None) == bits_per_symbol(-5.0)
    assert bits_per_symbol(30.0) == 2
    assert total_symbols(1, 1, 1 / 24) == 1
    assert total_symbols(768, 1008, 1 / 24) == 96_768


@pytest.mark.parametrize("told", [True, False])
def test_softcast_reaches_its_closed_form_on_gaussian_data(told):
    rng = np.random.default_rng(9)
    levels = rng.integers(-60, 20, 30_000).astype(np.int16)
    variance = allocation.variance_of(levels)
    uses, snr_db = 12_000, 7.0
    snr = 10 ** (snr_db / 10)
    codec = codecs()["softcast"]
    x = (rng.standard_normal(30_000) * np.sqrt(variance)).astype(np.float32)
    axes = codec._modulate(
        Description(x, levels, np.zeros(0, np.uint8)), uses, snr_db if told else None
    )
    assert np.sum(axes**2) == pytest.approx(uses / 2, rel=0.05)
    received = axes + rng.standard_normal(len(axes)) * np.sqrt(0.5 / snr)
    opened = frame.Opened(1.0, snr_db if told else None, levels, MODELS["whole"])
    padded = np.r_[received, np.zeros(uses - len(received))]
    chosen, values, errors = codec._estimate(opened, padded, np.full(uses, 0.5 / snr))
    estimate = np.zeros(30_000)
    estimate[chosen] = values
    squared = (x - estimate) ** 2
    unsent = np.setdiff1d(np.arange(30_000), chosen)
    expected = errors.sum() + variance[unsent].sum()
    spread = np.sqrt(2 * (np.sum(errors**2) + np.sum(variance[unsent] ** 2)))  # of a sum of squares
    assert abs(squared.sum() - expected) < 5 * spread
    if told:
        assert expected == pytest.approx(allocation.linear_distortion(levels, uses, snr), rel=1e-9)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_octonary_levels_reach_their_expected_distortion(snr_db):
    rng = np.random.default_rng(10)
    levels = np.sort(rng.integers(-60, 30, 40_000)).astype(np.int16)
    variance, uses = allocation.variance_of(levels), 15_000
    codec = codecs()["octonary"]
    x = (rng.laplace(scale=np.sqrt(0.5), size=40_000) * np.sqrt(variance)).astype(np.float32)
    axes = codec._modulate(Description(x, levels, np.zeros(0, np.uint8)), uses, snr_db)
    assert uses - 8 <= len(axes) <= uses
    assert np.sum(axes**2) == pytest.approx(uses / 2, rel=0.05)
    noise = 0.5 * 10 ** (-snr_db / 10)
    received = np.zeros(uses)
    received[: len(axes)] = axes
    received += rng.standard_normal(uses) * np.sqrt(noise)
    chosen, values, errors = codec._estimate(
        frame.Opened(1.0, snr_db, levels, MODELS["blocks"]), received, np.full(uses, noise)
    )
    estimate = np.zeros(40_000)
    estimate[chosen] = values
    found = np.sum((x - estimate)[chosen] ** 2)
    assert found == pytest.approx(errors.sum(), rel=0.1)


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 30.0])
@pytest.mark.parametrize("uses", [1, 10, 3_000])
def test_a_deal_keeps_within_the_uses(snr_db, uses):
    levels = np.random.default_rng(11).integers(-40, 60, 2_000).astype(np.int16)
    runs = deal(levels, uses, snr_db, GRID)
    last = 0
    for run in runs:
        assert run.first == last
        last += len(run.coefficients) * GRID.shapes[run.shape][1]
    assert last <= uses
    chosen = np.concatenate([run.coefficients.ravel() for run in runs]) if runs else np.zeros(0)
    assert len(np.unique(chosen)) == len(chosen)


@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
def test_quality_rises_with_snr_and_errors_are_foretold(name, photo):
    codec, last = codecs()[name], 0.0
    for snr_db in (0.0, 8.0, 16.0):
        symbols, header = codec.encode(photo, Told(snr_db))
        found = codec.estimate(*over_awgn(symbols, snr_db), header)
        quality = psnr(found.images, photo)
        assert quality > last + 0.5
        last = quality
        if name != "softcast":  # whose receiver does not know what was in bands that were not sent
            foretold = -10 * np.log10(found.errors.sum(-1).mean() / 3)
            assert abs(foretold - quality) < 1
        assert found.snr_db[0] == pytest.approx(snr_db, abs=1e-4)


def test_one_picture_may_meet_many_channels(photo):
    codec = codecs()["octonary"]
    symbols, header = codec.encode(photo, Told(10.0))
    received = np.concatenate([over_awgn(symbols, 10.0, seed)[0] for seed in (1, 2)])
    found = codec.decode(received, np.array([0.1, 0.1]), header)
    np.testing.assert_array_equal(found[1:], codec.decode(received[1:], 0.1, header))
    assert np.any(found[0] != found[1])


def test_blocks_in_classes_beat_whole_picture_bands(photo):
    found = {}
    for name in ("softcast", "linear", "octonary", "hybrid"):
        codec = codecs()[name]
        symbols, header = codec.encode(photo, Told(10.0))
        found[name] = psnr(codec.decode(*over_awgn(symbols, 10.0), header), photo)
    assert found["linear"] > found["softcast"] + 0.5
    assert found["octonary"] > found["softcast"] + 0.5
    assert found["hybrid"] > max(found["linear"], found["octonary"])


@pytest.mark.parametrize("name", ["softcast", "linear", "octonary", "hybrid"])
def test_noise_may_differ_from_symbol_to_symbol(name, photo):
    codec = codecs()[name]
    symbols, header = codec.encode(photo, Told(10.0))
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
def test_bad_input_is_refused(photo, received, no):
    codec = codecs()["linear"]
    _, header = codec.encode(photo)
    with pytest.raises(ValueError, match="shape|no spans"):
        codec.decode(received, no, header)
    with pytest.raises(ValueError, match="csi"):
        codec.encode(photo, Told(np.nan))
    with pytest.raises(ValueError, match="cbr"):
        LinearCodec(MODELS["whole"], 0.0)
