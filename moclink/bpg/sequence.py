"""The sequence parameters of a BPG file (`hevc_header`), which replace HEVC's VPS and SPS.

Reading checks every field against its legal range, so that a damaged header costs an error and
nothing else. The parts that the SPS shares are written by the same functions.

References:
    BPG specification 0.9.5, section 3. ITU-T H.265, 7.4.3.2.1 (ranges of the SPS fields).
"""

from __future__ import annotations

from dataclasses import dataclass

from .bits import BitReader, BitWriter
from .errors import CorruptBpgError, UnsupportedBpgError

# Of the nine flags of the SPS range extension, in file order. Explicit RDPCM and high-precision
# offsets concern inter pictures alone.
_RANGE_FLAGS = (
    "transform_skip_rotation_enabled",
    "transform_skip_context_enabled",
    "implicit_rdpcm_enabled",
    "explicit_rdpcm_enabled",
    "extended_precision_processing",
    "intra_smoothing_disabled",
    "high_precision_offsets_enabled",
    "persistent_rice_adaptation_enabled",
    "cabac_bypass_alignment_enabled",
)
_REFUSED_RANGE_FLAGS = {
    "implicit_rdpcm_enabled": "HM's lossless mode, which FFmpeg decodes wrongly without saying so",
    "extended_precision_processing": "FFmpeg does not decode it",
    "cabac_bypass_alignment_enabled": "FFmpeg does not decode it",
}


@dataclass(frozen=True)
class Pcm:
    """Raw (PCM) coding blocks, if enabled.

    Attributes:
        luma_bits: Bits a luma sample, at most the picture's.
        chroma_bits: Bits a chroma sample, at most the picture's.
        log2_min: log2 of the smallest PCM block.
        log2_max: log2 of the largest PCM block.
        loop_filter_disabled: Whether PCM blocks escape the loop filters.
    """

    luma_bits: int
    chroma_bits: int
    log2_min: int
    log2_max: int
    loop_filter_disabled: bool


@dataclass(frozen=True)
class SequenceParameters:
    """`hevc_header`: the fields of HEVC's sequence parameter set that a BPG file keeps.

    Attributes:
        log2_min_cb: log2 of the smallest coding block, 3 to 6.
        log2_ctb: log2 of the coding tree block, 4 to 6.
        log2_min_tb: log2 of the smallest transform block, 2 to `log2_min_cb` - 1.
        log2_max_tb: log2 of the largest transform block, at most 5.
        max_depth_intra: Greatest depth of the transform tree.
        sao: Whether sample-adaptive offset is enabled.
        strong_intra_smoothing: Whether strong intra smoothing is enabled.
        pcm: PCM parameters, or None.
        range_extension: Names of the range-extension flags that are set.
    """

    log2_min_cb: int
    log2_ctb: int
    log2_min_tb: int
    log2_max_tb: int
    max_depth_intra: int
    sao: bool
    strong_intra_smoothing: bool
    pcm: Pcm | None = None
    range_extension: tuple[str, ...] = ()

    def coded_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width rounded up to whole minimum coding blocks."""
        block = 1 << self.log2_min_cb
        return -(-height // block) * block, -(-width // block) * block


def read_sequence(header: bytes, bit_depth: int = 8) -> SequenceParameters:
    """Read the bytes of `hevc_header`.

    Args:
        header: The bytes that follow `hevc_header_length`.
        bit_depth: Bits a sample of the picture.

    Returns:
        The fields.

    Raises:
        CorruptBpgError: If a field is out of range, or the length does not fit the fields.
        UnsupportedBpgError: If an extension is used that cannot be decoded.
    """
    reader = BitReader(header)
    log2_min_cb = 3 + reader.ue("log2_min_luma_coding_block_size_minus3", 3)
    log2_ctb = log2_min_cb + reader.ue("log2_diff_max_min_luma_coding_block_size", 6 - log2_min_cb)
    if log2_ctb < 4:
        raise CorruptBpgError("coding tree block is 8 x 8: it must be 16 x 16 to 64 x 64")
    log2_min_tb = 2 + reader.ue("log2_min_transform_block_size_minus2", log2_min_cb - 3)
    log2_max_tb = log2_min_tb + reader.ue(
        "log2_diff_max_min_transform_block_size", min(log2_ctb, 5) - log2_min_tb
    )
    depth = reader.ue("max_transform_hierarchy_depth_intra", log2_ctb - log2_min_tb)
    sao = bool(reader.u(1))
    pcm = _read_pcm(reader, log2_min_cb, log2_ctb, bit_depth) if reader.u(1) else None
    strong = bool(reader.u(1))
    flags = _read_range_extension(reader) if reader.u(1) else ()
    if reader.left >= 8 or reader.u(reader.left):
        raise CorruptBpgError(
            "hevc_header is longer than its fields, or not filled up with zero bits"
        )
    return SequenceParameters(
        log2_min_cb, log2_ctb, log2_min_tb, log2_max_tb, depth, sao, strong, pcm, flags
    )


def _read_pcm(reader: BitReader, log2_min_cb: int, log2_ctb: int, bit_depth: int) -> Pcm:
    luma_bits, chroma_bits = 1 + reader.u(4), 1 + reader.u(4)
    if max(luma_bits, chroma_bits) > bit_depth:
        raise CorruptBpgError(
            f"PCM samples have {luma_bits} and {chroma_bits} bits: at most {bit_depth} are possible"
        )
    lowest, highest = min(log2_min_cb, 5), min(log2_ctb, 5)
    log2_min = 3 + reader.ue("log2_min_pcm_luma_coding_block_size_minus3", highest - 3)
    if log2_min < lowest:
        raise CorruptBpgError(
            f"smallest PCM block is {1 << log2_min}: it must be at least {1 << lowest}"
        )
    log2_max = log2_min + reader.ue(
        "log2_diff_max_min_pcm_luma_coding_block_size", highest - log2_min
    )
    return Pcm(luma_bits, chroma_bits, log2_min, log2_max, bool(reader.u(1)))


def _read_range_extension(reader: BitReader) -> tuple[str, ...]:
    has_range, others = reader.u(1), reader.u(7)
    if others:
        raise UnsupportedBpgError(
            f"SPS extensions {others:07b} beyond the range extension: not supported"
        )
    flags = tuple(name for name in _RANGE_FLAGS if has_range and reader.u(1))
    for name in flags:
        if name in _REFUSED_RANGE_FLAGS:
            raise UnsupportedBpgError(
                f"the file uses {name}: not supported ({_REFUSED_RANGE_FLAGS[name]})"
            )
    return flags


def write_extension(writer: BitWriter, sequence: SequenceParameters) -> None:
    """Append the range extension as both `hevc_header` and the SPS have it."""
    writer.u(1, bool(sequence.range_extension))
    if sequence.range_extension:
        writer.u(8, 0x80)
        for name in _RANGE_FLAGS:
            writer.u(1, name in sequence.range_extension)


def write_blocks(writer: BitWriter, sequence: SequenceParameters) -> None:
    """Append the four block sizes as both `hevc_header` and the SPS have them."""
    writer.ue(sequence.log2_min_cb - 3)
    writer.ue(sequence.log2_ctb - sequence.log2_min_cb)
    writer.ue(sequence.log2_min_tb - 2)
    writer.ue(sequence.log2_max_tb - sequence.log2_min_tb)


def write_pcm(writer: BitWriter, sequence: SequenceParameters) -> None:
    """Append the PCM fields as both `hevc_header` and the SPS have them."""
    pcm = sequence.pcm
    writer.u(1, pcm is not None)
    if pcm is not None:
        writer.u(4, pcm.luma_bits - 1)
        writer.u(4, pcm.chroma_bits - 1)
        writer.ue(pcm.log2_min - 3)
        writer.ue(pcm.log2_max - pcm.log2_min)
        writer.u(1, pcm.loop_filter_disabled)


def write_sequence(sequence: SequenceParameters) -> bytes:
    """Return the bytes of `hevc_header`, without their length."""
    writer = BitWriter()
    write_blocks(writer, sequence)
    writer.ue(sequence.max_depth_intra)
    writer.u(1, sequence.sao)
    write_pcm(writer, sequence)
    writer.u(1, sequence.strong_intra_smoothing)
    write_extension(writer, sequence)
    return writer.to_bytes()
