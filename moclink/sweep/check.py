"""Checks of chains and channel before a sweep begins, so that errors are reported at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from moclink.images import Picture
from moclink.presets import is_bit_chain
from moclink.sweep.available_metrics import find_missing_metrics
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session
from moclink.sweep.workers import Pool
from moclink.wrapped_chain import WrappedChain


@dataclass(frozen=True)
class Check:
    """What a worker looks at before a sweep begins.

    Attributes:
        plan: The sweep.
        sizes: (height, width) of its pictures.
    """

    plan: Plan
    sizes: tuple[tuple[int, int], ...] = ()


def check(session: Session, task: Check) -> list[str]:
    """Make chains and channel of a plan, so that errors are reported before anything is written.

    Returns:
        What is wrong with the plan: nothing or one message.
    """
    try:
        for name in task.plan.chains:
            _check_sizes(name, session.chain(name), task.sizes)
        session.build_channel()
        for name, problem in find_missing_metrics(session, task.plan):
            raise ValueError(f"--metrics {name}: {problem}")
    except ValueError as error:
        return [str(error)]
    return []


def _check_sizes(name: str, chain: Any, sizes: Sequence[tuple[int, int]]) -> None:
    """Raise ValueError if a chain cannot send any of the pictures; if some, they are outages."""
    problem_of = getattr(chain, "size_problem", lambda height, width: None)
    problems = [problem_of(height, width) for height, width in sizes]
    if problems and all(problems):
        height, width = sizes[0]
        raise ValueError(f"chain {name}, pictures of {width} x {height} pixels: {problems[0]}")


def find_limits(session: Session, task: Check) -> list[tuple[str, tuple[int, int], str]]:
    """(chain, size, why) of every size that a chain cannot send, as far as it is known beforehand."""
    return [
        (name, size, problem)
        for name in task.plan.chains
        if not is_bit_chain(name)
        for size in task.sizes
        if (problem := _limit_problem(session.chain(name), *size))
    ]


def _limit_problem(chain: Any, height: int, width: int) -> str | None:
    """What the chain, or the file codec in it, says of pictures of this size."""
    while isinstance(chain, WrappedChain):
        chain = chain.inner
    for owner, name in (
        (chain, "size_problem"),
        (getattr(chain, "codec", None), "limit_problem"),
        (getattr(getattr(chain, "source", None), "codec", None), "limit_problem"),
    ):
        asked = getattr(owner, name, None)
        if asked and (problem := asked(height, width)):
            return str(problem)
    return None


def report_limits(
    plan: Plan, pictures: Sequence[Picture], pool: Pool, make_session: Callable[[], Session]
) -> None:
    """Say on standard error which pictures will be outages because of their size, one line a reason."""
    sizes = [(picture.height, picture.width) for picture in pictures]
    found: dict[tuple[str, ...], list[str]] = {}
    reasons: dict[str, dict[tuple[int, int], str]] = {}
    for _, (chain, size, problem) in pool.run(
        find_limits, [Check(plan, tuple(dict.fromkeys(sizes)))], make_session
    ):
        reasons.setdefault(chain, {})[size] = problem
    for chain, by_size in reasons.items():
        names = [p.name for p, size in zip(pictures, sizes, strict=True) if size in by_size]
        first = next(iter(by_size.values()))
        found.setdefault((first, *names), []).append(chain)
    for (reason, *names), chains in found.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print(
            f"note: {', '.join(chains)}: outages for {names[0]}{more}, since {reason}",
            file=sys.stderr,
        )
