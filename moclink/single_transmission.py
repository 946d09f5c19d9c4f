"""Chains that send each picture once, whatever arrives: all but those with HARQ."""

from __future__ import annotations

from typing import Any

import numpy as np

from moclink.protocols import ChannelUse
from moclink.types import Reception, Transmission


class SingleTransmission:
    """`Chain.exchange` of a chain that sends once."""

    receive: Any

    def exchange(
        self, transmission: Transmission, realisations: int, channel: ChannelUse
    ) -> Reception:
        """See `Chain.exchange`."""
        received, no = channel(0, np.arange(realisations), transmission.symbols)
        return self.receive(received, no, transmission.header)
