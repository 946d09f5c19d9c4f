"""Pictures of a resumed run, under the names that are stored."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moclink.results.run_parameters import RunFolderError
from moclink.results.store import read_parameters

if TYPE_CHECKING:
    from moclink.images import Picture


def named_as_stored(folder: Path | None, pictures: Sequence[Picture]) -> list[Picture]:
    """Give pictures that a run has already the names that they have there.

    A file that was renamed would otherwise count as a second picture, with an interval of 0. A line
    on standard error says so.

    Args:
        folder: The run folder, which may be new; None for a new run.
        pictures: What is asked for now.
    """
    try:
        known = {} if folder is None else dict(read_parameters(folder).get("images", ()))
    except RunFolderError:  # there is no run yet; what cannot be used is said when it is opened
        known = {}
    names = {digest: name for name, digest in known.items()}
    found = []
    for picture in pictures:
        name = names.get(picture.digest, picture.name)
        if name != picture.name:
            print(f"note: {picture.name} is {name} of the run {folder}", file=sys.stderr)
            picture = copy.copy(picture)  # a new one would read its file again
            object.__setattr__(picture, "name", name)
        found.append(picture)
    return found
