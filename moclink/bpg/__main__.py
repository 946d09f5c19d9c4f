"""BPG files on the command line.

    python -m moclink.bpg info photo.bpg
    python -m moclink.bpg encode photo.png photo.bpg --qp 29 --chroma 420
    python -m moclink.bpg decode photo.bpg photo.png

`-` is standard input or output; `decode` writes PNG there.

Pictures are read as everywhere in moclink (docs/pictures.md). A damaged or truncated file is
refused unless `decode --damaged` asks for what can be seen of it. Errors are one line on standard
error and exit status 1.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from moclink.atomic_files import atomic_write
from moclink.images import read_image
from moclink.standard_streams import command

from .codec import DEFAULT_MAX_PIXELS, MAX_QP, decode, encode
from .container import ENCODED_CHROMA, check_supported, read_info, read_picture
from .errors import UnsupportedBpgError
from .hevc import PRESETS


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command-line arguments; None takes the process's own.

    Returns:
        0, or 1 if a file cannot be used, with the reason on standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            options.run(options)
    except (ValueError, OSError) as error:
        named = getattr(error, "filename", None) is not None
        text = f"{error.filename}: {error.strerror}" if named else error  # type: ignore[union-attr]
        print(f"bpg: {text}", file=sys.stderr)
        return 1
    for warning in caught:
        print(f"bpg: note: {warning.message}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m moclink.bpg", description="Read and write BPG images."
    )
    commands = parser.add_subparsers(required=True, metavar="info|encode|decode")
    info = commands.add_parser(
        "info", help="print what a file's header says, and whether it can be decoded"
    )
    info.add_argument("input", type=_path, help="BPG file")
    info.set_defaults(run=_info)
    encoder = commands.add_parser("encode", help="image (PNG, JPEG, ...) to BPG")
    encoder.add_argument("input", type=_path, help="image to read")
    encoder.add_argument("output", type=_path, help="BPG file to write")
    encoder.add_argument(
        "--qp",
        type=float,
        default=29,
        help=f"quantiser (qp), 0 (best) to {MAX_QP}, also fractions (default: 29)",
    )
    encoder.add_argument(
        "--chroma", choices=ENCODED_CHROMA, default="420", help="chroma format (default: 420)"
    )
    encoder.add_argument(
        "--preset", choices=PRESETS, default="slow", help="libx265 preset (default: slow)"
    )
    encoder.add_argument(
        "--md5", action="store_true", help="add an MD5 of the samples (57 bytes in colour)"
    )
    encoder.set_defaults(run=_encode)
    decoder = commands.add_parser("decode", help="BPG to an image (PNG, ...)")
    decoder.add_argument("input", type=_path, help="BPG file")
    decoder.add_argument("output", type=_path, help="image to write, in the format of its suffix")
    decoder.add_argument(
        "--damaged",
        action="store_true",
        help="decode what can be decoded of a damaged or truncated file",
    )
    decoder.add_argument(
        "--max-pixels",
        type=int,
        default=DEFAULT_MAX_PIXELS,
        help="refuse images of more pixels (default: 2^26)",
    )
    decoder.set_defaults(run=_decode)
    return parser


def _info(options: argparse.Namespace) -> None:
    data = _read(options.input)
    info = read_info(data)
    lines = {"file_bytes": len(data)} | asdict(info)
    try:
        check_supported(info)
        picture = read_picture(data, info, strict=True)
        lines |= asdict(picture.sequence) | {
            "hevc_bytes": len(picture.hevc_data),
            "supported": "yes",
        }
    except UnsupportedBpgError as error:
        lines["supported"] = f"no: {error}"
    print("\n".join(f"{name:24} {value}" for name, value in lines.items()))


def _check_output(options: argparse.Namespace) -> None:
    """Raise ValueError for an output that would take the place of the input, or has no folder."""
    output = options.output
    if _is_stream(output):
        return
    if output.exists() and options.input.exists() and output.samefile(options.input):
        raise ValueError(f"{output}: that is the file to read; name another one to write")
    if output.is_dir():
        raise ValueError(f"{output} is a folder; name the file in it")
    if not output.parent.is_dir():
        raise ValueError(f"{output}: there is no folder {output.parent}")


def _encode(options: argparse.Namespace) -> None:
    _check_output(options)
    if options.output.suffix.lower() in Image.registered_extensions():
        raise ValueError(f"{options.output}: a BPG file is written; give it the ending .bpg")
    if _is_stream(options.input):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "standard input"
            copy.write_bytes(_read(options.input))
            image = read_image(copy)
    else:
        image = read_image(options.input)
    _write(options.output, encode(image, options.qp, options.chroma, options.preset, options.md5))


def _decode(options: argparse.Namespace) -> None:
    _check_output(options)
    image = decode(_read(options.input), not options.damaged, options.max_pixels)
    form = Image.registered_extensions().get(options.output.suffix.lower())
    if _is_stream(options.output):
        form = "PNG"
    if form not in Image.SAVE:  # Pillow reads more formats than it writes
        raise ValueError(f"{options.output}: name a picture file with an ending such as .png")
    buffer = io.BytesIO()
    try:
        Image.fromarray(image).save(buffer, form)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{options.output}: {form} cannot hold this picture ({error}); choose another ending, "
            "such as .png"
        ) from error
    _write(options.output, buffer.getvalue())


def _path(text: str) -> Path:
    """The path that an argument names, `~` being the user's home folder."""
    return Path(os.path.expanduser(text))


def _is_stream(path: Path) -> bool:
    """Whether a path is `-`, or a pipe or device such as /dev/stdout: read in order, never replaced."""
    special = str(path) == "-" or str(path).startswith(("/dev/", "/proc/"))  # where links may lie
    return special or (path.exists() and not path.is_file() and not path.is_dir())


def _read(path: Path) -> bytes:
    """The bytes of a file, or of standard input if the path is `-`."""
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()


def _write(path: Path, data: bytes) -> None:
    """Write a file whole, or to a stream."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif _is_stream(path):
        with open(path, "wb") as stream:
            stream.write(data)
    else:
        with atomic_write(path) as part:
            part.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
