"""Functions of PyTorch tensors that torch.compile fuses into a few kernels, where it can."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import torch


class Fused:
    """A function compiled once for all lengths of its tensors' last axis.

    Args:
        function: From tensors to tensors, all with the same last axis, of at least two elements.
        what: What it computes, for the line that says that it cannot be compiled (there may be no C
            compiler); it then runs operation by operation.
    """

    def __init__(self, function: Callable[..., Any], what: str) -> None:
        self._function, self._what = function, what
        self._compiled: Callable[..., Any] | None = torch.compile(_own(function), fullgraph=True)

    def __call__(self, *tensors: Any) -> Any:
        """Call the function."""
        if self._compiled is not None:
            from torch._dynamo.exc import TorchDynamoException  # takes a second to load

            for tensor in tensors:
                torch._dynamo.mark_dynamic(tensor, tensor.dim() - 1)
            try:
                return self._compiled(*tensors)
            except TorchDynamoException as error:
                reason = " ".join(str(error).strip().split("\n\n")[0].split())
                print(f"note: {self._what} is not compiled ({reason})", file=sys.stderr)
                self._compiled = None
        return self._function(*tensors)


def _own(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with a code object of its own.

    PyTorch counts compilations by code object and gives up after eight: closures of one function, such
    as the iterations of several codes, would share the eight.
    """
    if not isinstance(function, types.FunctionType):
        return function
    own = types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__kwdefaults__ = function.__kwdefaults__
    return own
