"""What Linux control groups (containers, batch systems, slices of systemd) allow this process.

A limit may be set on the group of the process or on any group above it, in version 1 or 2 of the
interface; all of them hold. psutil reports the memory of the machine, and joblib the CPU quota of
one group, not of those above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def memory_left(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Bytes that the tightest limit leaves, or None without a limit.

    Pages of files that were read long ago count as used, though the system gives them up first:
    they are left.
    """
    left = _least(_memory_left, "memory", root, membership)
    return None if left is None else int(left)


def cpu_quota(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float | None:
    """CPUs by the tightest quota of time, or None without a quota."""
    return _least(_cpu_quota, "cpu", root, membership)


def _least(
    read: Callable[[Path], float | None], controller: str, root: Path, membership: Path
) -> float | None:
    """The least of what is read from all groups that this process is in."""
    found = [read(folder) for folder in _groups(controller, root, membership)]
    return min((value for value in found if value is not None), default=None)


def _groups(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """Folders of the groups that this process is in, of both versions of the interface."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        tops = [root, root / "unified"] if number == "0" else [root / controller]
        if number != "0" and controller not in controllers.split(","):
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for top in tops:
            # A container may see its own group as the top, under whatever path it has outside.
            yield from (top / part for part in (inside, *inside.parents))


def _memory_left(folder: Path) -> int | None:
    for limit, used, files in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most = int((folder / limit).read_text())
            left = most - int((folder / used).read_text())
        except (OSError, ValueError):  # no such group; "max" is no limit
            continue
        return max(0, min(most, left + _reclaimable_bytes(folder, files)))
    return None


def _reclaimable_bytes(folder: Path, name: str) -> int:
    """Bytes of files in memory that nobody has read lately."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        return int(dict(line.split() for line in lines)[name])
    except (OSError, ValueError, KeyError):
        return 0


def _cpu_quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        cpus = int(quota) / int(period)  # "max" or -1 without a quota
    except (ValueError, ZeroDivisionError):
        return None
    return cpus if cpus > 0 else None
