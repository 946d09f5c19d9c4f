"""Errors of a chain that make one picture an outage and let the run go on."""

from __future__ import annotations


class ChainError(ValueError):
    """A chain cannot send or receive a picture; the message says what to do.

    Args:
        chain: Name of the chain.
        problem: What is wrong, with the remedy.
    """

    def __init__(self, chain: str, problem: str) -> None:
        super().__init__(chain, problem)
        self.chain = chain
        self.problem = problem

    def __str__(self) -> str:
        return f"chain {self.chain}: {self.problem}"
