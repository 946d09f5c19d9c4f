"""How much memory a sweep may use, and what its workers need."""

from __future__ import annotations

import os
import re
from pathlib import Path

from moclink.sweep.cgroups import memory_left

_UNITS = {"": 2**30, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_FALLBACK = 4 * 2**30  # where the system does not say


def parse_memory(text: str) -> int:
    """Read an amount such as 4G, 1.5GB or 800M, in bytes; a plain number is GB.

    Raises:
        ValueError: If the text is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    size = float(match[1]) * _UNITS[match[2].upper()] if match else 0.0
    if size < 1:
        raise ValueError(f"--memory {text}: give an amount such as 4G or 800M")
    return int(size)


def available_memory() -> int:
    """Bytes that this process may still take, by the system's figures and those of its control groups."""
    limits = [_meminfo(), memory_left()]
    return min((limit for limit in limits if limit is not None), default=_FALLBACK)


def _meminfo() -> int | None:
    """What Linux calls available, else half of what is installed, else None."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return None
