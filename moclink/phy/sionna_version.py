"""Which Sionna is installed, told from its files: another one is refused before it is loaded."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

WANTED = "sionna-no-rt>=1.2.2,<2"


class WrongSionna(ImportError, ValueError):
    """Sionna is missing or of a version that moclink cannot use; the message says what is needed."""


def check_sionna() -> None:
    """Refuse what is not Sionna 1.2, the last version on TensorFlow.

    Packages of several names install the module `sionna` (sionna, sionna-no-rt): the module counts.

    Raises:
        WrongSionna: Sionna is missing, or is another version.
    """
    found = importlib.util.find_spec("sionna")
    if found is None:
        raise WrongSionna(f'Sionna is not installed; pip install "{WANTED}"')
    if not found.origin:  # the ray tracer alone
        raise WrongSionna(f'Sionna is installed without sionna.phy; pip install "{WANTED}"')
    text = Path(found.origin).read_text(encoding="utf-8", errors="replace")
    stated = re.search(r"""^__version__ *= *["']((\d+)\.(\d+)[^"']*)""", text, re.MULTILINE)
    if stated and (int(stated[2]), int(stated[3])) != (1, 2):
        raise WrongSionna(
            f"Sionna {stated[1]} is installed, and moclink needs Sionna 1.2, the last version on "
            f'TensorFlow; pip uninstall sionna sionna-no-rt, then pip install "{WANTED}"'
        )
