"""A chain around another: what the inner one has is handed on, and what it lacks is harmless."""

from dataclasses import dataclass
from typing import Any

from moclink.wrapped_chain import WrappedChain


@dataclass(frozen=True)
class Around(WrappedChain):
    inner: Any


class Full:
    adaptive, modem = True, "a modem"

    def size_problem(self, height, width):
        return f"{width} x {height} is too small"


def test_what_the_inner_chain_has_is_handed_on():
    chain = Around(Full())
    assert chain.adaptive is True and chain.modem == "a modem"
    assert chain.size_problem(8, 24) == "24 x 8 is too small"


def test_a_chain_that_lacks_it_does_not_adapt_and_sends_every_size():
    chain = Around(object())
    assert chain.adaptive is False and chain.modem is None and chain.size_problem(1, 1) is None
