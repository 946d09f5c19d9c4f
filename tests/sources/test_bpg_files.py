"""BPG as a file codec: rate below whole qp, pictures it cannot hold, damage to the header."""

import numpy as np
import pytest

from moclink import bpg
from moclink.images import read_image, sample_paths
from moclink.presets import FILE_CODECS
from moclink.sources.bpg_files import BPG, BPG444
from moclink.sources.limits import FileCodecError
from moclink.sources.rate import fit_quality


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(sample_paths()[0])[60:188, 100:292]


def test_qualities_are_quarters_of_qp_from_coarse_to_fine():
    assert BPG.qualities[:5] == (51, 50.75, 50.5, 50.25, 50)
    assert BPG.qualities[-6:] == (3.5, 3.25, 3, 2, 1, 0)
    assert all(
        coarse > fine for coarse, fine in zip(BPG.qualities, BPG.qualities[1:], strict=False)
    )
    whole = [quality for quality in BPG.qualities if quality == int(quality)]
    assert whole == list(range(51, -1, -1)) and all(isinstance(quality, int) for quality in whole)


def test_quarters_of_qp_use_more_of_the_budget(photo):
    """Over eleven budgets, whole qp leave more than twice as much unused."""
    files = {
        quality: BPG.encode_file(photo, quality) for quality in BPG.qualities if 28 <= quality <= 38
    }
    fine = list(files)
    coarse = [quality for quality in fine if quality == int(quality)]
    largest = 8 * len(files[30])
    unused = []
    for budget in np.geomspace(0.6 * largest, largest, 11).astype(int):
        fits = [
            fit_quality("bpg", files.__getitem__, qualities, budget)[1]
            for qualities in (coarse, fine)
        ]
        assert all(fit.fits for fit in fits)
        unused.append([1 - fit.file_bits / budget for fit in fits])
    whole, quarters = np.mean(unused, axis=0)
    assert quarters < whole / 2


def test_a_fraction_of_qp_comes_back_through_the_codec(photo):
    codec = BPG444
    data, fit = fit_quality(
        codec.name, lambda q: codec.encode_file(photo, q), (36, 35.5, 35), 10**6
    )
    assert fit.quality == 35
    assert (
        bpg.read_info(data).chroma == "444"
        and codec.decode_file(data, photo.size).shape == photo.shape
    )


@pytest.mark.parametrize("codec", [BPG, BPG444], ids=lambda codec: codec.name)
def test_a_picture_beyond_8192_pixels_is_refused(codec):
    assert codec.limit_problem(300, 8192) is None
    problem = codec.limit_problem(300, 9000)
    assert problem == f"{codec.name} takes sides of at most 8192 pixels: the picture has 9000 x 300"
    with pytest.raises(FileCodecError) as caught:
        codec.encode_file(np.zeros((300, 9000, 3), np.uint8), 40)
    assert str(caught.value) == problem


def test_both_chroma_formats_are_registered():
    assert FILE_CODECS["bpg"][1] == "BPG" and FILE_CODECS["bpg444"][1] == "BPG444"


@pytest.mark.parametrize(
    ("at", "value"),
    [(4, 0x22), (4, 0x40), (4, 0x30), (5, 0x04), (5, 0x01)],
    ids=["10 bits", "4:2:2", "alpha", "CMYK", "animation"],
)
def test_a_header_that_is_never_sent_gives_no_picture(photo, at, value):
    data = bytearray(BPG.encode_file(photo, 40))
    data[at] = value
    with pytest.raises(ValueError, match="not what was sent"):
        BPG.decode_file(bytes(data), photo.size)


def test_a_truncated_file_gives_what_the_decoder_shows(photo):
    data = BPG.encode_file(photo, 30)
    whole, cut = (BPG.decode_file(part, photo.size) for part in (data, data[: len(data) * 3 // 4]))
    assert cut.shape == whole.shape and not np.array_equal(cut, whole)
    assert np.array_equal(cut[:32], whole[:32])  # what was received is shown
