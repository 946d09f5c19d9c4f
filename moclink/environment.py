"""What is wrong with an installation or its settings, said in one line before a run begins."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")


def check_environment() -> None:
    """Check Sionna's version, Numba's compiler and Keras's backend.

    Raises:
        ValueError: If one of them cannot be used; the message says what is needed.
    """
    import moclink.phy  # noqa: F401 - checks Sionna's version

    try:
        from moclink.compiled import check_compiler
    except ValueError as error:  # of Numba, which does not name the variable
        threads = os.environ.get("NUMBA_NUM_THREADS")
        raise ValueError(f"NUMBA_NUM_THREADS is {threads!r}: {error}") from error
    check_compiler()
    check_backend()


def check_backend() -> None:
    """Check that the backend that Keras will load is installed.

    Raises:
        ValueError: If it is not, or there is no such backend.
    """
    name, place = _chosen_backend()
    if name not in BACKENDS:
        raise ValueError(f"{place} is {name!r}; Keras has {', '.join(BACKENDS)}")
    if importlib.util.find_spec(name) is None:
        raise ValueError(
            f"{place} is {name!r}, which is not installed; install it, or set "
            "KERAS_BACKEND=tensorflow"
        )


def _chosen_backend() -> tuple[str, str]:
    """Keras's backend, and where it was chosen: the environment, then the user's keras.json."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name, "KERAS_BACKEND"
    home = os.environ.get("KERAS_HOME")
    path = (Path(home) if home else Path("~/.keras").expanduser()) / "keras.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        return str(settings.get("backend", BACKENDS[0])), f"backend in {path}"
    except (OSError, ValueError, AttributeError, RuntimeError):  # as Keras: its defaults
        return BACKENDS[0], "KERAS_BACKEND"
