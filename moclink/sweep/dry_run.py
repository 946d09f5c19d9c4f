"""A dry run of user-defined chains: what never works is reported before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moclink.errors import ChainError
from moclink.images import Picture, to_float
from moclink.presets import is_bit_chain, user_codec
from moclink.snr import noise_variance
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session
from moclink.sweep.tensorflow_log import quietly
from moclink.sweep.workers import Pool
from moclink.types import ChannelState

TRIED = 3  # pictures, the smallest ones: where one passes, a problem is one of pictures
SAME = 1e-3  # of a pixel in [0, 1]
NOISELESS_DB = 60.0  # there is no noise to speak of


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
        no = np.array([noise_variance(NOISELESS_DB)], np.float32)
        try:
            with quietly():
                sent = chain.transmit(to_float(picture.pixels)[None], ChannelState(NOISELESS_DB))
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


def find_memory(session: Session, dry_run: DryRun) -> Iterator[str]:
    """Decode a picture before and after another one was encoded.

    Yields:
        A note if the results differ: then the decoder uses what `encode` left in the object.
    """
    chain, csi = session.chain(dry_run.chain), ChannelState(NOISELESS_DB)
    no = np.array([noise_variance(NOISELESS_DB)], np.float32)
    for picture in dry_run.pictures:
        image = to_float(picture.pixels)[None]
        try:
            with quietly():
                sent = chain.transmit(image, csi)
                first = chain.receive(sent.symbols, no, sent.header)
                chain.transmit(1 - image, csi)
                again = chain.receive(sent.symbols, no, sent.header)
        except ChainError:
            continue
        if not any((*first.problems, *again.problems)):
            if np.abs(first.images - again.images).max() > SAME:
                yield (
                    f"chain {dry_run.chain}: decode gives another picture after encode was called on "
                    "another one; what encode leaves in the object is not sent, nor counted"
                )
            return


def report_memory(
    pool: Pool, dry_runs: Sequence[DryRun], make_session: Callable[[], Session]
) -> None:
    """Say on standard error which user-defined chains decode with what they remember."""
    for _, note in pool.run(find_memory, dry_runs, make_session):
        print(f"note: {note}", file=sys.stderr)
