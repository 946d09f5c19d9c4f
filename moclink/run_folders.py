"""The folder that a run is written to, and what identifies the user's own objects in it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moclink.file_locks import RUN_LOCK
from moclink.import_path import source_digest
from moclink.object_parts import object_parts
from moclink.results.run_parameters import RunFolderError

if TYPE_CHECKING:
    from moclink.phy.channels import Channel


def make_dated_folder() -> Path:
    """Make a run folder named after date and time, which no other run has.

    Raises:
        RunFolderError: If it cannot be made.
    """
    stamp, number = datetime.now().strftime("%Y%m%d-%H%M%S"), 1
    while True:
        folder = Path("runs") / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)  # of several runs of one second only one succeeds
            return folder
        except FileExistsError:
            number += 1
        except OSError as error:
            raise RunFolderError(
                f"cannot write to {folder} ({error.strerror}); choose an --out"
            ) from error


def run_folder(folder: Path) -> Path:
    """The folder, if it is a run's or may become one.

    Raises:
        ValueError: If it holds files and none of a run.
    """
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:  # it is not there yet, or no folder, or closed: the store says which
        return folder
    if names and not names & {"results.sqlite", RUN_LOCK}:
        raise ValueError(
            f"{folder} holds files and is no run folder; choose another --out, such as "
            f"{shlex.quote(str(folder / 'run'))}"
        )
    return folder


def parts_of_objects(channel: Channel, own_chains: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What is known of chains and channel that are the user's own: {"chain NAME": {part: SHA-256}}.

    Of a channel in a file the file's SHA-256; chains in files are told by `codec_digests`.
    """
    objects = {f"chain {name}": chain for name, chain in own_chains.items()}
    if channel.given is not None:
        objects[f"channel {channel.spec}"] = channel.given
    found = {
        what: object_parts(given)
        for what, given in objects.items()
        if what.startswith("channel ") or not _kind(given).__module__.startswith("moclink.")
    }
    path = channel.spec.partition("?")[0]
    if channel.given is None and ":" in path and (digest := source_digest(path)):
        found[f"channel {channel.spec}"] = {"file": digest}
    return found


def _kind(given: Any) -> Any:
    return given if isinstance(given, type) else type(given)
