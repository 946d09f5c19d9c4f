"""What a file is that cannot be read as a picture, and pictures that are previews of another."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from moclink.image_modes import ImageError

NEW_SUBFILE_TYPE, REDUCED = 254, 1  # TIFF 6.0: bit 0 is set of a smaller version of another picture
_START = 64
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def describe(path: str | Path) -> str:
    """What a file that is no picture for us is, with the remedy, in brackets; empty if not known."""
    try:
        with open(path, "rb") as file:
            start = file.read(_START)
    except OSError:
        return ""
    if not start:
        return " (it is empty)"
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        return " (it is HEIC, which is not read; convert it to PNG or JPEG)"
    if start.startswith(b"version https://git-lfs"):
        return " (it is a pointer of Git LFS; git lfs pull fetches the picture)"
    if start.lstrip()[:5].lower() in (b"<html", b"<!doc"):
        return " (it is a web page, perhaps of a download that failed)"
    return ""


def check_preview(image: Image.Image, path: str | Path) -> None:
    """Refuse a file whose first picture is a preview: raw files of cameras are TIFF files of that kind.

    Raises:
        ImageError: If it is.
    """
    kind = getattr(image, "tag_v2", {}).get(NEW_SUBFILE_TYPE, 0)
    if image.format == "TIFF" and kind & REDUCED:
        raise ImageError(
            f"{path}: its first picture, {image.width}x{image.height}, is a smaller version of another "
            "one, as in raw files of cameras; convert it"
        )
