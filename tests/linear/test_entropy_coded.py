"""Pictures as files of entropy-coded blocks."""

import numpy as np
import pytest

from moclink.linear.entropy_coded import COARSEST, FINEST, EntropyCodedBlocks
from moclink.linear.restoration import Restoration


@pytest.fixture(scope="module")
def blocks():
    return EntropyCodedBlocks.load()


def psnr(found, picture):
    return -10 * np.log10(np.mean((np.clip(found, 0, 1) - picture) ** 2))


def test_more_bits_give_a_better_picture(blocks, photo):
    picture = photo[:200, :270]
    analysis = blocks.analyse(picture)
    files = [blocks.encode(analysis, 200, 270, quality) for quality in (120, 180, 240, 320)]
    found = [blocks.decode(data, picture.size) for data in files]
    scores = [psnr(one.images[0], picture) for one in found]
    assert (np.diff([len(data) for data in files]) > 0).all() and (np.diff(scores) > 2).all()
    for one, score in zip(found, scores, strict=True):
        assert one.images.shape == (1, 200, 270, 3) and one.errors.shape == (1, 7, 9, 6)
        assert -10 * np.log10(one.errors.sum(-1).mean() / 3) == pytest.approx(score, abs=1.5)


def test_the_network_improves_it(blocks, photo):
    picture = photo[:224, :288]
    found = blocks.decode(blocks.encode(blocks.analyse(picture), 224, 288, 190), picture.size)
    restored = Restoration.load()(found)[0]
    assert psnr(restored, picture) > psnr(found.images[0], picture) + 0.3


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (33, 31), (64, 129)])
@pytest.mark.parametrize("quality", [COARSEST, 200, FINEST])
def test_any_size_at_any_quality(blocks, shape, quality, photo):
    picture = photo[: shape[0], : shape[1]]
    data = blocks.encode(blocks.analyse(picture), *shape, quality)
    assert data == blocks.encode(blocks.analyse(picture), *shape, quality)
    found = blocks.decode(data, picture.size)
    assert found.images.shape == (1, *picture.shape) and np.isfinite(found.images).all()
    if quality == FINEST:
        assert psnr(found.images[0], picture) > 55


def test_damage_and_size_are_noticed(blocks, photo):
    picture = photo[:40, :60]
    data = blocks.encode(blocks.analyse(picture), 40, 60, 200)
    for position in (0, len(data) // 2, len(data) - 1):
        broken = bytearray(data)
        broken[position] ^= 4
        with pytest.raises(ValueError, match="damaged"):
            blocks.decode(bytes(broken), 10**6)
    for length in (0, 3, len(data) - 1):
        with pytest.raises(ValueError, match="damaged"):
            blocks.decode(data[:length], 10**6)
    with pytest.raises(ValueError, match="60x40 pixels"):
        blocks.decode(data, 40 * 60 - 1)
