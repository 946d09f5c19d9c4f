"""Limits of control groups, nested as containers and batch systems nest them."""

import pytest

from moclink.sweep import memory, workers
from moclink.sweep.cgroups import cpu_quota, memory_left


@pytest.fixture
def groups(tmp_path):
    """Make groups: files by path; and what /proc/self/cgroup says."""

    def make(own, **files):
        root = tmp_path / "cgroup"
        root.mkdir()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"{text}\n")
        (tmp_path / "own").write_text(own)
        return root, tmp_path / "own"

    return make


def test_without_groups_there_are_no_limits(tmp_path):
    assert memory_left(tmp_path, tmp_path / "own") is None
    assert cpu_quota(tmp_path, tmp_path / "own") is None


def test_the_tightest_of_nested_limits_holds(groups):
    files = {
        "job.slice/memory.max": 4000,
        "job.slice/memory.current": 1000,
        "job.slice/cpu.max": "150000 100000",
        "job.slice/step/memory.max": "max",
        "job.slice/step/memory.current": 500,
        "job.slice/step/cpu.max": "max 100000",
        "other/memory.max": 1,
        "other/memory.current": 1,
    }
    root, own = groups("0::/job.slice/step\n", **files)
    assert memory_left(root, own) == 3000
    assert cpu_quota(root, own) == 1.5


def test_files_that_nobody_reads_are_left(groups):
    files = {
        "memory.max": 4000,
        "memory.current": 3900,
        "memory.stat": "anon 900\ninactive_file 2500\nactive_file 500",
    }
    root, own = groups("0::/\n", **files)
    assert memory_left(root, own) == 2600


def test_version_1_and_a_path_that_a_container_cannot_see(groups):
    files = {
        "memory/memory.limit_in_bytes": 9000,
        "memory/memory.usage_in_bytes": 1000,
        "cpu/cpu.cfs_quota_us": 200000,
        "cpu/cpu.cfs_period_us": 100000,
        "cpu/docker/abc/cpu.cfs_quota_us": -1,
        "cpu/docker/abc/cpu.cfs_period_us": 100000,
    }
    own = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n0::/\n"
    root, own = groups(own, **files)
    assert memory_left(root, own) == 8000
    assert cpu_quota(root, own) == 2


def test_a_sweep_keeps_to_them(monkeypatch):
    monkeypatch.setattr(memory, "memory_left", lambda: 12345)
    assert memory.available_memory() == 12345
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    for quota, wanted in ((None, 8), (1.2, 2), (0.3, 1), (64.0, 8)):
        monkeypatch.setattr(workers, "cpu_quota", lambda quota=quota: quota)
        assert workers.cpus() == wanted
