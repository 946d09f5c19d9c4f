"""A user-defined codec of bits or indices as a source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.errors import ChainError
from moclink.protocols import Modem
from moclink.types import ChannelState, Decoded, Demodulated, Header, Payload
from moclink.user_codec.analog import CLEAN_DB, Limit, decode_call, encoded
from moclink.user_codec.checks import checked_count, checked_indices, decoded_rows


@dataclass(frozen=True)
class IndexHeader(Header):
    """Header of plain indices: what the codec is handed at the receiver are decisions.

    Attributes:
        shape: Shape of a picture's indices; empty if pictures have different ones.
    """

    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class UserSource:
    """A user's codec of indices.

    `encode` may also return a `Payload`; `decode` is then called as `Source.decode` is.

    Attributes:
        name: Name of the chain.
        codec: Images <-> indices.
        modem: What sends the indices.
        allowed: Symbols that a picture may take.
    """

    name: str
    codec: Any
    modem: Modem
    allowed: Limit

    @property
    def alphabet(self) -> int:
        """Number of values of an index."""
        return int(self.codec.alphabet)

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Payload:
        """See `Source.encode`."""
        returned = encoded(self.name, self.codec, images, csi)
        size = images.shape[1], images.shape[2]
        indices = returned.indices if isinstance(returned, Payload) else returned
        rows = checked_indices(self.name, indices, len(images), self.alphabet)
        lengths = tuple(map(len, rows))
        count = self.modem.symbols_for(max(lengths))
        checked_count(self.name, count, self.allowed(*size), size)
        if isinstance(returned, Payload):
            return replace(returned, indices=np.stack(rows))
        filled = np.zeros((len(rows), max(lengths)), np.uint8)
        for place, row in enumerate(rows):
            filled[place, : len(row)] = row
        shapes = {np.shape(row) for row in indices}
        shape = shapes.pop() if len(shapes) == 1 else ()
        return Payload(filled, IndexHeader(*size, lengths, shape=shape))

    def decode(self, demodulated: Demodulated, header: Header) -> Decoded:
        """See `Source.decode`; pictures that the codec cannot decode are outages."""
        size, snr_db, batch = (
            (header.height, header.width),
            demodulated.snr_db,
            len(demodulated.values),
        )
        clean = bool(snr_db.min() > CLEAN_DB)
        decode = decode_call(self.codec)
        if not isinstance(header, IndexHeader):

            def decode_payload(rows: slice) -> Any:
                iterations = (
                    None if demodulated.iterations is None else demodulated.iterations[rows]
                )
                part = Demodulated(
                    demodulated.values[rows].copy(), demodulated.no[rows].copy(), iterations
                )
                found = self.codec.decode(part, header)
                if not isinstance(found, Decoded):
                    raise ChainError(
                        self.name,
                        f"decode returned {type(found).__name__}; a Decoded is wanted of a codec "
                        "whose encode returns a Payload",
                    )
                return [i if ok else None for i, ok in zip(found.images, found.ok, strict=True)]

            return decoded_rows(self.name, decode_payload, batch, size, clean)
        indices = demodulated.hard()
        lengths = np.broadcast_to(header.lengths, batch)

        def plain(rows: slice) -> Any:
            used = [
                row[:n].reshape(header.shape or n)
                for row, n in zip(indices[rows], lengths[rows], strict=True)
            ]
            same = len(set(map(len, used))) == 1
            known = {"height": size[0], "width": size[1], "snr_db": snr_db[rows]}
            return decode(np.stack(used) if same else used, **known)

        return decoded_rows(self.name, plain, batch, size, clean)
