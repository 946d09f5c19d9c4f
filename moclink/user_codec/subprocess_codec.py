"""A codec in another environment: a program that is asked over its standard input and output.

Each message is one line of JSON, ended by a newline, and then, if it has a `shape`, the array's
bytes: little-endian, last axis fastest, of the `dtype` that stands beside it.

    we:       {"call": "hello", "protocol": 1, "cbr": "1/24" or null, "match": ..., "code": ..., "seed": 1}
    program:  {"alphabet": 2, "cbr": "1/24", "multiple": 16, "adaptive": true}      each may be left out
    we:       {"call": "encode", "symbols": 4608, "bits": 13824, "snr_db": 10.0 (if adaptive),
               "shape": [B, H, W, 3], "dtype": "float32"} + images in [0, 1]
    program:  {"shape": [B, ...], "dtype": "float32"} + amplitudes (or complex64), or indices (uint8)
    we:       {"call": "decode", "height": H, "width": W, "snr_db": [10.0, ...],
               "shape": [B, ...], "dtype": ...} + what arrived
    program:  {"shape": [B, H, W, 3], "dtype": "float32", "ok": [true, ...]} + images; ok may be left out
    program:  {"error": "what went wrong"}                               in the place of any answer

The program ends when its standard input does. What it writes to standard error is shown if it dies.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import weakref
from collections.abc import Callable
from fractions import Fraction
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moclink.errors import ChainError
from moclink.types import ChannelState

PROTOCOL = 1
KINDS = ("float32", "complex64", "uint8")  # of arrays
LONGEST_LINE = 1_000_000  # bytes of a message's first line
PATIENCE_S = 5.0  # for a program to end by itself


class Options(Protocol):
    """What the program is told of the run, see `moclink.user_codec.make.CodecOptions`."""

    @property
    def cbr(self) -> Fraction | None:
        """Channel bandwidth ratio that the name states."""

    @property
    def match(self) -> str:
        """How classical chains are matched."""

    @property
    def code(self) -> str:
        """Channel code of bits."""

    @property
    def seed(self) -> int:
        """Seed of the run."""

    @property
    def symbols(self) -> Callable[[int, int], int]:
        """(height, width) -> complex symbols of a picture."""

    @property
    def bits(self) -> Callable[[int, int], int]:
        """(height, width) -> bits that they carry."""


class SubprocessCodec:
    """A codec behind a command. The program is started when it is first asked, and again if it has died.

    Args:
        name: Name of the chain.
        command: The program and its arguments.
        options: What the program is told of the run.

    Raises:
        ChainError: If the program cannot be started or does not keep to the protocol.
    """

    def __init__(self, name: str, command: tuple[str, ...], options: Options) -> None:
        self._name = name
        self._command = command
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        hello = self._start()
        self.adaptive = False if hello.get("adaptive") is None else hello["adaptive"]
        self.multiple = 1 if hello.get("multiple") is None else hello["multiple"]
        self.cbr = hello.get("cbr")
        if hello.get("alphabet") is not None:
            self.alphabet = hello["alphabet"]

    def encode(self, images: NDArray[np.float32], csi: ChannelState | None = None) -> Any:
        """Images [B, H, W, 3] -> amplitudes or indices [B, ...]."""
        height, width = images.shape[1:3]
        fields = {"symbols": self._options.symbols(height, width)}
        fields["bits"] = self._options.bits(height, width)
        snr = {"snr_db": csi.snr_db} if csi is not None else {}
        return self._ask({"call": "encode", **fields, **snr}, images)[1]

    def decode(
        self, received: NDArray[Any], height: int, width: int, snr_db: NDArray[np.float32]
    ) -> list[Any]:
        """What arrives -> images, None where there is none."""
        fields = {"height": height, "width": width, "snr_db": [float(snr) for snr in snr_db]}
        answer, images = self._ask({"call": "decode", **fields}, np.asarray(received))
        ok = answer.get("ok") or [True] * len(images)
        return [image if good else None for image, good in zip(images, ok, strict=True)]

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            self._finalizer()
            self._process = None

    def _start(self) -> dict[str, Any]:
        """Start the program and greet it; returns what it says of itself."""
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for moclink, which ends the program in its turn
            )
        except OSError as error:
            raise ChainError(self._name, f"the command cannot be started: {error}") from error
        self._finalizer = weakref.finalize(self, _end, self._process)
        fields = {name: getattr(self._options, name) for name in ("match", "code", "seed")}
        cbr = None if self._options.cbr is None else str(self._options.cbr)
        hello = {"call": "hello", "protocol": PROTOCOL, "cbr": cbr, **fields}
        return self._exchange(hello, None)[0]

    def _ask(self, call: dict[str, Any], array: NDArray[Any]) -> tuple[dict[str, Any], NDArray]:
        if self._process is None:
            self._start()
        answer, returned = self._exchange(call, array)
        if returned is None:
            raise ChainError(
                self._name, f"the answer to {call['call']} has no shape; an array is wanted"
            )
        return answer, returned

    def _exchange(
        self, call: dict[str, Any], array: NDArray[Any] | None
    ) -> tuple[dict[str, Any], NDArray[Any] | None]:
        """Send a message and read the answer; a program that broke the protocol is ended."""
        assert self._process is not None
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None and answers is not None
        try:
            _write(asked, call, array)
            answer, returned = _read(answers)
        except BaseException as error:  # half a message may be left in the pipes, also by Ctrl-C
            problem = self._stderr_tail() if isinstance(error, (EOFError, BrokenPipeError)) else ""
            self.close()
            if isinstance(error, (OSError, ValueError, EOFError)):
                raise ChainError(self._name, f"{call['call']}: {problem or error}") from error
            raise
        if "error" in answer:
            text = str(answer["error"]).strip().split("\n")[0]
            raise ChainError(self._name, f"{call['call']}: the program says: {text}")
        return answer, returned

    def _stderr_tail(self) -> str:
        """How the program ended, with the last line that it wrote to standard error."""
        assert self._process is not None and self._errors is not None
        try:
            status = f"with status {self._process.wait(PATIENCE_S)}"
        except subprocess.TimeoutExpired:
            status = "its standard output"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"the program has ended {status}" + (f": {lines[-1]}" if lines else "")


def _write(stream: IO[bytes], message: dict[str, Any], array: NDArray[Any] | None) -> None:
    if array is not None:
        kind = "complex64" if array.dtype.kind == "c" else str(array.dtype)
        array = np.ascontiguousarray(array, np.dtype(kind).newbyteorder("<"))
        message = {**message, "shape": list(array.shape), "dtype": kind}
    stream.write(json.dumps(message).encode() + b"\n")
    if array is not None:
        stream.write(array.tobytes())
    stream.flush()


def _read(stream: IO[bytes]) -> tuple[dict[str, Any], NDArray[Any] | None]:
    """Read a message.

    Raises:
        EOFError: If the program has ended.
        ValueError: If it is no message.
    """
    line = stream.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError("the program's output has ended")
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise ValueError(
            f"the program wrote {line[:60]!r}, which is no JSON object; what it prints belongs on "
            "standard error"
        )
    if "shape" not in message:
        return message, None
    shape, kind = message["shape"], message.get("dtype")
    sizes = shape if isinstance(shape, list) else [None]
    if kind not in KINDS or not all(isinstance(n, int) and n >= 0 for n in sizes):
        raise ValueError(
            f"the program's array is {kind} {shape}; one of {', '.join(KINDS)} and a list of sizes"
        )
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the program's output has ended within an array")
    array = np.frombuffer(data, np.dtype(kind).newbyteorder("<")).reshape(shape)
    return message, array.astype(kind)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close a program's input and wait for its end; one that does not end is killed."""
    for stream in (process.stdin, process.stdout):
        try:
            if stream is not None:
                stream.close()
        except OSError:  # it is gone already
            pass
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
