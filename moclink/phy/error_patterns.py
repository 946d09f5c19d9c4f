"""Error patterns of a scrambled coded link: one decoding serves all files of a picture.

A scrambler adds a pad that sender and receiver know to the message, modulo 2, before the encoder and after
the decoder. With a uniform pad as long as the message, a uniform word u = message + pad goes
through encoder, mapper, channel, demapper and decoder, whatever the message is, and

    received message = message + e,   e = decode(channel(map(encode(u)))) + u.

The error pattern e does not depend on the message. So two files may be given the pads that make
them the same u, get the same noise, and share e: it is computed once. Each file by itself has
exactly the error statistics of a scrambled link of its own; the two together have equal errors
instead of independent ones. (TS 38.211, 7.3.1.1, scrambles the code bits of a 5G link for the same
end: errors that do not depend on the data.)

A pattern is a function of the realisation's key, the channel, the modem and its code alone, block
by block: a longer message has the pattern of a shorter one and then more. What is kept saves work
and changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from moclink.phy.channels import Channel, Key, get_channel, stream
from moclink.phy.ldpc import LDPCCode
from moclink.phy.modems import BitModem
from moclink.protocols import Modem
from moclink.types import Demodulated

KEPT_BYTES = 64_000_000  # 36 SNRs of a 2K picture at 0.75 bits per pixel take 10 MB


def can_share(modem: Modem, channel: str | Channel) -> TypeGuard[BitModem]:
    """Say whether patterns of this modem over this channel can be shared by messages of any length.

    They can with a channel code whose blocks fill whole symbols, over a channel whose noise does
    not depend on the length of the transmission.
    """
    return (
        isinstance(modem, BitModem)
        and modem.code is not None
        and modem.code.n % modem.bits_per_symbol == 0
        and get_channel(channel).causal
    )


@dataclass(frozen=True)
class _Pattern:
    """Errors of the first blocks of one realisation.

    Attributes:
        errors: uint8 [blocks, ceil(k / 8)], one bit a bit of the message.
        iterations: int32 [blocks].
    """

    errors: NDArray[np.uint8]
    iterations: NDArray[np.int32]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.errors.nbytes + self.iterations.nbytes

    def extended_by(self, rest: _Pattern) -> _Pattern:
        """This pattern, and that of further blocks."""
        return _Pattern(
            np.concatenate([self.errors, rest.errors]),
            np.concatenate([self.iterations, rest.iterations]),
        )


class ErrorPatterns:
    """Sends messages over a scrambled link; keeps the patterns of the last realisations.

    Args:
        kept_bytes: The most that is kept; what was used longest ago goes first.

    Example:
        >>> patterns = ErrorPatterns()
        >>> no, keys = noise_variance([5.0]), [(1, 5.0, "picture", 0)]
        >>> demodulated = patterns.send(modem, "awgn", bits, no, keys)
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._limit = kept_bytes
        self._kept: OrderedDict[Any, _Pattern] = OrderedDict()
        self._channels: dict[str, Channel] = {}
        self.decoded_blocks = 0

    def send(
        self,
        modem: BitModem,
        channel: str | Channel,
        bits: NDArray[np.uint8],
        no: NDArray[np.float32],
        keys: Sequence[Key],
    ) -> Demodulated:
        """Send one message in several realisations of the channel.

        Args:
            modem: Modem and channel code, such as `can_share` accepts.
            channel: The channel or its specification.
            bits: The message, uint8 [1, K].
            no: Noise variances, float32 [B].
            keys: One key for each of the B realisations, which with no decides all that is random.

        Returns:
            What `modem.demodulate` gives of a coded message: decisions as +1 and -1, float32 [B,
            K'].

        Raises:
            ValueError: If the patterns of this modem and channel cannot be shared.
        """
        spec = channel if isinstance(channel, str) else channel.spec
        made = self._channels.setdefault(spec, get_channel(channel))
        if not can_share(modem, made) or modem.code is None:
            raise ValueError(
                f"error patterns of {modem} over {spec} depend on the length of the message; take a code "
                "whose blocks fill whole symbols, and a channel such as awgn or rayleigh"
            )
        k = modem.code.k
        blocks = -(-bits.shape[1] // k)
        names = [
            (modem, spec, float(variance), key) for variance, key in zip(no, keys, strict=True)
        ]
        known = [self._kept.get(name) for name in names]
        lengths = [0 if pattern is None else len(pattern.errors) for pattern in known]
        for length in sorted({length for length in lengths if length < blocks}):
            rows = [row for row, known_blocks in enumerate(lengths) if known_blocks == length]
            new = _patterns(
                modem, modem.code, made, (length, blocks), no[rows], [keys[r] for r in rows]
            )
            self.decoded_blocks += len(rows) * (blocks - length)
            for row, rest in zip(rows, new, strict=True):
                before = known[row]
                known[row] = rest if before is None else before.extended_by(rest)
        found = [pattern for pattern in known if pattern is not None]
        self._keep(dict(zip(names, found, strict=True)))
        errors = np.stack(
            [np.unpackbits(p.errors[:blocks], axis=1, count=k).reshape(-1) for p in found]
        )
        sent = np.pad(bits, ((0, 0), (0, blocks * k - bits.shape[1])))
        iterations = np.stack([pattern.iterations[:blocks] for pattern in found])
        return Demodulated(2 * (sent ^ errors).astype(np.float32) - 1, no, iterations)

    def _keep(self, patterns: dict[Any, _Pattern]) -> None:
        for name, pattern in patterns.items():
            self._kept[name] = pattern
            self._kept.move_to_end(name)
        size = sum(pattern.size for pattern in self._kept.values())
        while size > self._limit:
            size -= self._kept.popitem(last=False)[1].size


def _patterns(
    modem: BitModem,
    code: LDPCCode,
    channel: Channel,
    part: tuple[int, int],
    no: NDArray[np.float32],
    keys: Sequence[Key],
) -> list[_Pattern]:
    """Patterns of the blocks from part[0] to before part[1], one for each key."""
    first, blocks = part
    message = np.stack(
        [stream((*key, "message")).integers(0, 2, blocks * code.k, np.uint8) for key in keys]
    )
    # All blocks are sent, so that each gets the same noise; only those asked for are demapped and
    # decoded.
    output = channel(modem.modulate(message), no, keys)
    skipped = first * code.n // modem.bits_per_symbol
    variances = output.no if output.no.ndim == 1 else output.no[:, skipped:]
    demodulated = modem.demodulate(output.received[:, skipped:], variances)
    errors = (demodulated.values > 0) ^ message[:, first * code.k :].astype(bool)
    packed = np.packbits(errors.reshape(len(keys), blocks - first, code.k), axis=2)
    return [
        _Pattern(*pair) for pair in zip(packed, np.asarray(demodulated.iterations), strict=True)
    ]
