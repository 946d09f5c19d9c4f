"""Codecs written for use, and their quality as it is measured."""

import numpy as np
import pytest
from PIL import Image

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.training.export import export_codec, measure_psnr, open_saved_codec
from moclink.training.validation import picture_psnr


@pytest.fixture
def picture(tmp_path, held_out):
    """A picture file, and its middle 32 x 24 pixels as floats."""
    image = held_out[0]
    Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(tmp_path / "picture.png")
    height, width = image.shape[:2]
    top, left = (height - 32) // 2, (width - 32) // 2
    return tmp_path / "picture.png", image[top : top + 32, left : left + 32]


def test_quality_is_that_of_the_decoded_levels_and_rises_with_the_snr(started, picture):
    path, middle = picture
    figures = measure_psnr(started, [path], snrs=(0, 30), crop=32)
    for levels in (1, 4):
        indices = started.encode(middle[None], levels)[:, :, :, :levels]
        decoded = started.decode(indices, height=32, width=32)[0]
        clean = figures[f"l{levels} without noise"]
        assert clean == pytest.approx(picture_psnr(decoded, middle), abs=0.006)
    for receiver in ("soft", "hard"):
        assert figures[f"l4 0 dB, {receiver}"] < figures[f"l4 30 dB, {receiver}"]
        assert figures[f"l4 30 dB, {receiver}"] == pytest.approx(clean, abs=0.05)
    assert figures["l4 0 dB, hard"] < figures["l4 0 dB, soft"]
    assert measure_psnr(started, [path], snrs=(0, 30), crop=32) == figures  # a seed of its own


def test_both_kinds_are_written_and_opened(started, picture, tmp_path):
    started.save(tmp_path / "semantic", {"stage1": {"steps": 3}})
    AnalogCodec.from_size("toy").save(tmp_path / "analog")
    report = export_codec(
        tmp_path / "semantic", tmp_path / "out", [picture[0]], snrs=(10,), notes={"data": "toy"}
    )
    opened = open_saved_codec(tmp_path / "out")
    assert isinstance(opened, SemanticCodec)
    assert opened.notes == {"stage1": {"steps": 3}, "data": "toy", "psnr": report["psnr"]}
    assert report["parameters"] == opened.network.count_params()
    size = (tmp_path / "out.weights.h5").stat().st_size
    assert report["megabytes"] == pytest.approx(size / 1e6, abs=0.006)
    assert isinstance(open_saved_codec(tmp_path / "analog"), AnalogCodec)
    assert list(measure_psnr(open_saved_codec(tmp_path / "analog"), [picture[0]], (5, 10))) == [
        "5 dB",
        "10 dB",
    ]
    with pytest.raises(ValueError, match=r"none\.json does not exist"):
        open_saved_codec(tmp_path / "none")
