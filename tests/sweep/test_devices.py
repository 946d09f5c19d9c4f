"""Which GPUs there are, and which one a worker takes."""

import importlib.util
import os

import pytest

from moclink.sweep import devices
from moclink.sweep.devices import places, take_gpu, visible_gpus


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
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert visible_gpus(tmp_path) == expected


def test_without_cudas_libraries_there_are_no_gpus(tmp_path, monkeypatch):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert visible_gpus(tmp_path) == []
