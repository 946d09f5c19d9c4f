"""Chains of the semantic codec: uncoded, channel-optimised, and with a channel code."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from moclink.chain import DigitalChain
from moclink.presets import (
    MCS_SCHEME,
    SEMANTIC,
    SEMANTIC_PRESETS,
    VARIANT_PATTERN,
    VARIANTS,
)
from moclink.protocols import Chain, Modem
from moclink.types import ChannelState


def any_length(height: int, width: int, csi: ChannelState | None = None) -> int:
    """Bits that a file may have which is sent as long as it is: 2^40."""
    return 2**40


class SemanticChains:
    """Makes these chains; codecs are loaded once, and their graphs traced once.

    Args:
        receiver: "soft" or "hard", for uncoded chains whose names do not say.
    """

    def __init__(self, receiver: str) -> None:
        self._receiver = receiver
        self._codecs: dict[tuple[str, str], Any] = {}
        self._files: dict[tuple[str, int | None], Any] = {}
        self._made_for_channel: Any = None

    def codec(self, preset: str, index_assignment: str = "trained") -> Any:
        """The codec of a preset with its codes placed in one of the ways of `load_semantic`."""
        from moclink.codec.cached_codec import CachedSemanticCodec
        from moclink.sources.semantic import load_semantic

        key = preset, index_assignment
        if key not in self._codecs:
            self._codecs[key] = CachedSemanticCodec(load_semantic(*key))
        return self._codecs[key]

    def file_codec(self, preset: str, levels: int | None = None) -> Any:
        """The codec as a file codec, with a fixed number of levels or one chosen by cost."""
        from moclink.sources.semantic_files import SemanticFileCodec

        key = preset, levels
        if key not in self._files:
            self._files[key] = SemanticFileCodec(self.codec(preset), levels)
        return self._files[key]

    def uncoded(self, name: str, preset: str, scheme: str) -> Chain:
        """Two indices a QAM symbol.

        Args:
            name: Name of the chain.
            preset: Preset or path of weights.
            scheme: Levels and variants, such as l4-no-nrb.

        Raises:
            ValueError: If the scheme is none, or weights are missing or damaged.
        """
        from moclink.phy.modems import IndexModem
        from moclink.sources.semantic import SemanticSource

        match = SEMANTIC.fullmatch(scheme)
        if match is None:
            raise ValueError(
                f"{scheme!r} is no scheme of a semantic chain, such as l4 or l4-no-nrb"
            )
        chosen: dict[str, Any] = {"receiver": self._receiver, "index_assignment": "trained"}
        chosen.update(VARIANTS[v] for v in re.findall(f"-({VARIANT_PATTERN})", match["variants"]))
        codec = self.codec(preset, chosen.pop("index_assignment"))
        source = SemanticSource(codec, int(match["levels"]), **chosen)
        return DigitalChain(name, source, IndexModem(codec.quantizer.states))

    def channel_optimized(self, name: str, match: re.Match[str]) -> Chain:
        """Codebooks for the SNR, or for a range of them; `match` is of `CHANNEL_OPTIMIZED`."""
        from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
        from moclink.phy.modems import IndexModem
        from moclink.sources.channel_optimized_source import ChannelOptimizedSource

        if self._made_for_channel is None:
            preset = SEMANTIC_PRESETS["moc-rvq"]
            self._made_for_channel = ChannelOptimizedCodec.from_preset(preset)
        codec, adaptive = self._made_for_channel, match["kind"] == "adaptive"
        source = ChannelOptimizedSource(codec, int(match["levels"]), adaptive)
        return DigitalChain(name, source, IndexModem(codec.states), adaptive=adaptive)

    def coded(
        self,
        name: str,
        match: re.Match[str],
        bit_modem: Callable[[str], Modem],
        file_source: Callable[..., Any],
    ) -> Chain:
        """Some levels with LDPC: uncompressed where bit errors may remain, else entropy-coded.

        Args:
            name: Name of the chain.
            match: Of `CODED`.
            bit_modem: Scheme -> modem.
            file_source: (file codec, budget) -> source.
        """
        from moclink.phy.mcs import get_mcs
        from moclink.phy.transport_block_modem import TransportBlockModem
        from moclink.sources.semantic import SemanticBits

        preset, levels = SEMANTIC_PRESETS[match["family"]], int(match["levels"])
        mcs = MCS_SCHEME.fullmatch(match["scheme"])
        if mcs is None:
            source = SemanticBits(self.codec(preset), levels)
            return DigitalChain(name, source, bit_modem(match["scheme"]))
        files = file_source(self.file_codec(preset, levels), any_length)
        modem = TransportBlockModem(get_mcs(int(mcs["index"]), int(mcs["table"] or 1)))
        return DigitalChain(name, files, modem)
