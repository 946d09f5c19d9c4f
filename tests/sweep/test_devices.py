"""Which GPUs there are, and which one a worker takes."""

import importlib.util
import math
import os

import pytest

from moclink.sweep import devices
from moclink.sweep.devices import has_cuda, places, share_gpus, take_gpu, visible_gpus


def test_gpus_are_dealt_out_one_each_then_in_turns(tmp_path, monkeypatch):
    assert places(["0", "1"], 2) == [("0", 0), ("1", 0)]
    assert places(["0", "1"], 5) == [("0", 0), ("1", 0), ("0", 1), ("1", 1), ("0", 2)]
    monkeypatch.setattr(devices, "PATIENCE_S", 0.3)
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    taken, claims = [], []
    for _ in range(3):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        claims.append(take_gpu(["0", "1"], 3, tmp_path))
        taken.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert taken == ["0", "1", "0"] and os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    with pytest.raises(RuntimeError, match="all places on the GPUs 0, 1 are taken"):
        take_gpu(["0", "1"], 3, tmp_path)
    os.close(claims.pop(1))  # the second worker has died
    claims.append(take_gpu(["0", "1"], 3, tmp_path))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    for claim in claims:
        os.close(claim)


@pytest.mark.parametrize(
    "chosen,expected",
    [
        (None, ["0", "1", "2"]),
        ("2,0", ["2", "0"]),
        ("-1", []),
        ("", []),
        ("1,-1,2", ["1"]),
        ("GPU-a", ["GPU-a"]),
    ],
)
def test_visible_gpus_are_those_of_cuda(chosen, expected, tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia1", "nvidia5", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(devices, "has_cuda", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert visible_gpus(tmp_path) == expected


def test_without_cudas_libraries_there_are_no_gpus(tmp_path, monkeypatch):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(devices, "has_cuda", lambda: False)
    assert visible_gpus(tmp_path) == []


@pytest.mark.parametrize(
    ("gpus", "cpus", "asked", "expected"),
    [
        (0, 8, None, (0.0, 8)),
        (2, 8, None, (1.0, 2)),
        (2, 8, 0.5, (0.5, 4)),
        (2, 8, 0.4, (0.4, 4)),  # what is left of two devices is no device
        (2, 8, 0.1, (0.1, 8)),  # a worker has a CPU
        (1, 64, 0.1, (0.1, 10)),
        (2, 8, 0.0, (0.0, 8)),
        (1, 0, None, (1.0, 1)),
    ],
)
def test_workers_of_a_cluster_have_a_gpu_or_a_share_of_one(gpus, cpus, asked, expected):
    assert share_gpus(gpus, cpus, asked) == expected


@pytest.mark.parametrize("asked", [-0.5, 1.5, math.nan, math.inf])
def test_shares_that_no_worker_can_have_are_refused(asked):
    with pytest.raises(ValueError, match=f"gpus={asked:g}: a worker has one GPU"):
        share_gpus(2, 8, asked)
    with pytest.raises(ValueError, match="no node of the cluster has a GPU now"):
        share_gpus(0, 8, 0.5)


def test_tensorflow_uses_gpus_by_libraries_beside_it(monkeypatch):
    monkeypatch.setattr(devices, "check_sionna", lambda: "tensorflow")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert has_cuda()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not has_cuda()


def test_pytorch_uses_gpus_if_it_was_built_for_them(tmp_path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libtorch_cpu.so").touch()
    found = importlib.util.spec_from_file_location("torch", tmp_path / "__init__.py")
    monkeypatch.setattr(devices, "check_sionna", lambda: "torch")
    monkeypatch.setattr(importlib.util, "find_spec", {"torch": found}.get)
    assert not has_cuda()
    (tmp_path / "lib" / "libtorch_cuda.so").touch()
    assert has_cuda()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not has_cuda()
