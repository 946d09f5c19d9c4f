"""The arguments of `moclink.run`, checked and put together: options of chains, plan, resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moclink.arguments import (
    read_choice,
    read_integer,
    read_metrics,
    read_snr,
    read_switch,
    shorten,
)
from moclink.constants import CODES, CSI, LDPC_DECODERS, MATCHES, OUTAGES, RECEIVERS
from moclink.presets import ChainOptions
from moclink.sweep.memory import parse_memory
from moclink.sweep.plan import Plan

if TYPE_CHECKING:
    from moclink.phy.channels import Channel


def read_options(
    match: Any, code: Any, ldpc: Any, receiver: Any, seed: Any, outage: Any, harq: Any
) -> ChainOptions:
    """The choices that all chains share; arguments as of `moclink.run`.

    Raises:
        ValueError: If one is wrong.
    """
    return ChainOptions(
        read_choice("match", match, MATCHES),
        read_choice("code", code, CODES),
        read_choice("ldpc", ldpc, LDPC_DECODERS),
        read_choice("receiver", receiver, RECEIVERS),
        read_integer("seed", seed, 0),
        read_choice("outage", outage, OUTAGES),
        read_integer("harq", harq, 1),
    )


def read_plan(
    names: tuple[str, ...],
    channel: Channel,
    options: ChainOptions,
    snr: Any,
    trials: Any,
    metrics: str | Sequence[str] | None,
    min_errors: Any,
    reuse_error_patterns: bool,
    csi: Any,
    max_bits: Any,
) -> Plan:
    """What to compute.

    Args:
        names: Names of the chains.
        channel: The channel.
        options: Choices that all chains share.
        snr: Like the arguments after it, as of `moclink.run`.
        trials: Noise realisations of each image.
        metrics: Names of metrics, or "all".
        min_errors: Errors at which chains of random bits stop.
        reuse_error_patterns: See docs/error-patterns.md.
        csi: What adaptive chains are told.
        max_bits: Bits at which chains of random bits stop.

    Raises:
        ValueError: If one is wrong.
    """
    return Plan(
        read_snr(snr),
        names,
        read_integer("trials", trials, 1),
        channel.spec,
        read_metrics(metrics),
        options.seed,
        read_integer("min_errors", min_errors, 1),
        options,
        read_switch("reuse_error_patterns", reuse_error_patterns),
        read_choice("csi", csi, CSI),
        read_integer("max_bits", max_bits, 1),
    )


def read_resources(
    workers: Any, memory: Any, cluster: Any, resume_anyway: Any, progress: Any
) -> tuple[int | None, int | None]:
    """(workers, memory in bytes), None where it is not said; arguments as of `moclink.run`.

    The last two are only looked at.

    Raises:
        ValueError: If one is wrong, or the cluster is no address.
    """
    read_switch("resume_anyway", resume_anyway)
    read_switch("progress", progress)
    if not isinstance(cluster, str | None):
        raise ValueError(f"cluster {shorten(cluster)}: an address is wanted, such as local")
    memory = parse_memory(memory) if isinstance(memory, str) else memory
    return (
        None if workers is None else read_integer("workers", workers, 1),
        None if memory is None else read_integer("memory", memory, 1),
    )
