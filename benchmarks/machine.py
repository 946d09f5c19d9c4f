"""What every benchmark says of the machine it ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine_line() -> str:
    """One line: processor, CPUs for this process, vector instructions, load before the run, Python."""
    model, vectors = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = dict(
            line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line
        )
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        model = fields.get("model name", model)
        flags = fields.get("flags", "").split()
        vectors = next((f", {name}" for flag, name in _VECTORS if flag in flags), "")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{model}, {cpus} CPUs{vectors}{load}, Python {platform.python_version()}"


_VECTORS = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON"))
