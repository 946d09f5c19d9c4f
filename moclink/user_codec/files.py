"""A user-defined file codec, for rate control and every scheme of the file chains."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moclink.arguments import shorten
from moclink.errors import ChainError
from moclink.user_codec.analog import parameters_of
from moclink.user_codec.checks import call_user_code


@dataclass(frozen=True)
class UserFileCodec:
    """A user's file codec with checks; see `moclink.sources.file_source.FileCodec`.

    Attributes:
        name: Name of the chain.
        codec: An object with `qualities`, `encode_file` and `decode_file`.
    """

    name: str
    codec: Any = field(compare=False)
    _checked: list[bool] = field(default_factory=list, compare=False, repr=False)

    @property
    def qualities(self) -> Sequence[float]:
        """Quality parameters, from the coarsest to the finest."""
        return tuple(self.codec.qualities)

    def check_qualities(self) -> None:
        """Raise ValueError if there are none, or they are no sequence."""
        found: Any = getattr(self.codec, "qualities", None)
        several = isinstance(found, Sequence | np.ndarray) and not isinstance(found, str)
        if not several or len(found) == 0:
            raise ValueError(
                f"chain {self.name}: qualities is {shorten(found)}; a list of quality parameters is "
                "wanted, coarsest first"
            )

    def _try_out(self, image: NDArray[np.uint8]) -> None:
        """Raise ChainError, once, for what makes an outage of every file: order, or no pixels."""
        if self._checked:
            return
        first, last = self.qualities[0], self.qualities[-1]
        data = self.codec.encode_file(image, first)
        coarsest, finest = len(data), len(self.codec.encode_file(image, last))
        if coarsest > finest:
            raise ChainError(
                self.name,
                f"qualities begin with {first!r} and end with {last!r}, whose files have {coarsest} "
                f"and {finest} bytes; coarsest first is wanted, reverse them",
            )
        pixels = self.decode_file(data, image.shape[0] * image.shape[1])
        if pixels.shape != image.shape:
            raise ChainError(
                self.name,
                f"decode_file returned {list(pixels.shape)} of a picture {list(image.shape)}",
            )
        self._checked.append(True)

    def limit_problem(self, height: int, width: int) -> str | None:
        """Why a picture of this size cannot be coded, if the codec says so."""
        asked = getattr(self.codec, "limit_problem", None)
        return asked(height, width) if asked else None

    def encode_file(self, image: NDArray[np.uint8], quality: float) -> bytes:
        """uint8 [H, W, 3] -> file.

        Raises:
            ChainError: If there is none.
        """
        data = call_user_code(
            self.name, "encode_file", lambda: self.codec.encode_file(image, quality)
        )
        if not isinstance(data, bytes) or not data:
            raise ChainError(
                self.name,
                f"encode_file returned {type(data).__name__}; bytes are wanted, one at least",
            )
        call_user_code(self.name, "encode_file", lambda: self._try_out(image))
        return data

    def decode_file(self, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
        """File -> uint8 [H, W, 3]; any failure is that of a damaged file.

        Raises:
            ValueError: If there is no picture in it.
        """
        parameters = parameters_of(self.codec.decode_file)
        alone = len(parameters) == 1 and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL
        given = (data,) if alone else (data, max_pixels)
        pixels = call_user_code(self.name, "decode_file", lambda: self.codec.decode_file(*given))
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
            what = (
                f"{pixels.dtype} array" if isinstance(pixels, np.ndarray) else type(pixels).__name__
            )
            raise ChainError(
                self.name, f"decode_file returned {what}; a NumPy array uint8 [H, W, 3] is wanted"
            )
        return pixels
