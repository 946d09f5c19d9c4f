"""The `chains` argument of `moclink.run`: names, chains, codecs, and factories of codecs."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from moclink.arguments import shorten
from moclink.bandwidth_ratio import split_cbr, usual_name
from moclink.presets import check_name, default_chains, is_known, user_codec
from moclink.user_codec.names import json_file, path_and_scheme, split_chains

ORIGINAL = "original"  # in the gallery, the picture that was sent


def named_chains(chains: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The chains that are objects, by name, and the names of all."""
    if isinstance(chains, str):
        chains = dict.fromkeys(map(_checked, split_chains(chains)))
    elif _is_chain_like(chains):
        chains = [chains]
    elif isinstance(chains, Mapping):
        raise ValueError(
            "chains is a dict; give a list, and name an object by its attribute name: "
            f"codec.name = {next(iter(chains), 'mine')!r}"
        )
    try:
        wanted = list(default_chains() if chains is None else chains)
    except TypeError:
        raise ValueError(
            f"chains {shorten(chains)}: give names, chain objects, or several of them"
        ) from None
    if not wanted:
        raise ValueError("chains is empty; name at least one")
    objects: dict[str, Any] = {}
    names: list[str] = []
    texts: set[str] = set()
    for chain in wanted:
        if isinstance(chain, str):
            name = _checked(chain)
            if name not in texts:  # softcast@1/24 and softcast@2/48 are one chain
                names.append(name)
            texts.add(name)
            continue
        if not _is_chain_like(chain) or _is_model(chain):
            raise ValueError(
                f"{shorten(chain)} is neither a chain's name nor a chain (moclink.protocols.Chain), a "
                "codec with encode and decode, or a factory of one (docs/own-codec.md)"
            )
        names.append(_own_name(chain))
        _refuse_names_of_ours(names[-1], chain)
        objects[names[-1]] = chain
    if len(set(names)) < len(names):
        raise ValueError(
            f"chains have the same name: {', '.join(names)}; give each a name of its own"
        )
    return objects, tuple(names)


def _own_name(chain: Any) -> str:
    """The name of an object: its attribute name, or that of its class or function."""
    named = getattr(chain, "name", None) or getattr(chain, "__name__", None)
    if not isinstance(named, str):
        return type(chain).__name__
    if callable(getattr(chain, "get_weights", None)):
        # Keras numbers models of one class: net, net_1. Made again it would be another chain.
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(chain).__name__).lower()
        return plain if re.fullmatch(rf"{re.escape(plain)}_\d+", named) else named
    return named


def codec_digests(names: Sequence[str], objects: dict[str, Any]) -> list[list[str]]:
    """[name, SHA-256] of each codec of the user's own: of its files, or of the source of an object.

    The latter is that of its class or function, where Python knows it: of a notebook's cell, not
    of what was typed in. What an object holds is in `moclink.object_parts`.
    """
    found = []
    for name in names:
        if name in objects:
            digest = _source_digest(objects[name])
        elif ":" in name and (place := user_codec(name)):
            digest = place.digest()
        elif (file := json_file(path_and_scheme(split_cbr(name)[0])[0])).is_file() and not is_known(
            split_cbr(name)[0]
        ):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()  # it holds that of the weights
        else:
            continue
        if digest or name not in objects:
            found.append([name, digest])
    return found


def _source_digest(chain: Any) -> str:
    """SHA-256 of the source of an object's class, or of a function; empty if it is not known."""
    kind = chain if inspect.isclass(chain) or inspect.isroutine(chain) else type(chain)
    if kind.__module__.startswith("moclink."):
        return ""
    try:
        return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def _checked(name: str) -> str:
    """The name of a chain that there is, its bandwidth ratio as it is usually written."""
    check_name(name)
    return usual_name(name)


def _refuse_names_of_ours(name: str, chain: Any) -> None:
    """Raise ValueError if an object of the user's has the name of one of moclink's chains."""
    if name == ORIGINAL:
        raise ValueError(
            f"chain {name}: the gallery calls the sent picture so; give the object another name, by "
            "its attribute name"
        )
    if (chain if isinstance(chain, type) else type(chain)).__module__.startswith("moclink."):
        return
    try:
        check_name(name)
    except ValueError:
        return
    raise ValueError(
        f"chain {name}: moclink has a chain of this name, for which results would be taken; give the "
        "object another name, by its attribute name"
    )


def _is_model(chain: Any) -> bool:
    """Whether this is a network of Keras or PyTorch that is neither a codec nor makes one."""
    network = any(callable(getattr(chain, name, None)) for name in ("get_weights", "state_dict"))
    methods = ("transmit", "encode", "encode_file")
    has_method = any(callable(getattr(chain, name, None)) for name in methods)
    return network and not isinstance(chain, type) and not has_method


def _is_chain_like(chain: Any) -> bool:
    """Whether this is a chain, a codec, or a class or function that makes one."""
    methods = ("transmit", "encode", "encode_file")
    text = isinstance(chain, str | bytes)
    return not text and (
        callable(chain) or any(callable(getattr(chain, method, None)) for method in methods)
    )
