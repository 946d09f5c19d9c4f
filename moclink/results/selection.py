"""Runs read together, and what of them is shown: chains, SNRs, conditions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from moclink.arguments import comma_list, shorten
from moclink.bandwidth_ratio import usual_name
from moclink.constants import OUTAGES
from moclink.results.names import MODE, base_name, printable, snr_text, stated_cbr
from moclink.results.run_parameters import DEFAULTS
from moclink.results.store import (
    RunFolderError,
    read_gallery,
    read_parameters,
    read_rows,
)
from moclink.types import GalleryPicture, Row

CHANNELS = {
    "awgn": "AWGN",
    "rayleigh": "Rayleigh block fading",
    "rayleigh-fast": "fast Rayleigh fading",
    "mimo-2x2": "2x2 MIMO-OFDM",
    "mimo-4x4": "4x4 MIMO-OFDM",
}
ALWAYS_ALIKE = ("images", "channel", "outage")  # parameters that runs in one figure share
_SHARED = ("match", "code", "receiver", "harq", "csi")  # of runs with the same chains
MATCH_NOTES = {"source-bits": "equal source bits", "symbols": "equal symbols"}


def read_runs(
    folders: Sequence[str | Path], chains: str | Sequence[str] | None = None
) -> tuple[list[Row], list[GalleryPicture]]:
    """Rows and pictures of all folders; of a cell that several have, the first folder's.

    Arguments and errors as of `read_rows_of_runs`.
    """
    rows = read_rows_of_runs(folders, chains)
    gallery: dict[Any, GalleryPicture] = {}
    for folder in folders:
        for picture in read_gallery(folder):
            gallery.setdefault((picture.chain, picture.image, picture.snr_db), picture)
    return rows, list(gallery.values())


def read_rows_of_runs(
    folders: Sequence[str | Path], chains: str | Sequence[str] | None = None
) -> list[Row]:
    """Rows of all folders; of a cell that several have, the first folder's.

    Runs of other seeds have met other noise: their trials are further ones.

    Args:
        folders: Run folders.
        chains: The chains that will be shown, see `choose_chains`; None for all. How others were
            run does not matter.

    Raises:
        RunFolderError: If a folder holds no results, or the runs may not be shown in one figure.
    """
    for other in folders[1:]:
        _check_alike(folders[0], other, chains)
    rows: dict[Any, Row] = {}
    first_trial: dict[Any, int] = {}  # of each seed
    trials = 0
    for folder in folders:
        parameters = read_parameters(folder)
        start = first_trial.setdefault(parameters.get("seed"), trials)
        trials = max(trials, start + parameters.get("trials", 1))
        for row in read_rows(folder):
            row = replace(row, trial=start + row.trial)
            rows.setdefault((row.chain, row.image, row.snr_db, row.trial), row)
    return list(rows.values())


def _check_alike(one: str | Path, other: str | Path, chains: str | Sequence[str] | None) -> None:
    """Raise RunFolderError unless the rows of some chains of two runs may be shown in one figure."""
    first, second = read_parameters(one), read_parameters(other)
    shared = set(first.get("chains", ())) & set(second.get("chains", ()))
    if chains is not None:
        wanted = {chains, *comma_list(chains)} if isinstance(chains, str) else set(chains)
        shared = {name for name in shared if any(_means(text, name) for text in wanted)}
    codecs = [dict(run.get("codecs", ())) for run in (first, second)]
    for name in sorted(shared):
        versions = {codec[name] for codec in codecs if name in codec}
        if len(versions) > 1:
            raise RunFolderError(
                f"{one} and {other} hold results of two versions of {printable(name)}; draw them one "
                "by one, or choose other --chains"
            )
    for name in (*ALWAYS_ALIKE, *(_SHARED if shared else ())):
        if name == "csi" and first.get("channel") == "awgn":  # where there is but one SNR
            continue
        default = DEFAULTS.get(name)
        if first.get(name, default) != second.get(name, default):
            common = f", and both have {printable(min(shared))}" if shared else ""
            others = ", or choose other --chains" if shared and name not in ALWAYS_ALIKE else ""
            raise RunFolderError(
                f"{one} and {other} were run with different {name}{common}; draw them one by one{others}"
            )


def choose_outage(parameters: dict[str, Any], outage: str | None = None) -> str:
    """How outages of a run count: as asked, or else as the run was begun.

    Raises:
        ValueError: If that was not scored.
    """
    scored = str(parameters.get("outage", DEFAULTS["outage"]))
    if outage is not None and outage not in OUTAGES:
        raise ValueError(f"outage {outage!r}: there are {', '.join(OUTAGES)}")
    if outage in (None, "exclude", scored):
        return outage or scored
    raise ValueError(
        f"outage {outage!r}: the run was begun with --outage {scored}, which can be shown, or exclude; "
        f"run it again with --outage {outage}"
    )


def conditions(parameters: dict[str, Any], chains: Iterable[str] | None = None) -> str:
    """What figures and tables say of a run: its channel, and how classical chains were matched.

    Where chains were given bandwidth ratios, these are stated chain by chain instead; random bits
    are matched to nothing.

    Args:
        parameters: Parameters of the run.
        chains: The chains that are shown; None for all of the run.
    """
    chosen = list(parameters.get("chains", ()) if chains is None else chains)
    channel = str(parameters.get("channel", ""))
    at_ratios = any(stated_cbr(name) for name in parameters.get("chains", ()))
    bits_alone = bool(chosen) and all(
        name.startswith("random-") and ":" not in name for name in chosen
    )
    match = "" if at_ratios or bits_alone else str(parameters.get("match", ""))
    name, _, values = channel.partition("?")
    written = CHANNELS.get(name) or (
        name.upper() if re.fullmatch(r"(tdl|cdl)-[a-e]", name) else printable(name)
    )
    parts = [
        written,
        printable(values).replace("&", ", "),
        MATCH_NOTES.get(match, printable(match)),
    ]
    if parameters.get("harq", 1) > 1 and any(
        MODE.fullmatch(base_name(name)) and not name.startswith("random-") for name in chosen
    ):
        parts.append(f"HARQ of at most {parameters['harq']} transmissions")
    return ", ".join(part for part in parts if part)


def choose_chains(names: str | Sequence[str] | None, rows: Sequence[Row]) -> list[str]:
    """The chains of some rows that are meant by names; None for all, in the order of the rows.

    Args:
        names: A comma-separated list or a sequence. A name also means chains at a stated bandwidth
            ratio, bpg-ldpc also bpg-ldpc@1/24. A name that holds a comma is taken as a whole if it
            is a chain.
        rows: Results.

    Raises:
        ValueError: If there is no such chain.
    """
    known = list(dict.fromkeys(row.chain for row in rows))
    if names is None:
        return known
    if isinstance(names, str):
        names = [names] if names in known else comma_list(names)
    elif not isinstance(names, Iterable):
        raise ValueError(f"chains {shorten(names)}: give names, a comma-separated list or several")
    chosen: list[str] = []
    names = list(names)
    if not names:
        raise ValueError("no chain is named; leave --chains out for all")
    for name in names:
        fitting = [chain for chain in known if _means(name, chain)]
        if not fitting:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean {printable(near[0])}?)" if near else ""
            there = ", ".join(map(printable, known)) or "none"
            raise ValueError(f"there are no results of {name!r}{hint}, but of {there}")
        chosen += fitting
    return list(dict.fromkeys(chosen))


def _means(name: str, chain: str) -> bool:
    """Whether a name means a chain: its own, its own without the ratio, or the ratio written otherwise."""
    if name in (chain, base_name(chain)):
        return True
    try:
        return bool(stated_cbr(chain)) and usual_name(name) == chain
    except ValueError:  # what follows the @ is no ratio
        return False


def choose_rows(
    rows: Sequence[Row],
    chains: str | Sequence[str] | None = None,
    snrs: Sequence[float] | None = None,
) -> list[Row]:
    """Rows of the chosen chains, in the order in which they are named, at the chosen SNRs.

    Raises:
        ValueError: If there is no such chain, or nothing at any of the SNRs.
    """
    order = {name: place for place, name in enumerate(choose_chains(chains, rows))}
    own = sorted((row for row in rows if row.chain in order), key=lambda row: order[row.chain])
    if snrs is None:
        return own
    chosen = [row for row in own if any(abs(row.snr_db - snr) < 1e-9 for snr in snrs)]
    if own and not chosen:
        there = ", ".join(snr_text(snr) for snr in sorted({row.snr_db for row in own}))
        raise ValueError(
            f"nothing was sent at {', '.join(snr_text(s) for s in snrs)} dB; SNRs of these chains: {there}"
        )
    return chosen
