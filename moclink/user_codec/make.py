"""Chains around a user-defined codec: of amplitudes, of bits or indices, of files, or a whole chain.

A codec is any object with

    encode(images)                  float32 [B, H, W, 3] in [0, 1] -> what is sent, one row per picture
    decode(received, height, width, snr_db)            what arrives -> images [B, H, W, 3] in [0, 1]

of which `decode` may leave out the arguments that it has no use for. Without the attribute
`alphabet`, `encode` returns amplitudes, real or complex, of any power and shape [B, ...], and
`decode` gets them with noise, at the same scale. With `alphabet = 2` they are bits, with another
number indices below it, of any shape [B, ...], and `decode` gets decisions. docs/own-codec.md has the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from moclink.arguments import read_switch
from moclink.chain import DigitalChain
from moclink.import_path import find_object
from moclink.phy.channel_spec import literal, with_switches
from moclink.presets import ChainOptions
from moclink.protocols import Chain, Modem
from moclink.types import ChannelState
from moclink.user_codec.analog import AnalogUserChain
from moclink.user_codec.checked_chain import CheckedChain
from moclink.user_codec.checks import TOLERANCE, error_summary, whole_multiple
from moclink.user_codec.files import UserFileCodec
from moclink.user_codec.guard import GuardedCodec
from moclink.user_codec.index_source import UserSource
from moclink.user_codec.names import UserCodecName
from moclink.user_codec.subprocess_codec import SubprocessCodec

ALPHABETS = tuple(2**bits for bits in range(1, 9))  # of indices that constellations have


@dataclass(frozen=True)
class CodecOptions:
    """What a factory is told of the run, as its argument `options`.

    Attributes:
        cbr: Channel bandwidth ratio that the name states, NAME@CBR; None if it states none.
        match: How classical chains are matched, see `moclink.presets.ChainOptions`.
        code: Channel code of bits.
        seed: Seed of the run, for what is random in a codec.
        symbols: (height, width) -> complex symbols of a picture at that ratio; without one, those
            of the classical chains of this match.
        bits: (height, width) -> bits of a picture with the name's modulation and code.
    """

    cbr: Fraction | None
    match: str
    code: str
    seed: int
    symbols: Callable[[int, int], int]
    bits: Callable[[int, int], int]


class Parts(Protocol):
    """What `moclink.chain_factory` makes for a user-defined chain."""

    def bit_modem(self, scheme: str) -> Modem:
        """Bits <-> symbols by a scheme such as ldpc-16qam-r12."""

    def index_modem(self, alphabet: int) -> Modem:
        """Indices below `alphabet` <-> symbols."""

    def file_chain(self, name: str, codec: Any, scheme: str, cbr: Fraction | None) -> Chain:
        """The chain of a file codec."""

    def symbols_at(self, cbr: Fraction | None) -> Callable[[int, int], int]:
        """(height, width) -> complex symbols at a ratio."""

    def budget(
        self, modem: Modem, cbr: Fraction | None
    ) -> Callable[[int, int, ChannelState | None], int]:
        """(height, width, channel state) -> bits that a modem sends."""


def build_codec(name: str, found: Any, options: CodecOptions, arguments: Mapping[str, Any]) -> Any:
    """The codec itself: an object as it is, or what a class or function makes.

    Raises:
        ValueError: If the factory takes no such arguments or fails.
    """
    if not isinstance(found, type) and any(
        hasattr(found, method) for method in ("encode", "transmit", "encode_file")
    ):
        if arguments:
            raise ValueError(
                f"chain {name}: a made {type(found).__name__} takes no arguments: "
                f"{', '.join(arguments)}; name its class"
            )
        return found
    if not callable(found):
        raise ValueError(
            f"chain {name}: {found!r} is no codec; a class, a function that makes one, or an object "
            "with encode and decode is wanted"
        )
    try:
        names = inspect.signature(found).parameters
    except (TypeError, ValueError):  # built-in code without a signature
        names = {}  # type: ignore[assignment]
    try:
        given = with_switches(arguments, found)
    except ValueError as error:
        raise ValueError(f"chain {name}: {error}") from None
    given |= {"options": options} if "options" in names else {}
    try:
        return found(**given)
    except (Exception, SystemExit) as error:  # whatever goes wrong in somebody else's code
        raise ValueError(f"chain {name}: making it failed: {error_summary(error)}") from error


def make_user_chain(
    name: str, found: Any, cbr: Fraction | None, run: ChainOptions, parts: Parts
) -> Chain:
    """Make the chain of a user's codec.

    Args:
        name: Name of the chain.
        found: What its name says, or the codec, chain or factory itself.
        cbr: Channel bandwidth ratio that the name states.
        run: Choices common to all chains of the run.
        parts: Modems and file chains.

    Raises:
        ValueError: If it cannot be imported, started or made, or is no codec; in one line.
    """
    place = found if isinstance(found, UserCodecName) else UserCodecName()
    scheme = place.scheme

    def bits(height: int, width: int) -> int:
        sends_files = scheme in ("ldpc-adaptive", "capacity")
        modem = parts.bit_modem("ldpc" if sends_files else scheme or "ldpc")
        return parts.budget(modem, cbr)(height, width, None)

    options = CodecOptions(cbr, run.match, run.code, run.seed, parts.symbols_at(cbr), bits)
    if place.command:
        codec: Any = SubprocessCodec(name, place.command, options)
    else:
        if place.path:
            found = find_object(place.path, "chain")
        arguments = {key: literal(text) for key, text in place.arguments}
        codec = build_codec(name, found, options, arguments)
    return build_chain(name, codec, scheme, cbr, parts, run.seed)


def build_chain(
    name: str, codec: Any, scheme: str, cbr: Fraction | None, parts: Parts, seed: int = 1
) -> Chain:
    """The chain of a codec, by what the codec can do.

    Args:
        name: Name of the chain.
        codec: The codec.
        scheme: How bits are sent; empty if the name does not say.
        cbr: Channel bandwidth ratio that the name states.
        parts: Modems and file chains.
        seed: Seed of the run.

    Raises:
        ValueError: If the codec has no way to send a picture, or the name asks for what it cannot do.
    """
    stated = _stated_cbr(name, codec, cbr)
    multiple = whole_multiple(name, getattr(codec, "multiple", 1))

    def allowed(height: int, width: int) -> float | None:
        if stated is None:
            return None
        return stated * 3 * (-(-height // multiple) * multiple) * (-(-width // multiple) * multiple)

    def has(*methods: str) -> bool:
        return all(callable(getattr(codec, method, None)) for method in methods)

    adaptive = read_switch(f"chain {name}: adaptive", getattr(codec, "adaptive", False))
    guarded: Any = GuardedCodec(name, codec, seed)
    if has("encode_file", "decode_file"):
        files = UserFileCodec(name, guarded)
        files.check_qualities()
        return parts.file_chain(name, files, scheme or "ldpc", cbr)
    alphabet = getattr(codec, "alphabet", None)
    if scheme in ("ldpc-adaptive", "capacity") or (scheme and alphabet != 2):
        raise ValueError(
            f"chain {name}: {scheme} sends the bits of a codec "
            + ("of files" if alphabet == 2 else "with alphabet = 2, or of files")
            + f", and {type(codec).__name__} is none"
        )
    if has("transmit", "receive"):
        return CheckedChain(name, guarded, allowed)
    if not has("encode", "decode"):
        raise ValueError(
            f"chain {name}: {type(codec).__name__} has no encode and decode (nor transmit and "
            "receive, nor encode_file and decode_file); see docs/own-codec.md"
        )
    if alphabet is None:
        return AnalogUserChain(name, guarded, allowed, adaptive)
    if alphabet not in ALPHABETS or isinstance(alphabet, bool | float):
        there = ", ".join(map(str, ALPHABETS))
        raise ValueError(f"chain {name}: alphabet is {alphabet!r}; one of {there} is wanted")
    modem = parts.bit_modem(scheme or "ldpc") if alphabet == 2 else parts.index_modem(alphabet)
    return DigitalChain(name, UserSource(name, guarded, modem, allowed), modem, adaptive)


def _stated_cbr(name: str, codec: Any, cbr: Fraction | None) -> float | None:
    """The channel bandwidth ratio by the name or by the codec; None if neither states one."""
    stated = getattr(codec, "cbr", None)
    if stated is None:
        return None if cbr is None else float(cbr)
    try:
        value = (
            0.0
            if isinstance(stated, bool)
            else float(Fraction(stated) if isinstance(stated, str) else stated)
        )
    except (TypeError, ValueError, ZeroDivisionError):
        value = 0.0
    if not 0 < value <= 1:
        raise ValueError(
            f"chain {name}: its cbr is {stated!r}; symbols / (3 H W), above 0 and up to 1"
        )
    if cbr is not None and abs(value - cbr) > TOLERANCE * value:
        raise ValueError(f"chain {name}: the codec declares CBR {stated}; leave out @{cbr}")
    return value
