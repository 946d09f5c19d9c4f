"""Chains of `moclink.linear`: linear and octonary codecs, and the file codec of the same blocks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from moclink.chain import SymbolChain

_FILE_NETWORKS = {  # by family of `linear_names.LAPPED`
    "lapped-restored": "linear-restoration",
    "lapped-perceptual": "linear-restoration-perceptual",
}


class LinearChains:
    """Makes these chains; trained tables and networks are loaded once."""

    def __init__(self) -> None:
        self._blocks: Any = None
        self._restorations: dict[str, Any] = {}
        self._files: dict[str, Any] = {}
        self._coded_blocks: Any = None

    def symbol_chain(self, name: str, base: str, cbr: Fraction) -> SymbolChain:
        """SoftCast, or a codec on blocks; `base` is one of `linear_names.LINEAR_CODECS`."""
        from moclink.linear.analog_code import with_analog
        from moclink.linear.block_sizes import BlocksOfSeveralSizes
        from moclink.linear.codebooks import CodebookGrid
        from moclink.linear.codec import PictureCodec
        from moclink.linear.octonary import OctonaryCodec
        from moclink.linear.restored_codec import RestoredCodec
        from moclink.linear.softcast import LinearCodec
        from moclink.linear.whole_picture import WholePictureBands

        adaptive = not base.endswith("-robust")
        books = "octonary-codebooks" if adaptive else "octonary-codebooks-robust"
        if self._blocks is None and not base.startswith("softcast"):
            self._blocks = BlocksOfSeveralSizes.load()
        codec: PictureCodec
        if base.startswith("softcast"):
            codec = LinearCodec(WholePictureBands(), float(cbr))
        elif base.startswith("jscc"):
            codec = LinearCodec(self._blocks, float(cbr), laplacian=base.endswith("-robust"))
        elif base.startswith("hybrid"):
            codec = OctonaryCodec(self._blocks, float(cbr), with_analog(CodebookGrid.load(books)))
        else:
            codec = OctonaryCodec(self._blocks, float(cbr), CodebookGrid.load(books))
        if base.startswith("softcast") or "-linear" in base:
            return SymbolChain(name, codec, adaptive)
        network = "linear-restoration" + ("-perceptual" if base.endswith("-perceptual") else "")
        return SymbolChain(name, RestoredCodec(codec, self._restoration(network)), adaptive)

    def file_codec(self, family: str) -> Any:
        """Entropy-coded lapped blocks; `family` is one of `linear_names.LAPPED`."""
        from moclink.linear.entropy_coded import EntropyCodedBlocks
        from moclink.sources.lapped_files import LappedFileCodec

        if family not in self._files:
            network = _FILE_NETWORKS.get(family)
            restoration = self._restoration(network) if network else None
            self._coded_blocks = self._coded_blocks or EntropyCodedBlocks.load()
            self._files[family] = LappedFileCodec(self._coded_blocks, restoration, family)
        return self._files[family]

    def _restoration(self, name: str) -> Any:
        from moclink.linear.restoration import Restoration

        if name not in self._restorations:
            self._restorations[name] = Restoration.load(name)
        return self._restorations[name]
