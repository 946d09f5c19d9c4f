"""Names of user-defined chains: module:name, path/to/file.py:name, exec:COMMAND.

    module:name[-SCHEME][?argument=value&...]              an object of a module on the Python path
    path/to/file.py:name[-SCHEME][?argument=value&...]     an object of a file
    exec[-SCHEME]:COMMAND                                  a codec in another environment

SCHEME says how the bits of a codec are sent, as in the names of file chains: `ldpc` (if it is not
given), `ldpc-16qam-r12`, `ldpc-mcs13`, `qpsk`; of a codec of files also `ldpc-adaptive` and
`capacity`. A channel bandwidth ratio `@CBR` has been taken off before. Nothing is imported here.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from moclink.bandwidth_ratio import split_cbr
from moclink.codeword_length import split_length
from moclink.import_path import check_place, source_digest

OBJECT = re.compile(
    r"(?P<path>([^?@:]+\.py|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):[A-Za-z_]\w*)"
    r"(-(?P<scheme>[a-z0-9-]+))?(\?(?P<query>.*))?",
    re.DOTALL,
)
COMMAND = re.compile(r"exec(-(?P<scheme>[a-z0-9-]+))?:(?P<command>.*)", re.DOTALL)
ARGUMENT = "argument=value, as in my_codec.py:MyCodec?weights=a.pt&channels=16"


@dataclass(frozen=True)
class UserCodecName:
    """What a name says.

    Attributes:
        path: `module:name` or `path/to/file.py:name`; empty if it is a command.
        command: The command, as a shell would split it; empty if it is an object.
        scheme: How bits are sent; empty if the name does not say.
        arguments: (name, text) of the factory's arguments.
    """

    path: str = ""
    command: tuple[str, ...] = ()
    scheme: str = ""
    arguments: tuple[tuple[str, str], ...] = ()

    def check(self, name: str, schemes: Collection[str]) -> None:
        """Check that the file, the module or the program exist, without running any of it.

        Args:
            name: The whole name, for messages.
            schemes: The schemes that there are.

        Raises:
            ValueError: If they do not, or the scheme is unknown.
        """
        if self.scheme and split_length(self.scheme)[0] not in schemes:
            near = difflib.get_close_matches(self.scheme, schemes, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"chain {name}: unknown scheme {self.scheme!r}{hint}")
        if self.path:
            check_place(self.path, "chain")
        elif shutil.which(self.command[0]) is None:
            raise ValueError(
                f"chain {name}: there is no program {self.command[0]}; "
                'exec: takes a command, such as "exec:python3 my_codec.py"'
            )

    def digest(self) -> str:
        """SHA-256 of the file behind the name, or of all files that the command names; else empty.

        Files that arguments name (`?weights=a.pt`) count too.
        """
        if self.path:
            named = [_path(text) for _, text in self.arguments if _is_file(text)]
            own = source_digest(self.path)
            contents = [hashlib.sha256(file.read_bytes()).hexdigest() for file in named]
            return hashlib.sha256("".join([own, *contents]).encode()).hexdigest() if named else own
        files = [Path(part) for part in self.command[1:] if Path(part).is_file()]
        if not files:
            return ""
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _path(text: str | Path) -> Path:
    """The path of a text, `~` being the user's home folder."""
    return Path(os.path.expanduser(text))


def _is_file(text: str | Path) -> bool:
    try:
        return _path(text).is_file()
    except (OSError, ValueError):  # too long, or no path at all
        return False


def parse_user_codec(name: str) -> UserCodecName | None:
    """Read a name without its @CBR; None if it does not name a user-defined codec.

    Raises:
        ValueError: If the name is cut short, or an argument has no value.
    """
    if found := COMMAND.fullmatch(name):
        try:
            command = tuple(map(os.path.expanduser, shlex.split(found["command"])))
        except ValueError as error:
            raise ValueError(f"chain {name}: {error}; quote it as for a shell") from error
        if not command:
            raise ValueError(f'chain {name}: a command is wanted, such as "exec:python3 codec.py"')
        return UserCodecName(command=command, scheme=found["scheme"] or "")
    found = OBJECT.fullmatch(name)
    if not found:
        return None
    arguments: dict[str, str] = {}
    for part in found["query"].split("&") if found["query"] is not None else ():
        key, equals, text = part.partition("=")
        if not (key.isidentifier() and equals and text) or key in arguments:
            raise ValueError(f"chain {name}: {part!r} is not {ARGUMENT}, each once")
        arguments[key] = text
    return UserCodecName(found["path"], (), found["scheme"] or "", tuple(arguments.items()))


def user_codec(name: str) -> UserCodecName | None:
    """The parsed name of a user-defined codec; None if the name is of another kind.

    Raises:
        ValueError: If the name is cut short or states no valid channel bandwidth ratio.
    """
    base = split_cbr(name)[0]
    if is_weights(path_and_scheme(base)[0]):  # PATH:l4
        return None
    return parse_user_codec(base)


def path_and_scheme(name: str) -> tuple[str, str]:
    """PATH:SCHEME -> its parts; the scheme is empty if there is none, or the colon is of the path."""
    path, colon, scheme = name.rpartition(":")
    return (path, scheme) if colon and not is_weights(name) else (name, "")


def json_file(path: str) -> Path:
    """The JSON file of exported weights, given with or without its ending."""
    stem = path.removesuffix(".json").removesuffix(".weights.h5")
    return _path(stem + ".json")


def is_weights(path: str) -> bool:
    """Whether a path is that of exported weights, given with or without its ending."""
    return _is_file(json_file(path))


def split_chains(text: str) -> list[str]:
    """The names in a comma-separated list; a comma in the path of a file that exists separates nothing."""
    parts, names, start = text.split(","), [], 0
    while start < len(parts):
        ends = range(len(parts), start + 1, -1)
        joined = (",".join(parts[start:end]).strip() for end in ends)
        end = next(
            (e for e, name in zip(ends, joined, strict=True) if _has_commas(name)), start + 1
        )
        names.append(",".join(parts[start:end]).strip())
        start = end
    return [name for name in names if name]


def _has_commas(name: str) -> bool:
    """Whether all commas of a name are in the path of its file, which exists."""
    try:
        base = split_cbr(name)[0]
    except ValueError:  # no ratio: said of the part that has it
        return False
    path = path_and_scheme(base)[0]
    if path.count(",") == base.count(",") and is_weights(path):
        return True
    found = OBJECT.fullmatch(base)
    file = found["path"].rpartition(":")[0] if found else ""
    return file.count(",") == base.count(",") and _is_file(file)
