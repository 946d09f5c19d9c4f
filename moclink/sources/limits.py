"""Size limits of file formats, checked before anything is encoded."""

from __future__ import annotations


class FileCodecError(ValueError):
    """A file codec cannot code a picture; the message names the codec, the picture's size and the reason."""


def side_problem(codec: str, height: int, width: int, longest: int) -> str | None:
    """Return why a picture is too large for a format that limits its sides, or None.

    Args:
        codec: Name of the codec.
        height: Height in pixels.
        width: Width in pixels.
        longest: Longest side that the codec takes, in pixels.
    """
    if max(height, width) <= longest:
        return None
    return f"{codec} takes sides of at most {longest} pixels: the picture has {width} x {height}"
