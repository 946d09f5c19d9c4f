"""The `chains` argument of `moclink.run`: names, chains, codecs, and factories of codecs."""

from __future__ import annotations

from typing import Any

from moclink.arguments import comma_list, shorten
from moclink.presets import check_name, default_chains


def named_chains(chains: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The chains that are objects, by name, and the names of all."""
    if isinstance(chains, str):
        chains = dict.fromkeys(comma_list(chains))
    elif _is_chain_like(chains):
        chains = [chains]
    try:
        wanted = list(default_chains() if chains is None else chains)
    except TypeError:
        raise ValueError(
            f"chains {shorten(chains)}: give names, chain objects, or several of them"
        ) from None
    if not wanted:
        raise ValueError("chains is empty; name at least one")
    own, names = {}, []
    for chain in wanted:
        if isinstance(chain, str):
            check_name(chain)
            names.append(chain)
            continue
        if not _is_chain_like(chain):
            raise ValueError(
                f"{shorten(chain)} is neither a chain's name nor a chain (moclink.protocols.Chain), a "
                "codec with encode and decode, or a factory of one (docs/own-codec.md)"
            )
        named = getattr(chain, "name", None) or getattr(chain, "__name__", None)
        names.append(named if isinstance(named, str) else type(chain).__name__)
        own[names[-1]] = chain
    if len(set(names)) < len(names):
        raise ValueError(
            f"chains have the same name: {', '.join(names)}; give each a name of its own"
        )
    return own, tuple(names)


def _is_chain_like(chain: Any) -> bool:
    """Whether this is a chain, a codec, or a class or function that makes one."""
    methods = ("transmit", "encode", "encode_file")
    text = isinstance(chain, str | bytes)
    return not text and (
        callable(chain) or any(callable(getattr(chain, method, None)) for method in methods)
    )
