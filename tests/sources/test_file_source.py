"""File codecs under a bit budget: budgets met, damaged files, files of another size."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.sources.bpg_files import BPG, BPG444
from moclink.sources.file_source import FileSource, fit_file
from moclink.sources.pillow_codecs import AVIF, JPEG, JPEG2000, WEBP
from moclink.sources.rate import semantic_bits
from moclink.types import Demodulated


def llrs(values) -> Demodulated:
    return Demodulated(np.float32(values), np.full(len(values), 0.1, np.float32))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return to_float(read_image(sample_paths()[0])[None, 60:188, 100:292])


@pytest.mark.parametrize("codec", [JPEG, BPG, BPG444, WEBP, AVIF, JPEG2000], ids=lambda c: c.name)
def test_codecs_use_their_budget_and_come_back(codec, photo):
    budget = semantic_bits(*photo.shape[1:3])
    source = FileSource(codec, lambda height, width, csi: budget)
    payload = source.encode(photo)
    fit = payload.rate_fits[0]
    assert fit.fits and payload.indices.shape == (1, fit.file_bits)
    finer = codec.qualities[min(codec.qualities.index(fit.quality) + 1, len(codec.qualities) - 1)]
    assert (
        8 * len(codec.encode_file(np.rint(photo[0] * 255).astype(np.uint8), finer)) > budget
        or finer == fit.quality
    )
    decoded = source.decode(llrs(2.0 * payload.indices - 1), payload.header)
    assert decoded.ok.all()
    assert psnr(decoded.images, photo)[0] > 23


def test_an_impossible_budget_is_declared(photo):
    data, fit = fit_file(JPEG, photo[0], 100)
    assert not fit.fits and fit.quality == 1 and fit.file_bits == 8 * len(data) > 100


@pytest.mark.parametrize("codec", [JPEG, BPG, BPG444, WEBP, AVIF, JPEG2000], ids=lambda c: c.name)
def test_damaged_files_give_a_picture_or_an_outage(codec, photo):
    source = FileSource(codec, lambda height, width, csi: 20_000)
    payload = source.encode(photo)
    rng = np.random.default_rng(1)
    bits = np.repeat(payload.indices, 60, 0)
    for row, rate in enumerate(np.geomspace(1e-5, 0.5, 60)):
        bits[row] ^= (rng.random(bits.shape[1]) < rate).astype(np.uint8)
    decoded = source.decode(llrs(2.0 * bits - 1), payload.header)
    assert np.isfinite(decoded.images).all()
    assert decoded.images.min() >= 0 and decoded.images.max() <= 1
    assert decoded.ok[0] and not decoded.ok[-1]
    assert (decoded.images[~decoded.ok] == 0.5).all()


def test_a_file_of_another_size_is_an_outage(photo):
    source = FileSource(JPEG, lambda height, width, csi: 20_000)
    payload = source.encode(photo[:, :64, :64])
    wrong = payload.header.__class__(128, 192, payload.header.lengths)
    decoded = source.decode(llrs(2.0 * payload.indices - 1), wrong)
    assert not decoded.ok[0] and decoded.images.shape == (1, 128, 192, 3)


def test_a_file_over_budget_is_an_outage_of_the_budgets_length(photo):
    batch = np.concatenate([photo, np.full_like(photo, 0.5)])  # a grey picture needs few bits
    budget = 8 * len(JPEG.encode_file(np.full(photo.shape[1:], 128, np.uint8), 1)) + 8
    source = FileSource(JPEG, lambda height, width, csi: budget)
    payload = source.encode(batch)
    assert payload.header.fits == (False, True) and payload.header.lengths[0] == budget // 8 * 8
    decoded = source.decode(llrs(2.0 * payload.indices - 1), payload.header)
    assert decoded.ok.tolist() == [False, True]
    assert (decoded.images[0] == 0.5).all()


def test_a_picture_that_the_format_cannot_hold_is_an_outage_with_its_reason():
    source = FileSource(WEBP, lambda height, width, csi: 20_001)
    payload = source.encode(np.zeros((1, 16, 17_000, 3), np.float32))
    (fit,) = payload.rate_fits
    assert not fit.fits and fit.problem.startswith("webp takes sides of at most 16383 pixels")
    assert payload.indices.shape == (1, 20_000)  # symbols as of any other picture of this budget
    decoded = source.decode(llrs(2.0 * payload.indices - 1), payload.header)
    assert decoded.ok.tolist() == [False] and (decoded.images == 0.5).all()
