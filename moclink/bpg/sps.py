"""HEVC's VPS and SPS, which a BPG file leaves out: writing them for the decoder, reading the encoder's.

References:
    BPG specification 0.9.5, 3.2 (`hevc_data`). ITU-T H.265, 7.3.2.1 (VPS), 7.3.2.2 (SPS), 7.3.3
    (profile, tier and level).
"""

from __future__ import annotations

from .bits import BitReader, BitWriter
from .errors import CorruptBpgError
from .sequence import SequenceParameters, write_blocks, write_extension, write_pcm

CHROMA_FORMAT_IDC = {"gray": 0, "420": 1, "422": 2, "444": 3}
_PROFILE_RANGE_EXTENSIONS = 4
_LEVEL_8_5 = 255  # the level of no limits


def write_parameter_sets(
    sequence: SequenceParameters, height: int, width: int, chroma: str, bit_depth: int = 8
) -> list[bytes]:
    """Regenerate the VPS and the SPS that an HEVC decoder needs before the picture.

    Args:
        sequence: Sequence parameters of the file.
        height: Coded height, a multiple of the minimum coding block.
        width: Coded width, a multiple of the minimum coding block.
        chroma: "gray", "420", "422" or "444".
        bit_depth: Bits a sample, 8 to 14.

    Returns:
        The two NAL units, with emulation prevention, without start codes.
    """
    vps = BitWriter()
    vps.u(4, 0)  # vps_video_parameter_set_id
    vps.u(2, 3)  # base layer internal, available
    vps.u(6, 0)  # vps_max_layers_minus1
    vps.u(3, 0)  # vps_max_sub_layers_minus1
    vps.u(1, 1)  # vps_temporal_id_nesting_flag
    vps.u(16, 0xFFFF)
    _write_profile(vps)
    _write_buffering(vps)
    vps.u(6, 0)  # vps_max_layer_id
    vps.ue(0)  # vps_num_layer_sets_minus1
    vps.u(1, 0)  # vps_timing_info_present_flag
    vps.u(1, 0)  # vps_extension_flag
    sps = BitWriter()
    sps.u(4, 0)  # sps_video_parameter_set_id
    sps.u(3, 0)  # sps_max_sub_layers_minus1
    sps.u(1, 1)  # sps_temporal_id_nesting_flag
    _write_profile(sps)
    sps.ue(0)  # sps_seq_parameter_set_id
    sps.ue(CHROMA_FORMAT_IDC[chroma])
    if chroma == "444":
        sps.u(1, 0)  # separate_colour_plane_flag
    sps.ue(width)
    sps.ue(height)
    sps.u(1, 0)  # conformance_window_flag
    sps.ue(bit_depth - 8)  # bit_depth_luma_minus8
    sps.ue(bit_depth - 8)  # bit_depth_chroma_minus8
    sps.ue(4)  # log2_max_pic_order_cnt_lsb_minus4
    _write_buffering(sps)
    write_blocks(sps, sequence)
    sps.ue(sequence.max_depth_intra)  # max_transform_hierarchy_depth_inter
    sps.ue(sequence.max_depth_intra)
    sps.u(1, 0)  # scaling_list_enabled_flag
    sps.u(1, 1)  # amp_enabled_flag
    sps.u(1, sequence.sao)
    write_pcm(sps, sequence)
    sps.ue(0)  # num_short_term_ref_pic_sets
    sps.u(1, 0)  # long_term_ref_pics_present_flag
    sps.u(1, 1)  # sps_temporal_mvp_enabled_flag
    sps.u(1, sequence.strong_intra_smoothing)
    sps.u(1, 0)  # vui_parameters_present_flag
    write_extension(sps, sequence)
    return [b"\x40\x01" + _finish(vps), b"\x42\x01" + _finish(sps)]


def _write_profile(writer: BitWriter) -> None:
    writer.u(8, _PROFILE_RANGE_EXTENSIONS)  # profile space 0, main tier
    writer.u(32, 1 << (31 - _PROFILE_RANGE_EXTENSIONS))
    writer.u(4, 0b1001)  # progressive, frames only
    writer.u(44, 0)
    writer.u(8, _LEVEL_8_5)


def _write_buffering(writer: BitWriter) -> None:
    writer.u(1, 1)  # sub_layer_ordering_info_present_flag
    for _ in range(3):  # one picture buffer, no reordering, no latency limit
        writer.ue(0)


def _finish(writer: BitWriter) -> bytes:
    """Close a raw byte sequence with its stop bit and add emulation prevention."""
    writer.u(1, 1)
    out = bytearray()
    zeros = 0
    for byte in writer.to_bytes():
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def read_sps(
    nal: bytes, height: int, width: int, chroma: str, bit_depth: int = 8
) -> SequenceParameters:
    """Read an encoder's SPS and check that a BPG file can carry it.

    Args:
        nal: The NAL unit, with emulation prevention, without start code.
        height: Coded height that the SPS must state.
        width: Coded width that the SPS must state.
        chroma: Chroma format that the SPS must state.
        bit_depth: Bits a sample that the SPS must state.

    Returns:
        The fields that go into the file.

    Raises:
        CorruptBpgError: If the SPS states what the decoder would not regenerate.
    """
    reader = BitReader(nal[2:].replace(b"\0\0\3", b"\0\0"))
    stated = _read_format(reader, height, width, chroma, bit_depth)
    _skip_buffering(reader)
    log2_min_cb = 3 + reader.ue("min coding block", 3)
    log2_ctb = log2_min_cb + reader.ue("coding tree block", 3)
    log2_min_tb = 2 + reader.ue("min transform block", 3)
    log2_max_tb = log2_min_tb + reader.ue("max transform block", 3)
    reader.ue("max_transform_hierarchy_depth_inter", 4)
    depth = reader.ue("max_transform_hierarchy_depth_intra", 4)
    stated.append(("scaling_list_enabled_flag", reader.u(1), 0))
    stated.append(("amp_enabled_flag", reader.u(1), 1))
    sao = bool(reader.u(1))
    stated += [
        ("pcm_enabled_flag", reader.u(1), 0),
        ("num_short_term_ref_pic_sets", reader.ue("num_short_term_ref_pic_sets", 64), 0),
        ("long_term_ref_pics_present_flag", reader.u(1), 0),
        ("sps_temporal_mvp_enabled_flag", reader.u(1), 1),
    ]
    strong = bool(reader.u(1))
    wrong = [f"{name} {value}" for name, value, wanted in stated if value != wanted]
    if wrong:
        raise CorruptBpgError(
            f"the encoder's SPS has {', '.join(wrong)}: a BPG file cannot carry that"
        )
    return SequenceParameters(log2_min_cb, log2_ctb, log2_min_tb, log2_max_tb, depth, sao, strong)


def _read_format(
    reader: BitReader, height: int, width: int, chroma: str, bit_depth: int
) -> list[tuple[str, int, int]]:
    """Read all before the buffering: fields by name, as stated and as the decoder regenerates them."""
    reader.u(4)
    layers = reader.u(3)
    reader.u(1 + 88 + 8)  # temporal nesting; profile; level: without effect on decoding
    stated = [("sub-layers", layers, 0), ("SPS id", reader.ue("SPS id", 15), 0)]
    chroma_format = reader.ue("chroma_format_idc", 3)
    stated.append(("chroma_format_idc", chroma_format, CHROMA_FORMAT_IDC[chroma]))
    if chroma_format == 3:
        stated.append(("separate_colour_plane_flag", reader.u(1), 0))
    stated += [
        ("width", reader.ue("width", 1 << 17), width),
        ("height", reader.ue("height", 1 << 17), height),
        ("conformance_window_flag", reader.u(1), 0),
        ("bit_depth_luma_minus8", reader.ue("bit depth", 8), bit_depth - 8),
        ("bit_depth_chroma_minus8", reader.ue("bit depth", 8), bit_depth - 8),
    ]
    latest = reader.ue("log2_max_pic_order_cnt_lsb", 12)
    return [*stated, ("log2_max_pic_order_cnt_lsb_minus4", latest, 4)]


def _skip_buffering(reader: BitReader) -> None:
    """Read over what `_write_buffering` writes, without effect on a single picture."""
    reader.u(1)
    for name in ("pictures buffered", "pictures reordered", "latency"):
        reader.ue(name, 1 << 16)
