"""The reader of weight files: what it reads, and that a file can make it run nothing."""

import collections
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from moclink.perceptual.weights import read_weights

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class _Named:
    """Pickles as a call of a named function, as a tensor does in torch.save."""

    def __init__(self, module, name, args):
        self.call = f"c{module}\n{name}\n".encode(), args


class _Pickler(pickle._Pickler):
    """Writes what torch.save writes, without torch: calls by name and storages by reference."""

    dispatch = dict(pickle._Pickler.dispatch)

    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, _Storage) else None

    def save_named(self, obj):
        code, args = obj.call
        self.write(code)
        if args is not None:
            self.save(args)
            self.write(pickle.REDUCE)

    dispatch[_Named] = save_named


class _Storage:
    def __init__(self, kind, key, count):
        self.pid = ("storage", _Named("torch", kind, None), key, "cpu", count)


def _tensor(storage, offset, size, stride):
    args = (storage, offset, size, stride, False, collections.OrderedDict())
    return _Named("torch._utils", "_rebuild_tensor_v2", args)


def _pickled(obj):
    file = io.BytesIO()
    _Pickler(file, 2).dump(obj)
    return file.getvalue()


def _zip_file(path, tensors, storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", _pickled(tensors))
        archive.writestr("net/byteorder", b"little")
        for key, numbers in storages.items():
            archive.writestr(f"net/data/{key}", numbers.tobytes())


def _legacy_file(path, tensors, storages):
    machine = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [_pickled(part) for part in (MAGIC, PROTOCOL, machine, tensors, list(storages))]
    parts += [struct.pack("<q", numbers.size) + numbers.tobytes() for numbers in storages.values()]
    path.write_bytes(b"".join(parts))


def _example():
    """A transposed view, a view with an offset into the same storage, half precision and integers."""
    a = np.arange(24, dtype="<f4") / 7
    b = np.array([1.5, -2.0], "<f2")
    c = np.array([2**40, -3], "<i8")
    whole = _Storage("FloatStorage", "0", 24)
    tensors = collections.OrderedDict(
        kernel=_tensor(whole, 0, (4, 6), (1, 4)),
        bias=_tensor(whole, 20, (3,), (1,)),
        scale=_tensor(_Storage("HalfStorage", "1", 2), 0, (2,), (1,)),
        nested={"count": _tensor(_Storage("LongStorage", "2", 2), 0, (2,), (1,)), "epoch": 3},
    )
    expected = {"kernel": a.reshape(6, 4).T, "bias": a[20:23], "scale": b, "nested.count": c}
    return tensors, {"0": a, "1": b, "2": c}, expected


@pytest.mark.parametrize("write", [_zip_file, _legacy_file])
def test_both_formats_of_torch_save(tmp_path, write):
    tensors, storages, expected = _example()
    write(tmp_path / "net.pth", tensors, storages)
    found = read_weights(tmp_path / "net.pth")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("order", ["C", "F"])
def test_pickled_arrays_and_npz(tmp_path, order):
    kernel = np.asarray(np.random.default_rng(0).normal(size=(3, 2, 5)), np.float32, order=order)
    (tmp_path / "net.ckpt").write_bytes(pickle.dumps({"conv": [kernel, np.arange(4)]}, protocol=3))
    found = read_weights(tmp_path / "net.ckpt")
    np.testing.assert_array_equal(found["conv.0"], kernel)
    np.testing.assert_array_equal(found["conv.1"], np.arange(4))
    np.savez(tmp_path / "net.npz", kernel=kernel)
    np.testing.assert_array_equal(read_weights(tmp_path / "net.npz")["kernel"], kernel)


class _Hostile:
    def __init__(self, call, *args):
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


@pytest.mark.parametrize(
    "call", [os.system, eval, exec, getattr, np.load, np.frombuffer, __import__]
)
@pytest.mark.parametrize("wrap", ["plain", "zip", "legacy"])
def test_a_hostile_file_is_refused_and_runs_nothing(tmp_path, call, wrap):
    witness = tmp_path / "witness"
    hostile = pickle.dumps({"a": _Hostile(call, f"touch {witness}")}, protocol=2)
    path = tmp_path / "net.pth"
    if wrap == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/data.pkl", hostile)
    elif wrap == "legacy":
        machine = {"little_endian": True}
        path.write_bytes(
            b"".join(pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, machine)) + hostile
        )
    else:
        path.write_bytes(hostile)
    with pytest.raises(ValueError, match="which no weights need; refused"):
        read_weights(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (25,), (1,)),
        (20, (5,), (1,)),
        (0, (2, 2), (1, 30)),
        (-1, (2,), (1,)),
        (0, (10**12,), (0,)),
        (0, (2,), (-1,)),
    ],
)
def test_a_tensor_may_not_reach_beyond_its_storage(tmp_path, offset, size, stride):
    tensors = {"a": _tensor(_Storage("FloatStorage", "0", 24), offset, size, stride)}
    _zip_file(tmp_path / "net.pth", tensors, {"0": np.zeros(24, "<f4")})
    with pytest.raises(ValueError, match="beyond its 24|negative"):
        read_weights(tmp_path / "net.pth")


def test_arrays_of_objects_are_refused(tmp_path):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"a": np.array([{}], object)}, protocol=3))
    with pytest.raises(ValueError, match="not numbers"):
        read_weights(tmp_path / "net.pkl")


@pytest.mark.parametrize("write", [_zip_file, _legacy_file])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, write, kept):
    tensors, storages, _ = _example()
    path = tmp_path / "net.pth"
    write(path, tensors, storages)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match="net.pth cannot be read"):
        read_weights(path)


def _field(number, payload):
    if isinstance(payload, int):
        return _number(number << 3) + _number(payload)
    return _number(number << 3 | 2) + _number(len(payload)) + payload


def _number(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _onnx_tensor(name, array, packed=False, **extra):
    dims = [_field(1, n) for n in array.shape]
    if packed:
        dims = [_field(1, b"".join(_number(n) for n in array.shape))]
    location = [_field(14, 1)] if extra.get("external") else []
    raw = _field(4 if packed else 9, array.tobytes())
    return b"".join(
        [*dims, _field(2, extra.get("kind", 1)), *location, _field(8, name.encode()), raw]
    )


def test_onnx_initialisers(tmp_path):
    kernel = np.random.default_rng(1).normal(size=(200, 3, 2, 2)).astype("<f4")
    bias = np.arange(5, dtype="<f4")
    tensors = [_onnx_tensor("kernel", kernel), _onnx_tensor("bias", bias, packed=True)]
    tensors.append(_onnx_tensor("shape", np.arange(3), kind=7))
    graph = _field(2, b"graph") + b"".join(_field(5, tensor) for tensor in tensors)
    path = tmp_path / "net.onnx"
    path.write_bytes(_field(1, 8) + _field(7, graph))
    found = read_weights(path)
    assert found.keys() == {"kernel", "bias"}
    np.testing.assert_array_equal(found["kernel"], kernel)
    np.testing.assert_array_equal(found["bias"], bias)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="too early"):
        read_weights(path)
    path.write_bytes(_field(7, _field(5, _onnx_tensor("kernel", kernel, external=True))))
    with pytest.raises(ValueError, match="second file"):
        read_weights(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pth"):
        read_weights(tmp_path / "absent.pth")
