"""BPG (Better Portable Graphics) still pictures from `pip install` alone: read, write, inspect.

    from moclink import bpg
    data = bpg.encode(image, qp=29)       # uint8 [H, W, 3] -> bytes
    image = bpg.decode(data)              # bytes -> uint8 [H, W, 3], or [H, W, 4] with alpha
    bpg.read_info(data).chroma            # '420'

The same on the command line: `python -m moclink.bpg info|encode|decode`. The package imports
NumPy and PyAV and nothing else of moclink; only its command line uses moclink.images.
"""

from .codec import DEFAULT_MAX_PIXELS, MAX_QP, decode, encode
from .container import ENCODED_CHROMA, BpgInfo, read_info
from .errors import BpgError, BpgTooLargeError, CorruptBpgError, UnsupportedBpgError
from .hevc import MAX_SIDE, PRESETS, check_available

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "ENCODED_CHROMA",
    "MAX_QP",
    "MAX_SIDE",
    "PRESETS",
    "BpgError",
    "BpgInfo",
    "BpgTooLargeError",
    "CorruptBpgError",
    "UnsupportedBpgError",
    "check_available",
    "decode",
    "encode",
    "read_info",
]
