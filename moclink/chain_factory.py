"""Names -> transmit chains. Packages are loaded when a chain is made, not when it is listed."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from moclink.budgets import CapacityBudget, ModemBudget, SymbolBudget
from moclink.chain import AnalogChain, BitChain, DigitalChain, IdealChain
from moclink.codeword_length import check_code, code_size, split_length
from moclink.harq import with_harq
from moclink.linear_chains import LinearChains
from moclink.linear_names import FIXED_LINEAR, LAPPED, LINEAR_CBR, LINEAR_CODECS
from moclink.presets import (
    ANALOG_PRESET,
    FILE_CODECS,
    MCS_SCHEME,
    MODULATIONS,
    NAMED,
    PAPER_ANALOG,
    SEMANTIC_PRESETS,
    ChainOptions,
    check_name,
    is_known,
    path_and_scheme,
    split_cbr,
    user_codec,
)
from moclink.protocols import Chain, Modem
from moclink.semantic_chains import SemanticChains
from moclink.semantic_names import CHANNEL_OPTIMIZED, CODED, family_and_scheme
from moclink.types import ChannelState
from moclink.user_codec.names import UserCodecName, json_file


def make_chain(name: str, options: ChainOptions | None = None) -> Chain | BitChain:
    """Make the chain of a name.

    Args:
        name: See the module's docstring.
        options: Choices common to all chains; None for the defaults.

    Returns:
        The chain; a `BitChain` for the names of random bits.

    Raises:
        ValueError: Unknown name (the nearest one is suggested), damaged weights, or options that do
            not go together.
    """
    return ChainFactory(options).make(name)


class ChainFactory:
    """Makes chains that share what they can: codecs with their weights, channel codes, tried files.

    Args:
        options: Choices common to all chains; None for the defaults.
    """

    def __init__(self, options: ChainOptions | None = None) -> None:
        self.options = options or ChainOptions()
        self._semantic = SemanticChains(self.options.receiver)
        self._modems: dict[str, Modem] = {}
        self._files: Any = None
        self._adaptation: Any = None
        self._linear = LinearChains()

    def make(self, name: str) -> Chain | BitChain:
        """Make the chain of a name; see `make_chain`. Every error names the chain."""
        check_name(name)
        check_code([name], self.options.code)
        try:
            return with_harq(self._make(name), self.options.harq)
        except ValueError as error:
            if name in str(error) or str(error).startswith("chain "):
                raise
            raise ValueError(f"chain {name}: {error}") from error

    def _make(self, name: str) -> Chain | BitChain:
        if own := user_codec(name):
            return self._user_chain(name, own)
        if name == PAPER_ANALOG:
            return self._analog_chain(name, ANALOG_PRESET)
        base, cbr = FIXED_LINEAR.get(name) or split_cbr(name)
        if not is_known(base):
            return self._own_chain(name)
        if base in LINEAR_CODECS:
            return self._linear.symbol_chain(name, base, cbr or LINEAR_CBR)
        named = NAMED.fullmatch(name)
        if named:
            return self._semantic.uncoded(name, SEMANTIC_PRESETS[named["family"]], named["scheme"])
        if optimized := CHANNEL_OPTIMIZED.fullmatch(name):
            return self._semantic.channel_optimized(name, optimized)
        if coded := CODED.fullmatch(name):
            return self._semantic.coded(name, coded, self.bit_modem, self._file_source)
        family, scheme = family_and_scheme(base)
        if family == "random":
            return BitChain(name, self.bit_modem(scheme))
        module, codec_name = FILE_CODECS[family]
        if family in SEMANTIC_PRESETS:
            codec: Any = self._semantic.file_codec(SEMANTIC_PRESETS[family])
        elif family in LAPPED:
            codec = self._linear.file_codec(family)
        else:
            codec = getattr(importlib.import_module(module), codec_name)
        if check := getattr(codec, "check_available", None):
            check()
        return self.file_chain(name, codec, scheme, cbr)

    def file_chain(self, name: str, codec: Any, scheme: str, cbr: Fraction | None) -> Chain:
        """The chain of a file codec with ldpc[-MODULATION-RATE], ldpc-mcsN, ldpc-adaptive or capacity."""
        if scheme == "capacity":
            return self._ideal_chain(name, codec, cbr)
        if scheme == "ldpc-adaptive":
            return self._adaptive_chain(name, codec, cbr)
        if (coded := MCS_SCHEME.fullmatch(scheme)) and coded["rst"]:
            return self._restart_chain(name, coded, cbr)
        return self._file_chain(name, codec, self.bit_modem(scheme), cbr)

    def from_object(self, name: str, found: Any) -> Chain | BitChain:
        """The chain of an object that the user has made, or of a class or function that makes one."""
        return found if isinstance(found, BitChain) else self._user_chain(name, found)

    def _user_chain(self, name: str, found: Any) -> Chain:
        from moclink.user_codec.make import make_user_chain

        cbr = split_cbr(name)[1] if isinstance(found, UserCodecName) else None
        return make_user_chain(name, found, cbr, self.options, self)

    def _own_chain(self, name: str) -> Chain:
        """A chain of exported weights; what kind of codec they are is written in their JSON file."""
        path, scheme = path_and_scheme(name)
        try:
            kind = json.loads(json_file(path).read_text(encoding="utf-8"))["kind"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{json_file(path)} does not describe exported weights ({error!r}); export again"
            ) from error
        if kind == "analog":
            return self._analog_chain(name, path)
        return self._semantic.uncoded(name, path, scheme or "l4")

    def _analog_chain(self, name: str, preset: str) -> Chain:
        from moclink.sources.semantic import load_analog

        codec = load_analog(preset)
        return AnalogChain(name, codec, codec.decoder.latent_channels)

    def bit_modem(self, scheme: str) -> Modem:
        """The modem of a scheme; the same one for all chains, so that they may share error patterns."""
        if scheme not in self._modems:
            self._modems[scheme] = _make_bit_modem(scheme, self.options)
        return self._modems[scheme]

    def index_modem(self, alphabet: int) -> Modem:
        """The modem of indices below `alphabet`."""
        from moclink.phy.modems import IndexModem

        return IndexModem(alphabet)

    def _file_source(
        self, codec: Any, budget: Callable[[int, int, ChannelState | None], int]
    ) -> Any:
        from moclink.sources.file_source import FileCache, FileSource

        if self._files is None:
            self._files = FileCache()
        return FileSource(codec, budget, self._files)

    def _file_chain(
        self, name: str, codec: Any, modem: Modem, cbr: Fraction | None
    ) -> DigitalChain:
        return DigitalChain(name, self._file_source(codec, self.budget(modem, cbr)), modem)

    def budget(
        self, modem: Modem, cbr: Fraction | None
    ) -> Callable[[int, int, ChannelState | None], int]:
        """(height, width, csi) -> bits of a file that this modem sends."""
        matched = cbr is None and self.options.match == "source-bits"
        return ModemBudget(modem, None if matched else SymbolBudget(cbr))

    def _ideal_chain(self, name: str, codec: Any, cbr: Fraction | None) -> IdealChain:
        """Ideal code over the symbols that the rate-1/2 64-QAM LDPC chain of the same match uses."""
        symbols = self.symbols_at(cbr)
        return IdealChain(name, self._file_source(codec, CapacityBudget(symbols)), symbols)

    def _restart_chain(self, name: str, coded: re.Match[str], cbr: Fraction | None) -> DigitalChain:
        """JPEG with restart markers as one transport block of a fixed MCS; lost rows are concealed."""
        from moclink.sources.restart_jpeg import ConcealingSource, RestartJpeg

        modem = self.bit_modem(coded[0].replace("rst-", ""))
        source = self._file_source(RestartJpeg(), self.budget(modem, cbr))
        return DigitalChain(name, ConcealingSource(RestartJpeg(), source), modem)

    def _adaptive_chain(self, name: str, codec: Any, cbr: Fraction | None) -> Chain:
        """The best MCS at each SNR, over as many symbols as the rate-1/2 64-QAM chain of the same match."""
        from moclink.phy.link_adaptation import LinkAdaptation
        from moclink.sources.adaptive_files import AdaptiveFileChain

        if self._adaptation is None:
            self._adaptation = LinkAdaptation()
        cache = self._file_source(codec, lambda *_: 0).cache
        return AdaptiveFileChain(
            name,
            codec,
            self.symbols_at(cbr),
            self._adaptation,
            outage=self.options.outage,
            cache=cache,
        )

    def symbols_at(self, cbr: Fraction | None) -> SymbolBudget:
        """Symbols at a CBR; without one, those of the rate-1/2 64-QAM LDPC chain of the same match."""
        doubled = cbr is None and self.options.match == "source-bits"
        return SymbolBudget(cbr, 2 if doubled else 1)


def _make_bit_modem(scheme: str, options: ChainOptions) -> Modem:
    from moclink.phy.ldpc import get_code
    from moclink.phy.mcs import get_mcs
    from moclink.phy.modems import BitModem
    from moclink.phy.transport_block_modem import TransportBlockModem

    if not scheme.startswith("ldpc"):
        return BitModem(MODULATIONS[scheme])
    if coded := MCS_SCHEME.fullmatch(scheme):
        return TransportBlockModem(get_mcs(int(coded["index"]), int(coded["table"] or 1)))
    scheme, length = split_length(scheme)
    _, modulation, rate = scheme.split("-") if scheme != "ldpc" else ("ldpc", "64qam", "r12")
    bits_per_symbol = MODULATIONS[modulation]
    # TS 38.212 interleaves a codeword over the symbol's bits; 802.11n sends it as it is.
    interleaved = bits_per_symbol if options.code == "ldpc5g" else None
    code = get_code(options.code, *code_size(rate, length), interleaved)
    return BitModem(bits_per_symbol, code, options.ldpc)
