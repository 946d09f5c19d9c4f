"""Parameters of a run, and which of them may change when it is resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from moclink.constants import ENGINES, OUTAGES
from moclink.object_parts import changed_part, equal_parts

# Of runs that were begun before these could be chosen.
DEFAULTS: dict[str, Any] = {
    "outage": OUTAGES[0],
    "harq": 1,
    "engine": ENGINES[0],
    "products": "float32",
}
EXTENDABLE = ("snr", "chains", "images", "trials", "codecs")
OBJECTS = (
    "objects"  # chains and channel that are the user's objects, or files: {what: {part: hash}}
)
_OTHERS = {"images": "another picture called", "codecs": "results of another version of"}


class RunFolderError(ValueError):
    """A run folder cannot be used; the message says why and what to do."""


def merged_parameters(
    folder: Path, found: dict[str, Any], parameters: dict[str, Any], resume_anyway: bool = False
) -> dict[str, Any]:
    """The parameters of a resumed run: of those in EXTENDABLE, old and new ones together.

    Args:
        folder: The run folder, for messages.
        found: What it was begun with; empty for a new run.
        parameters: What is asked for now.
        resume_anyway: Whether the version may differ.

    Raises:
        RunFolderError: If another parameter differs, or a picture or codec of the same name.
    """
    if not found:
        return dict(parameters)
    # The version first: another one may know parameters that this one does not.
    names = (set(found) | set(parameters)) - {OBJECTS}
    for name in sorted(names, key=lambda name: (name != "version", name)):
        usual = DEFAULTS.get(name, "(default)")
        old, new = found.get(name, usual), parameters.get(name, usual)
        if old == new or name in EXTENDABLE or (name == "version" and resume_anyway):
            continue
        remedy = "give that again to resume, or choose another --out"
        if name == "version":
            remedy = "--resume-anyway continues with this version, or choose another --out"
        raise RunFolderError(
            f"{folder} was begun with {name} = {json.dumps(old)}, not {json.dumps(new)}; {remedy}"
        )
    grown = [name for name in EXTENDABLE if name in found]
    merged = parameters | {
        name: _extended(found[name], parameters.get(name, found[name])) for name in grown
    }
    for kind, other in _OTHERS.items():
        digests = dict(merged.get(kind, []))
        for name, digest in dict(found.get(kind, [])).items():
            if digests[name] != digest:
                remedy = "rename one, or choose another --out" if kind == "images" else ""
                raise RunFolderError(
                    f"{folder} holds {other} {name}; {remedy or 'choose another --out'}"
                )
    return merged | _merged_objects(folder, found.get(OBJECTS, {}), parameters.get(OBJECTS, {}))


def _merged_objects(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Old and new objects together; of one that is in both what is the same.

    Raises:
        RunFolderError: If one has changed.
    """
    if changed := changed_part(old, new):
        what, part = changed
        raise RunFolderError(
            f"{folder} holds results of another {what} (changed: {part}); choose another --out"
        )
    objects = new | equal_parts(old, new)
    return {OBJECTS: objects} if objects else {}


def _extended(old: object, new: object) -> object:
    """The larger of two counts; of two lists, the old one and then what is new."""
    if isinstance(old, list) and isinstance(new, list):
        return old + [item for item in new if item not in old]
    return max(old, new)  # type: ignore[call-overload]
