"""A dry run of user-defined chains: what never works is reported before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moclink.errors import ChainError
from moclink.images import Picture, to_float
from moclink.presets import is_bit_chain, user_codec
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session
from moclink.sweep.tensorflow_log import quietly
from moclink.types import ChannelState

TRIED = 3  # pictures, the smallest ones: where one passes, a problem is one of pictures
CLEAN_DB = 60.0  # there is no noise to speak of


@dataclass(frozen=True)
class DryRun:
    """One chain and the pictures that it is tried with.

    Attributes:
        chain: Name of the chain.
        pictures: The pictures.
    """

    chain: str
    pictures: tuple[Picture, ...]


def make_dry_runs(
    plan: Plan, chains: Mapping[str, Any], pictures: Sequence[Picture]
) -> list[DryRun]:
    """A dry run for each user-defined chain."""
    smallest = tuple(sorted(pictures, key=lambda picture: picture.height * picture.width)[:TRIED])
    names = [
        name
        for name in plan.chains
        if not is_bit_chain(name) and (name in chains or user_codec(name))
    ]
    return [DryRun(name, smallest) for name in names]


def try_chain(session: Session, dry_run: DryRun) -> Iterator[str]:
    """Send pictures without noise until one comes through.

    Yields:
        What is wrong if none does, once.
    """
    problem = ""
    chain = session.chain(dry_run.chain)
    for picture in dry_run.pictures:
        no = np.array([10 ** (-CLEAN_DB / 10)], np.float32)
        try:
            with quietly():
                sent = chain.transmit(to_float(picture.pixels)[None], ChannelState(CLEAN_DB))
                reception = chain.receive(sent.symbols, no, sent.header)
        except ChainError as error:
            problem = problem or f"{error} (picture {picture.name})"
            continue
        if not any(reception.problems):
            return
        problem = (
            problem or f"chain {dry_run.chain}: {reception.problems[0]} (picture {picture.name})"
        )
    if problem:
        yield problem
