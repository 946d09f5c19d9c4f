"""Conversion of image files to 8-bit sRGB: sample ranges, transparency, colour profiles.

Samples are scaled by what the file says of their range. Where it does not say, or says what its
samples contradict, the picture is refused: a wrong guess would be a picture almost black or white,
and figures that nobody could tell from true ones.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# Tags of TIFF 6.0
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_SAMPLE_FORMAT, _SIGNED = 339, 2
_RANGES = (
    (340, 341),
    (280, 281),
)  # (SMinSampleValue, SMaxSampleValue), (MinSampleValue, MaxSampleValue)
# Data of up to 14 bits in 16-bit samples: their two highest bits are never used.
_SUSPICIOUS_16_BITS = 2**14
_SAME_COLOUR = 1  # a profile that moves no colour by more than this, of 255, is sRGB itself


class ImageError(ValueError):
    """An image, or a folder of images, cannot be used; the message names it and says why."""


def to_srgb(image: Image.Image, path: str | Path) -> NDArray[np.uint8]:
    """Convert a loaded picture of any mode to 8-bit sRGB on white.

    Args:
        image: What Pillow has read. Its orientation is not touched.
        path: Its file, for the bit depths that Pillow does not tell, and for messages.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ImageError: If the range of the samples is unknown, or the colour space cannot be converted.
    """
    _check_signs(image, path)
    if image.mode == "La":  # grey times alpha
        image = image.convert("LA")
    if image.mode == "F" or image.mode.startswith("I"):
        grey = _wide_grey(image, path)
        return np.asarray(
            _apply_profile(Image.fromarray(grey), image.info.get("icc_profile"), path)
        )
    _check_wide_colour(image, path)
    _read_transparent_level(image, path)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if alpha is not None and not alpha.getbbox():
        raise ImageError(f"{path}: every pixel of it is transparent; remove its alpha channel")
    colour = _apply_profile(_without_alpha(image), image.info.get("icc_profile"), path)
    return np.asarray(colour if alpha is None else on_white(colour, alpha))


def _check_signs(image: Image.Image, path: str | Path) -> None:
    """Raise ImageError for signed samples (TIFF) without a stated range: Pillow takes them for unsigned."""
    tags = getattr(image, "tag_v2", {})
    formats = np.atleast_1d(tags.get(_SAMPLE_FORMAT, 1))
    wide = image.mode == "F" or image.mode.startswith("I")
    stated = wide and any(highest in tags for _, highest in _RANGES)
    narrow = np.max(tags.get(_BITS_PER_SAMPLE, 8)) <= 16  # wider ones are refused anyway
    if narrow and (formats == _SIGNED).any() and not stated:
        raise ImageError(
            f"{path}: its samples are signed, and the file does not say which of them are black and "
            "white; convert them to unsigned"
        )


def _read_transparent_level(image: Image.Image, path: str | Path) -> None:
    """Scale the transparent level of a PNG of fewer bits as Pillow has scaled its samples.

    Raises:
        ImageError: If it is a colour of 16 bits, of which Pillow has kept the upper 8.
    """
    if image.format != "PNG" or image.mode not in ("L", "RGB"):
        return
    level, header = image.info.get("transparency"), _png_chunk(path, b"IHDR")
    if level is None or header is None:
        return
    bits = header[8]
    if bits == 16:
        raise ImageError(
            f"{path}: one of its colours, of 16 bits, is transparent, and 8 bits of each are read; "
            "convert it to 8 bits, or give it an alpha channel"
        )
    if isinstance(level, int) and bits < 8:
        image.info["transparency"] = level * 255 // (2**bits - 1)


def on_white(colour: Image.Image, alpha: Image.Image) -> Image.Image:
    """Lay a picture with straight alpha on white."""
    layer = colour.convert("RGBA")
    layer.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _without_alpha(image: Image.Image) -> Image.Image:
    """A mode that colour profiles can be applied to: L, RGB or CMYK, or what it is."""
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image.copy() if "transparency" not in image.info else _opaque(image)
    if image.mode in ("1", "LA", "La"):
        return image.convert("LA").convert("L") if image.mode != "1" else image.convert("L")
    return (
        image.convert("RGBA").convert("RGB")
        if image.has_transparency_data
        else image.convert("RGB")
    )


def _opaque(image: Image.Image) -> Image.Image:
    copy = image.copy()
    del copy.info["transparency"]
    return copy


def _apply_profile(image: Image.Image, profile: bytes | None, path: str | Path) -> Image.Image:
    """Convert from the picture's ICC profile to sRGB; without one, RGB is sRGB."""
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif not profile:
        return image.convert("RGB")
    else:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        except (OSError, ImageCms.PyCMSError) as error:
            raise ImageError(
                f"{path}: its ICC profile is damaged; remove it, or convert to sRGB"
            ) from error
    if source.profile.xcolor_space.strip() == "RGB" and image.mode == "L":
        image = image.convert("RGB")  # a grey picture with the profile of a screen
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        transform = ImageCms.buildTransform(source, target, image.mode, "RGB")
        if image.mode == "RGB" and _is_identity(transform):
            return image
        converted = ImageCms.applyTransform(image, transform)
    except ImageCms.PyCMSError as error:
        kind = source.profile.xcolor_space.strip()
        raise ImageError(
            f"{path}: its ICC profile (of {kind}) does not fit its samples ({image.mode}); convert it to sRGB"
        ) from error
    assert converted is not None  # only a transform in place returns None
    return converted


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    levels = np.linspace(0, 255, 16).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    moved = ImageCms.applyTransform(Image.fromarray(grid), transform)
    return int(np.abs(np.asarray(moved).astype(int) - grid).max()) <= _SAME_COLOUR


def _wide_grey(image: Image.Image, path: str | Path) -> NDArray[np.uint8]:
    """Grey of more than 8 bits: uint8 [H, W]."""
    samples = np.asarray(image).astype(np.float64)
    if not np.isfinite(samples).all():
        raise ImageError(f"{path}: it holds samples that are not finite")
    black, white = _range_of(image, samples, path)
    grey = np.clip(np.rint((samples - black) / (white - black) * 255), 0, 255).astype(np.uint8)
    if "transparency" in image.info:
        grey[samples == image.info["transparency"]] = 255
    tags = getattr(image, "tag_v2", {})
    return 255 - grey if tags.get(_PHOTOMETRIC) == 0 else grey


def _range_of(
    image: Image.Image, samples: NDArray[np.float64], path: str | Path
) -> tuple[float, float]:
    """The samples that black and white have."""
    tags = getattr(image, "tag_v2", {})
    for lowest, highest in _RANGES:
        if highest in tags:
            black, white = _number(tags.get(lowest, 0)), _number(tags[highest])
            if white > black:
                return black, white
    bits = _bits(image)
    if bits is None:
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ImageError(
            f"{path}: the file does not say which of its {kind} samples is white; "
            "state it (TIFF: SMaxSampleValue), or convert to 8 or 16 bits"
        )
    highest_sample = samples.max(initial=0)
    if bits == 16 and 0 < highest_sample < _SUSPICIOUS_16_BITS:
        stated = _significant_bits(path)
        if stated and highest_sample < 2**stated and not _scaled_up(samples, stated):
            return 0.0, 2.0**stated - 1
        raise _unscaled_error(path, int(highest_sample))
    return 0.0, 2.0**bits - 1


def _number(value: object) -> float:
    return float(value[0] if isinstance(value, tuple) else value)  # type: ignore[arg-type]


def _bits(image: Image.Image) -> int | None:
    """Bits a sample of a grey picture, or None if the file does not say."""
    if image.mode == "F":
        return None
    tags = getattr(image, "tag_v2", {})
    if _BITS_PER_SAMPLE in tags:
        bits = int(_number(tags[_BITS_PER_SAMPLE]))
        return bits if bits <= 16 else None
    # Pillow scales PGM of any maximum to 16 bits, in mode I.
    return 16 if image.mode.startswith("I;16") or image.format in ("PNG", "PPM") else None


def _scaled_up(samples: NDArray[np.float64], bits: int) -> bool:
    """Whether samples of `bits` bits were stretched to 16, as PNG has it: shifted, or with repeated bits."""
    values = samples.astype(np.int64)
    low = values & (1 << 16 - bits) - 1
    return bool((low == 0).all() or (low == values >> bits).all())


def _unscaled_error(path: str | Path, highest: int) -> ImageError:
    return ImageError(
        f"{path}: its 16-bit samples reach only {highest} of 65535, as 14-bit, 12-bit or 10-bit data do; "
        "scale them to 16 bits, or state their bits (PNG: sBIT; PPM: the maximum)"
    )


def _check_wide_colour(image: Image.Image, path: str | Path) -> None:
    """Refuse colour of 16 bits, of which Pillow keeps the upper 8, if those hold next to nothing."""
    if not _is_16_bit_colour(image, path):
        return
    upper = np.asarray(image.convert("RGB") if image.mode != "LA" else image.convert("L"))
    highest = int(upper.max(initial=0))
    if highest < _SUSPICIOUS_16_BITS >> 8:
        stated = _significant_bits(path)
        if stated is None or highest < 2**stated >> 8:
            raise _unscaled_error(path, highest << 8 | 255)


def _is_16_bit_colour(image: Image.Image, path: str | Path) -> bool:
    if image.format == "PNG":
        header = _png_chunk(path, b"IHDR")
        return header is not None and header[8] == 16
    if image.format == "PPM":
        return _ppm_maximum(path) > 255
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE)
    return isinstance(bits, tuple) and bits[0] == 16


def _ppm_maximum(path: str | Path) -> int:
    """The largest sample that the header of a PPM allows: the fourth of its words."""
    with open(path, "rb") as file:
        lines = file.read(1024).split(b"\n")
    words = b" ".join(line.partition(b"#")[0] for line in lines).split()
    return int(words[3]) if words[0] in (b"P3", b"P6") else 255


def _significant_bits(path: str | Path) -> int | None:
    """The most significant bits of any channel by a PNG's sBIT chunk."""
    chunk = _png_chunk(path, b"sBIT")
    return max(chunk) if chunk else None


def _png_chunk(path: str | Path, wanted: bytes) -> bytes | None:
    """Return a chunk that stands before the samples of a PNG, which Pillow does not hand out."""
    with open(path, "rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return None
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == wanted:
                return file.read(length)
            if name == b"IDAT":
                return None
            file.seek(length + 4, io.SEEK_CUR)
    return None
