"""Base class of chains that wrap another chain."""

from __future__ import annotations

from moclink.protocols import Chain, Modem
from moclink.single_transmission import SingleTransmission


class WrappedChain(SingleTransmission):
    """What a chain around another, `inner`, takes from it as it is.

    `inner` may be a user-defined object without some of these attributes: it then does not
    adapt, has no modem, and sends pictures of every size.
    """

    inner: Chain

    @property
    def adaptive(self) -> bool:
        """Whether the inner chain uses channel state information."""
        return bool(getattr(self.inner, "adaptive", False))

    @property
    def modem(self) -> Modem | None:
        """The inner chain's modem, if it has one."""
        return getattr(self.inner, "modem", None)

    def size_problem(self, height: int, width: int) -> str | None:
        """Why nothing can be sent of pictures of this size, if the inner chain says so."""
        asked = getattr(self.inner, "size_problem", None)
        return asked(height, width) if asked else None
