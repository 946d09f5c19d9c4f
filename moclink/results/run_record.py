"""The record of a run, run.json: what was run, with what, and when."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from moclink import __version__
from moclink.atomic_files import atomic_write

# Package -> its module, which may be installed as another package: sionna, tensorflow-cpu.
PACKAGES = {
    "sionna-no-rt": "sionna",
    "tensorflow": "tensorflow",
    "torch": "torch",
    "keras": "keras",
    "numpy": "numpy",
    "pillow": "PIL",
    "av": "av",
    "numba": "numba",
}


def write_record(
    folder: Path,
    command: Sequence[str],
    asked: dict[str, Any],
    parameters: dict[str, Any] | None = None,
) -> None:
    """Write run.json: what was run, with what, and when; a resumed run adds its command.

    Args:
        folder: The run folder.
        command: The command line, or "moclink.run".
        asked: Parameters of this command, which are kept with it, as are versions and machine.
        parameters: Those of the whole run, which it may have extended; None for `asked`.
    """
    path = folder / "run.json"
    commands: list[dict[str, Any]] = []
    if path.is_file():
        try:
            commands = json.loads(path.read_text())["commands"]
        except (ValueError, KeyError, OSError):
            commands = [{"note": "an earlier run.json could not be read"}]
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    made_with = {
        "versions": {name: _version(name, module) for name, module in PACKAGES.items()},
        "git_revision": _git_revision(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    entry = {"command": list(command), "started": started, "version": __version__}
    commands.append({**entry, "parameters": asked, **made_with})
    record = {
        "commands": commands,
        "parameters": asked if parameters is None else parameters,
        **made_with,  # of the last command
    }
    with atomic_write(path) as part:
        part.write_text(json.dumps(record, indent=1) + "\n")


def _version(package: str, module: str) -> str | None:
    """Version of a package, be it installed under another name; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        if module not in sys.modules and find_spec(module) is None:
            return None  # without a look at all that is installed, which takes 0.2 s
        others = metadata.packages_distributions().get(module, [])
        return f"{others[0]} {metadata.version(others[0])}" if others else None


def _git_revision() -> str | None:
    """Revision of the source tree that moclink runs from; None if it is no checkout.

    A repository that moclink is merely installed in, a project with its environment, is not meant.
    """
    place = Path(__file__)
    # Not the repository of a hook that runs this.
    variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=place.parent,
            env=variables,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", place.name)  # fails if it is not part of the repository
        return git("describe", "--always", "--dirty", "--abbrev=40") or None
    except (OSError, subprocess.SubprocessError):
        return None
