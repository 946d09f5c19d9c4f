"""GPUs for worker processes: which there are, and which one a worker takes. Loads no framework."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Sequence
from pathlib import Path

from moclink.sionna_version import TENSORFLOW, TORCH, WrongSionna, check_sionna

PATIENCE_S = 60.0  # how long a worker waits for a GPU of its own


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Names of the GPUs that the engine's framework would use, as CUDA_VISIBLE_DEVICES takes them.

    Those that CUDA_VISIBLE_DEVICES names if it is set, else all whose device files NVIDIA's driver
    has made; none where `has_cuda` says that the framework cannot use them.
    """
    if not has_cuda():
        return []
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [str(number) for number in range(len(list(devices.glob("nvidia[0-9]*"))))]
    names = [name.strip() for name in chosen.split(",")]
    # CUDA stops reading at the first name that is no device, such as -1.
    end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return names[:end]


def has_cuda() -> bool:
    """Whether the engine's framework can use GPUs, told from installed files.

    TensorFlow needs the libraries that `pip install moclink[gpu]` brings; PyTorch is built for GPUs
    or is not, and then brings or needs its libraries itself.
    """
    try:
        engine = check_sionna()
    except WrongSionna:  # which whatever needs Sionna will say
        engine = TENSORFLOW
    if engine == TORCH:
        found = importlib.util.find_spec("torch")
        if found is None or found.origin is None:
            return False
        return any(Path(found.origin).parent.glob("lib/*torch_cuda*"))
    try:
        return importlib.util.find_spec("nvidia.cudnn") is not None
    except ModuleNotFoundError:
        return False


def places(gpus: Sequence[str], workers: int) -> list[tuple[str, int]]:
    """Deal GPUs out to workers, one each; where workers are more, they share in turns.

    Returns:
        (GPU, how many workers have it before) for each worker.
    """
    return [(gpus[worker % len(gpus)], worker // len(gpus)) for worker in range(workers)]


def share_gpus(gpus: int, cpus: int, per_worker: float | None = None) -> tuple[float, int]:
    """What GPUs a worker on a cluster asks for, and how many workers there are.

    Args:
        gpus: GPUs of the cluster.
        cpus: Its CPUs; each worker needs one.
        per_worker: GPUs that each worker is to have: 1, a fraction such as 0.5 (two share one), or
            0 (none uses a GPU); None for one GPU where there are any.

    Returns:
        (GPUs of a worker, number of workers). A fraction is not made up of parts of several GPUs.

    Raises:
        ValueError: If `per_worker` is no such number, or there are no GPUs.
    """
    share = float(gpus > 0) if per_worker is None else per_worker
    if not 0 <= share <= 1:
        raise ValueError(
            f"gpus={share:g}: a worker has one GPU (1), a fraction of one (0.5), or none (0)"
        )
    if share and not gpus:
        raise ValueError(
            f"gpus={share:g}: no node of the cluster has a GPU now; start those nodes first, or ask "
            "for gpus=0"
        )
    workers = min(cpus, gpus * int(1 / share + 1e-9)) if share else cpus
    return share, max(1, workers)


def take_gpu(gpus: Sequence[str], workers: int, folder: Path) -> int:
    """Take a GPU that no other worker has, and show this process no other; before its framework is loaded.

    A place is held by the lock on a file in `folder`, which the system gives back however the
    process ends: whoever comes instead takes its place.

    Returns:
        The file descriptor that holds the place until it is closed or this process ends.

    Raises:
        RuntimeError: If all places stay taken.
    """
    import fcntl

    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for gpu, turn in places(gpus, workers):
            # A plain descriptor stays open, and the place locked, until this process ends.
            claim = os.open(folder / f"{gpu.replace('/', '-')}.{turn}", os.O_WRONLY | os.O_CREAT)
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(claim)
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            if workers > len(gpus):  # else the first would take all its memory
                os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
            return claim
        time.sleep(0.1)  # of a worker that is ending
    raise RuntimeError(f"all places on the GPUs {', '.join(gpus)} are taken")
