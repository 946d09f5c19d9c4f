from fractions import Fraction

import av
import numpy as np
import pytest

from moclink.bpg import CorruptBpgError, color, hevc
from moclink.bpg.container import read_info, read_picture
from moclink.bpg.nal import split_nals
from moclink.bpg.sps import read_sps

PPS, IDR_SLICES, SEI_SUFFIX = 34, (19, 20), 40


def nals_of(hevc_data: bytes) -> list[bytes]:
    return split_nals(b"\0\0\1" + hevc_data)


def types_of(hevc_data: bytes) -> list[int]:
    return [nal[0] >> 1 for nal in nals_of(hevc_data)]


def parts(vector) -> tuple:
    picture = read_picture(vector.data, read_info(vector.data), strict=True)
    return nals_of(picture.hevc_data), picture.sequence, *vector.source.shape[:2], vector.chroma


@pytest.mark.parametrize("chroma", ["gray", "420", "444"])
@pytest.mark.parametrize("md5", [False, True])
def test_encoder_gives_pps_slice_and_hash_alone(smooth, chroma, md5):
    half = (24, 36) if chroma == "420" else (48, 72)
    image = smooth(48, 72, 0)
    planes = [image[:, :, 0], *([] if chroma == "gray" else [image[: half[0], : half[1], 1]] * 2)]
    sequence, hevc_data = hevc.encode_planes(planes, chroma, 30, "ultrafast", md5)
    found = types_of(hevc_data)
    assert found[0] == PPS and found[1] in IDR_SLICES and found[2:] == [SEI_SUFFIX] * md5
    assert sequence.coded_size(48, 72) == (48, 72)
    decoded = hevc.decode_planes(nals_of(hevc_data), sequence, 48, 72, chroma, strict=True)
    assert [plane.shape for plane in decoded] == [plane.shape for plane in planes]
    for ours, theirs in zip(decoded, planes, strict=True):
        # The quantiser's step at qp 30 is 0.625 * 2 ** (30 / 6) = 20, its mean error at most a
        # quarter.
        assert np.abs(ours.astype(int) - theirs).mean() < 5


def test_parameter_sets_and_marks_inside_the_data_are_dropped(small_vector):
    nals, *rest = parts(small_vector)
    clean = hevc.decode_planes(nals, *rest, strict=False)
    for kind in (
        32,
        33,
        35,
        36,
        37,
        38,
        63,
    ):  # VPS, SPS, delimiter, end of sequence, end of stream, filler, free
        forged = [*nals, bytes([kind << 1, 1]) + b"\xaa" * 9]
        for ours, wanted in zip(
            hevc.decode_planes(forged, *rest, strict=False), clean, strict=True
        ):
            np.testing.assert_array_equal(ours, wanted)
        with pytest.raises(CorruptBpgError, match="other than PPS"):
            hevc.decode_planes(forged, *rest, strict=True)


def test_work_is_bounded(small_vector):
    (pps, idr), *rest = parts(small_vector)
    with pytest.raises(CorruptBpgError, match="65 PPS"):
        hevc.decode_planes([pps] * 65 + [idr], *rest, strict=False)
    slices = hevc.MAX_SLICE_WORK // 64**2 + 1
    with pytest.raises(CorruptBpgError, match=f"{slices} slices"):
        hevc.decode_planes([pps] + [idr[:4]] * slices, *rest, strict=False)


def test_no_slice_and_no_picture_are_errors(small_vector):
    (pps, idr), *rest = parts(small_vector)
    for broken in ([], [pps], [pps, b"\x26\x01"], [idr], [pps, b"\x26\x01\x80"]):
        with pytest.raises(CorruptBpgError):
            hevc.decode_planes(broken, *rest, strict=False)


def test_damaged_slices_decode_the_same_every_time(vector):
    """FFmpeg reads behind the end of a cut slice; what it finds there must not depend on chance."""
    (pps, idr), *rest = parts(vector)
    cut = [pps, idr[: len(idr) * 2 // 3]]
    first = [plane.copy() for plane in hevc.decode_planes(cut, *rest, strict=False)]
    for length in (10, 1000, 5000):
        clutter = [np.full(length, 255 - k, np.uint8).tobytes() for k in range(50)]
        again = hevc.decode_planes(cut, *rest, strict=False)
        del clutter
        for ours, wanted in zip(again, first, strict=True):
            np.testing.assert_array_equal(ours, wanted)


@pytest.mark.parametrize("long", [33, 4096, 4097, 8192])
@pytest.mark.parametrize("short", [1, 8, 9, 16, 17, 24, 31, 32, 33, 64])
def test_padding_asks_for_no_more_padding(short, long):
    for size in ((short, long), (long, short)):
        coded = hevc.coded_size(*size)
        assert hevc.coded_size(*coded) == coded
        assert all(0 <= padded - side < 32 for padded, side in zip(coded, size, strict=True))


TOOLS = [
    "lossless=1",
    "slices=2",
    "wpp=1:pools=2",
    "tskip=1",
    "sao=0:deblock=0",
    "cbqpoffs=3:crqpoffs=-4",
]


@pytest.mark.parametrize("tools", TOOLS)
@pytest.mark.parametrize("chroma", ["gray", "420", "444"])
def test_tools_that_other_encoders_use(smooth, chroma, tools):
    """The samples match the MD5 that libx265 wrote, and in lossless mode the source."""
    planes = color.to_planes(smooth(128, 256, 2), chroma)
    context = av.CodecContext.create("libx265", "w")
    context.width, context.height, context.time_base = 256, 128, Fraction(1, 25)
    context.pix_fmt = {"gray": "gray", "420": "yuv420p", "444": "yuv444p"}[chroma]
    fixed = (
        "qp=30:keyint=1:bframes=0:repeat-headers=1:info=0:log-level=none:"
        "amp=1:rect=1:frame-threads=1:hash=1:"
    )
    context.options = {"preset": "medium", "x265-params": fixed + tools}
    packets = context.encode(hevc.to_frame(planes, chroma)) + context.encode(None)
    nals = hevc.split_nals(b"".join(bytes(packet) for packet in packets))
    sequence = next(read_sps(nal, 128, 256, chroma) for nal in nals if nal[0] >> 1 == 33)
    hevc_data = b"\0\0\1".join(nal for nal in nals if nal[0] >> 1 not in (32, 33))
    decoded = hevc.decode_planes(nals_of(hevc_data), sequence, 128, 256, chroma, strict=True)
    assert types_of(hevc_data).count(SEI_SUFFIX) == 1
    if tools == "lossless=1":
        for ours, wanted in zip(decoded, planes, strict=True):
            np.testing.assert_array_equal(ours, wanted)
