import av
import pytest

from moclink.bpg import CorruptBpgError
from moclink.bpg.sequence import SequenceParameters
from moclink.bpg.sps import read_sps, write_parameter_sets

SEQUENCES = (
    SequenceParameters(3, 6, 2, 5, 0, True, True),
    SequenceParameters(4, 4, 2, 4, 2, False, True),
    SequenceParameters(3, 5, 2, 5, 3, True, False),
)


@pytest.mark.parametrize("chroma", ["gray", "420", "444"])
@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (64, 2048), (1408, 2048)])
def test_reads_what_it_writes(sequence, chroma, height, width):
    vps, sps = write_parameter_sets(sequence, height, width, chroma)
    assert (vps[0] >> 1, sps[0] >> 1) == (32, 33)
    assert read_sps(sps, height, width, chroma) == sequence
    for nal in (vps, sps):  # emulation prevention: no start code inside
        assert b"\0\0\0" not in nal and b"\0\0\1" not in nal and b"\0\0\2" not in nal


@pytest.mark.parametrize("chroma", ["gray", "420", "444"])
def test_ffmpeg_reads_the_same(chroma):
    """FFmpeg's own parser finds the size and the format."""
    nals = write_parameter_sets(SEQUENCES[0], 1408, 2048, chroma)
    context = av.CodecContext.create("hevc", "r")
    context.extradata = b"".join(b"\0\0\0\1" + nal for nal in nals)
    context.open()
    assert (context.height, context.width) == (1408, 2048)
    assert context.pix_fmt == {"gray": "gray", "420": "yuv420p", "444": "yuv444p"}[chroma]


@pytest.mark.parametrize("bit_depth", [8, 9, 10, 12])
@pytest.mark.parametrize(("chroma", "name"), [("gray", "gray"), ("422", "yuv422p")])
def test_ffmpeg_reads_the_bit_depth(chroma, name, bit_depth):
    nals = write_parameter_sets(SEQUENCES[0], 64, 64, chroma, bit_depth)
    context = av.CodecContext.create("hevc", "r")
    context.extradata = b"".join(b"\0\0\0\1" + nal for nal in nals)
    context.open()
    assert context.pix_fmt == name + (f"{bit_depth}le" if bit_depth > 8 else "")


def test_refuses_an_sps_that_a_file_cannot_carry():
    sps = write_parameter_sets(SEQUENCES[0], 64, 64, "420")[1]
    with pytest.raises(CorruptBpgError, match="width 64"):
        read_sps(sps, 64, 72, "420")
    with pytest.raises(CorruptBpgError, match="chroma_format_idc 1"):
        read_sps(sps, 64, 64, "gray")
