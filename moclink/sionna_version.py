"""Which engine is installed: Sionna 1.2 on TensorFlow or Sionna 2 on PyTorch.

Both lines of Sionna are the module `sionna`, so an environment holds one of them, and with it goes
the engine. `--engine` and MOCLINK_ENGINE name the engine that is wanted; if it is not the installed
one, or its framework is missing, that is said in one line before anything is loaded.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from moclink.constants import ENGINES

TENSORFLOW, TORCH = ENGINES
VARIABLE = "MOCLINK_ENGINE"
WANTED = {TENSORFLOW: "sionna-no-rt>=1.2.2,<2", TORCH: "sionna-no-rt>=2.2,<3"}
FRAMEWORKS = {TENSORFLOW: "tensorflow>=2.21,<2.22", TORCH: "torch>=2.9.1"}
_NAMES = {TENSORFLOW: "TensorFlow", TORCH: "PyTorch"}


class WrongSionna(ImportError, ValueError):
    """Sionna or its framework is missing or not the one wanted; the message says what is needed."""


def check_sionna() -> str:
    """Refuse what is neither Sionna 1.2 with TensorFlow nor Sionna 2 with PyTorch.

    Packages of several names install the module `sionna` (sionna, sionna-no-rt): the module counts.

    Returns:
        The engine: "tensorflow" or "torch".

    Raises:
        WrongSionna: Sionna or its framework is missing, is of another version, or is not the engine
            that MOCLINK_ENGINE names.
    """
    asked = os.environ.get(VARIABLE) or None
    if asked is not None and asked not in ENGINES:
        raise WrongSionna(f"{VARIABLE} is {asked!r}; there are: {', '.join(ENGINES)}")
    version = _sionna_version(asked or TENSORFLOW)
    engine = _engine_of(version)
    if engine is None:
        raise WrongSionna(
            f"Sionna {version} is installed, and moclink needs Sionna 1.2 (TensorFlow) or Sionna 2 "
            f"from 2.2 on (PyTorch); {_remedy(asked or TENSORFLOW)}"
        )
    if asked not in (None, engine):
        raise WrongSionna(
            f"the engine {asked} was asked for, and Sionna {version} is installed, which runs on "
            f"{_NAMES[engine]}; {_remedy(asked)}, or ask for the engine {engine}"
        )
    if importlib.util.find_spec(engine) is None:
        other = TORCH if engine == TENSORFLOW else TENSORFLOW
        raise WrongSionna(
            f"Sionna {version} is installed without {_NAMES[engine]}, on which it runs; "
            f'pip install "{FRAMEWORKS[engine]}"'
            + (
                f"; or, for the engine {other}, {_remedy(other)}"
                if importlib.util.find_spec(other)
                else ""
            )
        )
    return engine


def _engine_of(version: str | None) -> str | None:
    """The engine of a version of Sionna; a module that states none is taken for the default's."""
    if version is None:
        return TENSORFLOW
    found = re.match(r"(\d+)\.(\d+)", version)
    major, minor = (int(found[1]), int(found[2])) if found else (0, 0)
    if (major, minor) == (1, 2):
        return TENSORFLOW
    return TORCH if major == 2 and minor >= 2 else None


def _sionna_version(engine: str) -> str | None:
    """The version that the module `sionna` states; None if it states none."""
    found = importlib.util.find_spec("sionna")
    if found is None:
        raise WrongSionna(f'Sionna is not installed; pip install "{WANTED[engine]}"')
    if not found.origin:  # the ray tracer alone
        raise WrongSionna(f'Sionna is installed without sionna.phy; pip install "{WANTED[engine]}"')
    text = Path(found.origin).read_text(encoding="utf-8", errors="replace")
    stated = re.search(r"""^__version__ *= *["'](\d+\.\d+[^"']*)""", text, re.MULTILINE)
    return stated[1] if stated else None


def _remedy(engine: str) -> str:
    """What to type for another line of Sionna."""
    parts = f'"{WANTED[engine]}"'
    if importlib.util.find_spec(engine) is None:
        parts += f' "{FRAMEWORKS[engine]}"'
    return f"pip uninstall sionna sionna-no-rt, then pip install {parts}"
