"""The BPG file: what stands around the coded picture.

    magic | format, flags | width | height | data length | [extensions] | sequence parameters | HEVC
    data

Every field is checked against its legal range before it is used, so that a damaged header costs an
error and nothing else.

References:
    BPG specification 0.9.5, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from .bits import read_ue7, write_ue7
from .errors import CorruptBpgError, UnsupportedBpgError
from .sequence import SequenceParameters, read_sequence, write_sequence

MAGIC = b"BPG\xfb"
CHROMA_NAMES = {0: "gray", 1: "420", 2: "422", 3: "444", 4: "420-mpeg2", 5: "422-mpeg2"}
PIXEL_FORMATS = {name: number for number, name in CHROMA_NAMES.items()}
ENCODED_CHROMA = ("gray", "420", "444")
DECODED_BIT_DEPTHS = (8, 9, 10, 12)  # what FFmpeg's HEVC decoder has
COLOR_SPACES = {0: "ycbcr-bt601", 1: "rgb", 2: "ycgco", 3: "ycbcr-bt709", 4: "ycbcr-bt2020"}


@dataclass(frozen=True)
class BpgInfo:
    """What a BPG file says of itself.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        chroma: "gray", "420", "422", "444", "420-mpeg2" or "422-mpeg2".
        bit_depth: Bits a sample.
        color_space: One of `COLOR_SPACES`.
        limited_range: Whether samples use the video range (16 to 235) in place of 0 to 255.
        alpha: Whether there is an alpha plane.
        premultiplied: Whether the colour is stored times alpha.
        cmyk: Whether the colour is CMYK, with a fourth plane for K.
        animation: Whether the file is an animation.
        extension_tags: Tags of the extension blocks (1 EXIF, 2 ICC profile, 3 XMP, 4 thumbnail,
            5 animation control).
        data_length: `picture_data_length` as written: bytes of sequence parameters and HEVC data,
            0 for "to the end of the file".
        data_start: Offset of the sequence parameters in the file.
    """

    width: int
    height: int
    chroma: str
    bit_depth: int
    color_space: str
    limited_range: bool
    alpha: bool
    premultiplied: bool
    cmyk: bool
    animation: bool
    extension_tags: tuple[int, ...]
    data_length: int
    data_start: int


def file_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """The bytes of a file: those of any object that holds bytes in memory, such as a memory map.

    Raises:
        ValueError: If there are none; the message names the remedy.
    """
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)
    except TypeError:
        view = None
    if view is None or view.itemsize != 1:
        raise ValueError(
            f"data is a {type(data).__name__}: give the bytes of a file, such as "
            "pathlib.Path(...).read_bytes()"
        )
    return view.tobytes()


def read_info(data: bytes) -> BpgInfo:
    """Read the file header, whether or not this package can decode the picture.

    Args:
        data: A BPG file; what follows the header may be missing.

    Returns:
        The header's fields.

    Raises:
        CorruptBpgError: If this is not a BPG file, or a field is out of its range.
        ValueError: If these are no bytes but, say, the path of a file.
    """
    data = file_bytes(data)
    if data[:4] != MAGIC:
        found = data[:4].hex() or "nothing"
        raise CorruptBpgError(f"not a BPG file: it starts with {found}, not {MAGIC.hex()}")
    if len(data) < 6:
        raise CorruptBpgError(f"file of {len(data)} bytes ends inside its header")
    pixel_format, color_space = data[4] >> 5, data[5] >> 4
    bit_depth = 8 + (data[4] & 15)
    if pixel_format not in CHROMA_NAMES:
        raise CorruptBpgError(f"pixel_format is {pixel_format}: it must be 0 to 5")
    if color_space not in COLOR_SPACES:
        raise CorruptBpgError(f"color_space is {color_space}: it must be 0 to 4")
    if pixel_format == 0 and color_space != 0:
        raise CorruptBpgError(f"color_space is {color_space}: it must be 0 for a grey picture")
    alpha_1, alpha_2 = bool(data[4] & 16), bool(data[5] & 4)
    if pixel_format == 0 and alpha_2 and not alpha_1:
        raise CorruptBpgError("the picture is both grey and CMYK")
    if bit_depth > 14:
        raise CorruptBpgError(f"bit depth is {bit_depth}: it must be 8 to 14")
    width, at = read_ue7(data, 6, "picture_width")
    height, at = read_ue7(data, at, "picture_height")
    if not width or not height:
        raise CorruptBpgError(
            f"picture is {width} x {height} pixels: both sides must be at least 1"
        )
    data_length, at = read_ue7(data, at, "picture_data_length")
    tags: tuple[int, ...] = ()
    if data[5] & 8:
        tags, at = _read_extensions(data, at)
    return BpgInfo(
        width=width,
        height=height,
        chroma=CHROMA_NAMES[pixel_format],
        bit_depth=bit_depth,
        color_space=COLOR_SPACES[color_space],
        limited_range=bool(data[5] & 2),
        alpha=alpha_1,
        premultiplied=alpha_1 and alpha_2,
        cmyk=alpha_2 and not alpha_1,
        animation=bool(data[5] & 1),
        extension_tags=tags,
        data_length=data_length,
        data_start=at,
    )


def _read_extensions(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """Return the tags of the extension blocks at `at`, and the offset behind them."""
    length, at = read_ue7(data, at, "extension_data_length")
    end = at + length
    if end > len(data):
        raise CorruptBpgError(
            f"extension_data_length is {length}: only {len(data) - at} bytes are left"
        )
    tags = []
    while at < end:
        tag, at = read_ue7(data[:end], at, "extension_tag")
        size, at = read_ue7(data[:end], at, "extension_tag_length")
        if at + size > end:
            raise CorruptBpgError(f"extension {tag} claims {size} bytes: only {end - at} are left")
        tags.append(tag)
        at += size
    return tuple(tags), end


def check_supported(info: BpgInfo) -> None:
    """Refuse what FFmpeg's HEVC decoder cannot decode.

    Raises:
        UnsupportedBpgError: For 11, 13 and 14 bits per sample.
    """
    if info.bit_depth not in DECODED_BIT_DEPTHS:
        decoded = ", ".join(map(str, DECODED_BIT_DEPTHS))
        raise UnsupportedBpgError(
            f"the file has {info.bit_depth} bits per sample: not supported ({decoded} are decoded)"
        )


@dataclass(frozen=True)
class CodedPicture:
    """What lies behind the file header.

    Attributes:
        sequence: Sequence parameters of the colour planes.
        alpha_sequence: Those of the fourth plane (alpha, or CMYK's), or None.
        hevc_data: NAL units of all planes, without the first start code.
    """

    sequence: SequenceParameters
    alpha_sequence: SequenceParameters | None
    hevc_data: bytes


def read_picture(data: bytes, info: BpgInfo, strict: bool) -> CodedPicture:
    """Read the sequence parameters and cut out the HEVC data.

    Args:
        data: The whole file.
        info: Its header, from `read_info`.
        strict: Whether to refuse a file that is shorter than its header says. If not, what is there
            is returned.

    Returns:
        The sequence parameters and the HEVC data.

    Raises:
        CorruptBpgError: If a field is out of range or there are no data.
        UnsupportedBpgError: If a range-extension flag is set that cannot be decoded.
    """
    end = info.data_start + info.data_length if info.data_length else len(data)
    if strict and end > len(data):
        raise CorruptBpgError(
            f"file is truncated: {info.data_length} bytes of picture data announced, "
            f"{len(data) - info.data_start} present"
        )
    at, alpha = info.data_start, None
    if info.alpha or info.cmyk:
        alpha, at = _read_hevc_header(data[:end], at, info.bit_depth)
    sequence, at = _read_hevc_header(data[:end], at, info.bit_depth)
    return CodedPicture(sequence, alpha, data[at:end])


def _read_hevc_header(data: bytes, at: int, bit_depth: int) -> tuple[SequenceParameters, int]:
    """Return the sequence parameters at `at`, and the offset behind them."""
    length, at = read_ue7(data, at, "hevc_header_length")
    if at + length >= len(data):
        raise CorruptBpgError(f"hevc_header_length is {length}: no HEVC data behind it")
    return read_sequence(data[at : at + length], bit_depth), at + length


def write_file(
    height: int, width: int, chroma: str, sequence: SequenceParameters, hevc_data: bytes
) -> bytes:
    """Build a BPG file: 8 bits, full-range BT.601, no extension, with its real data length.

    Args:
        height: Picture height in pixels.
        width: Picture width in pixels.
        chroma: "gray", "420" or "444".
        sequence: The sequence parameters that the HEVC data were made with.
        hevc_data: PPS and slices, without the first start code.

    Returns:
        The file.
    """
    header = write_sequence(sequence)
    picture = write_ue7(len(header)) + header + hevc_data
    flags = bytes([PIXEL_FORMATS[chroma] << 5, 0])
    return MAGIC + flags + write_ue7(width) + write_ue7(height) + write_ue7(len(picture)) + picture
