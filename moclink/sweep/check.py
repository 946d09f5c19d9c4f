"""Checks of chains and channel before a sweep begins, so that errors are reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moclink.sweep.available_metrics import find_missing_metrics
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session


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
