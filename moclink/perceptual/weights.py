"""Read foreign weight files as plain arrays, without their framework and without running anything in them.

    .pth          torch.save of a state dict, the zip format and the legacy one before it
    .ckpt .pkl    pickled containers (dict, list, tuple) of NumPy arrays
    .npz          NumPy's own archive
    .onnx         the initialisers of a graph

A pickle is a program. Here it runs in an unpickler that knows the half-dozen names needed to lay
out a tensor and refuses every other one, so a hostile file can name no function to call. PyTorch
and ONNX would read their own files at some gigabytes of packages; the weights are others', and too
large to be shipped in a plainer format.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}
# What a damaged or foreign file raises while it is being parsed; anything else is a fault of ours.
_DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    OverflowError,
    NotImplementedError,
)


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read every array of a weight file.

    Args:
        path: A `.pth`, `.pt`, `.ckpt`, `.pkl`, `.npz` or `.onnx` file. Its content decides, but for
            `.onnx`.

    Returns:
        Name -> array, in the file's own layout and dtype. Names of nested containers are joined by
        ".".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, of another kind, or names something that is no weight.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if path.suffix == ".onnx":
                return dict(_onnx_initialisers(file.read()))
            return dict(_flatten(_read_container(file)))
    except _DAMAGE as error:
        raise ValueError(f"{path} cannot be read as a file of weights: {error}") from error


def _read_container(file: BinaryIO) -> Any:
    """The nested container of arrays in a zip, legacy or plain pickle file."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            record = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
            if record is not None:
                return _read_zip(archive, record)
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    file.seek(0)
    first = _WeightUnpickler(file).load()
    return _read_legacy(file) if first == _LEGACY_MAGIC else first


def _read_zip(archive: zipfile.ZipFile, record: str) -> Any:
    """torch.save since 1.6: `<root>/data.pkl` and one raw file `<root>/data/<key>` for each storage."""
    root = record[: -len("data.pkl")]
    byteorder = root + "byteorder"
    if byteorder in archive.namelist() and archive.read(byteorder) != b"little":
        raise ValueError("its numbers are big-endian; only little-endian files are read")

    def storage(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        return np.frombuffer(archive.read(f"{root}data/{key}"), dtype, count)

    with archive.open(record) as pickled:
        return _WeightUnpickler(io.BytesIO(pickled.read()), storage).load()


def _read_legacy(file: BinaryIO) -> Any:
    """torch.save before 1.6, past its magic: protocol, machine, state dict, storage keys, the raw storages.

    The state dict comes before its numbers, so it is read twice: first to learn each storage's type
    and size, then, with the storages read, to lay out the tensors.
    """
    if _WeightUnpickler(file).load() != _LEGACY_PROTOCOL:
        raise ValueError("its protocol is not 1001, the only one of the legacy format")
    if not _WeightUnpickler(file).load()["little_endian"]:
        raise ValueError("its numbers are big-endian; only little-endian files are read")
    start = file.tell()
    kinds: dict[str, np.dtype] = {}

    def placeholder(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        kinds[key] = dtype
        return np.broadcast_to(np.zeros((), dtype), (count,))

    _WeightUnpickler(file, placeholder, lay_out=False).load()
    storages = {}
    for key in _WeightUnpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        dtype = kinds[key]
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    file.seek(start)
    return _WeightUnpickler(file, lambda key, dtype, count: storages[key]).load()


class _WeightUnpickler(pickle.Unpickler):
    """An unpickler that can build containers, tensors and arrays, and nothing else."""

    def __init__(
        self,
        file: BinaryIO,
        storage: Callable[[str, np.dtype, int], np.ndarray] | None = None,
        lay_out: bool = True,
    ):
        super().__init__(file)
        self._storage = storage
        self._lay_out = lay_out

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Dtype,
            ("numpy.core.multiarray", "_reconstruct"): _Array,
            ("numpy._core.multiarray", "_reconstruct"): _Array,
        }
        try:
            return known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, which no weights need; refused"
            ) from None

    def persistent_load(self, pid: Any) -> np.ndarray:
        kind, dtype, key, _, count = pid[:5]
        if kind != "storage" or self._storage is None or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(
                f"it refers to something that is not a tensor's storage: {pid[:1]!r}"
            )
        return self._storage(key, dtype, count)

    def _tensor(
        self, storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_: Any
    ) -> np.ndarray:
        """A tensor as a copy of its view into a storage; a view that leaves the storage is refused."""
        if not self._lay_out:
            return storage
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if offset < 0 or min((*size, *stride, 1)) < 0:
            raise pickle.UnpicklingError("a tensor has a negative size, stride or offset")
        if math.prod(size) > storage.size or (math.prod(size) and last >= storage.size):
            raise pickle.UnpicklingError(
                f"a tensor of shape {size} reaches beyond its {storage.size} stored numbers"
            )
        steps = [step * storage.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).copy()


class _Dtype:
    """Stands for `numpy.dtype` in a pickle: numbers only."""

    def __init__(self, code: str, *_: Any):
        if not isinstance(code, str) or code[:1] not in "fiub" or not code[1:].isdigit():
            raise pickle.UnpicklingError(f"an array holds {code!r}, not numbers")
        self.code = code

    def __setstate__(self, state: tuple) -> None:
        self.code = state[1].replace("|", "") + self.code


class _Array:
    """Stands for `numpy.ndarray` in a pickle, until `_flatten` makes the array from its state."""

    def __init__(self, *_: Any):
        self.value = np.empty(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("an array is not stored as the bytes of its numbers")
        self.value = np.frombuffer(data, np.dtype(dtype.code)).reshape(
            shape, order="F" if fortran else "C"
        )


def _flatten(tree: Any, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Leaves of nested containers with their joined names; what is no array (a count, say) is left out."""
    if isinstance(tree, _Array):
        yield prefix, tree.value
    elif isinstance(tree, np.ndarray):
        yield prefix, tree
    elif isinstance(tree, dict | list | tuple):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _flatten(value, f"{prefix}.{key}" if prefix else str(key))


def _onnx_initialisers(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Float32 initialisers of an ONNX model: its protobuf fields are graph = 7, and in it initializer = 5."""
    for number, graph in _protobuf_fields(memoryview(data)):
        if number == 7:
            for inner, tensor in _protobuf_fields(graph):
                if inner == 5:
                    yield from _onnx_tensor(tensor)


def _onnx_tensor(tensor: memoryview) -> Iterator[tuple[str, np.ndarray]]:
    """One tensor: dims = 1, type = 2 (float: 1), float_data = 4, name = 8, raw_data = 9, location = 14."""
    dims: list[int] = []
    values: dict[int, Any] = {2: 0, 8: b"", 14: 0}
    for number, value in _protobuf_fields(tensor):
        if number != 1:
            values[number] = value
        elif isinstance(value, int):
            dims.append(value)
        else:
            dims.extend(_packed_varints(value))
    if values[2] != 1:
        return
    if values[14]:
        raise ValueError("it keeps its weights in a second file; only models in one file are read")
    numbers = np.frombuffer(values.get(9, values.get(4, b"")), "<f4")
    yield bytes(values[8]).decode(), numbers.reshape(dims)


def _protobuf_fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Fields of a protobuf message: (number, integer for a varint, else the field's bytes)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"it is no ONNX model (protobuf wire type {wire} at byte {at})")
        if at + length > len(message):
            raise ValueError(f"it ends {at + length - len(message)} bytes too early")
        yield key >> 3, message[at : at + length]
        at += length


def _packed_varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The little-endian base-128 integer at a position, and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
