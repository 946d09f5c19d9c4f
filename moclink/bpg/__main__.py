"""BPG files on the command line.

    python -m moclink.bpg info photo.bpg
    python -m moclink.bpg encode photo.png photo.bpg --qp 29 --chroma 420
    python -m moclink.bpg decode photo.bpg photo.png

Errors are one line on standard error and exit status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from .codec import DEFAULT_MAX_PIXELS, MAX_QP, decode, encode
from .container import CHROMA_FORMATS, check_supported, read_info, read_picture
from .errors import UnsupportedBpgError
from .hevc import PRESETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command-line arguments; None takes the process's own.

    Returns:
        0, or 1 if a file cannot be used, with the reason on standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, Image.DecompressionBombError) as error:
        reason = f"{options.input}: not an image" if isinstance(error, UnidentifiedImageError) else error
        print(f"bpg: {reason}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m moclink.bpg", description="Read and write BPG pictures.")
    commands = parser.add_subparsers(required=True, metavar="info|encode|decode")
    info = commands.add_parser("info", help="print what a file's header says, and whether it can be decoded")
    info.add_argument("input", type=Path, help="BPG file")
    info.set_defaults(run=_info)
    encoder = commands.add_parser("encode", help="picture (PNG, JPEG, ...) to BPG")
    encoder.add_argument("input", type=Path, help="picture that Pillow reads")
    encoder.add_argument("output", type=Path, help="BPG file to write")
    encoder.add_argument("--qp", type=int, default=29, help=f"quantiser, 0 (best) to {MAX_QP} (default: 29)")
    encoder.add_argument(
        "--chroma", choices=CHROMA_FORMATS, default="420", help="chroma format (default: 420)"
    )
    encoder.add_argument("--preset", choices=PRESETS, default="slow", help="libx265 preset (default: slow)")
    encoder.add_argument("--md5", action="store_true", help="add an MD5 of the samples (57 bytes in colour)")
    encoder.set_defaults(run=_encode)
    decoder = commands.add_parser("decode", help="BPG to a picture (PNG, ...)")
    decoder.add_argument("input", type=Path, help="BPG file")
    decoder.add_argument("output", type=Path, help="picture to write, in the format of its suffix")
    decoder.add_argument("--strict", action="store_true", help="fail on any damage that the decoder notices")
    decoder.add_argument(
        "--max-pixels", type=int, default=DEFAULT_MAX_PIXELS, help="largest picture to decode"
    )
    decoder.set_defaults(run=_decode)
    return parser


def _info(options: argparse.Namespace) -> None:
    data = options.input.read_bytes()
    info = read_info(data)
    lines = {"file_bytes": len(data)} | asdict(info)
    try:
        check_supported(info)
        sequence, hevc_data = read_picture(data, info, strict=True)
        lines |= asdict(sequence) | {"hevc_bytes": len(hevc_data), "supported": "yes"}
    except UnsupportedBpgError as error:
        lines["supported"] = f"no: {error}"
    print("\n".join(f"{name:24} {value}" for name, value in lines.items()))


def _encode(options: argparse.Namespace) -> None:
    with Image.open(options.input) as picture:
        image = np.asarray(picture.convert("RGB"))
    options.output.write_bytes(encode(image, options.qp, options.chroma, options.preset, options.md5))


def _decode(options: argparse.Namespace) -> None:
    image = decode(options.input.read_bytes(), options.strict, options.max_pixels)
    Image.fromarray(image).save(options.output)


if __name__ == "__main__":
    sys.exit(main())
