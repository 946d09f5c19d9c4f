"""Run a sweep from Python: what the command line calls too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from moclink import __version__
from moclink.arguments import (
    DEFAULT_METRICS,
    DEFAULT_SNR,
    read_cbrs,
    read_folder,
    wants_all_metrics,
)
from moclink.codeword_length import check_code
from moclink.constants import (
    CODES,
    CSI,
    LDPC_DECODERS,
    MATCHES,
    MAX_BITS,
    OUTAGES,
    RECEIVERS,
)
from moclink.environment import check_environment, parameters_of_engine
from moclink.object_parts import Objects
from moclink.presets import at_cbr
from moclink.results.run_parameters import OBJECTS
from moclink.results.run_record import write_record
from moclink.results.store import ResultStore, read_parameters
from moclink.results.stored_pictures import named_as_stored
from moclink.run_arguments import read_options, read_plan, read_resources
from moclink.run_folders import make_dated_folder, parts_of_objects, run_folder
from moclink.sweep.available_metrics import drop_missing_metrics, report_small_pictures
from moclink.sweep.channel_probe import report_probe
from moclink.sweep.check import Check, check, report_limits
from moclink.sweep.dry_run import make_dry_runs, report_memory, try_chain
from moclink.sweep.memory import available_memory
from moclink.sweep.plan import DEFAULT_MEMORY, Plan, count_cells, least_memory, list_units
from moclink.sweep.progress import progress_bar
from moclink.sweep.run_sweep import run_sweep
from moclink.sweep.session import Session
from moclink.sweep.workers import Pool, WorkersLost, cpus
from moclink.user_codec.chain_arguments import codec_digests, named_chains

if TYPE_CHECKING:
    from moclink.images import Picture
    from moclink.results.run import Run


def run(
    chains: Any = None,
    snr: Any = DEFAULT_SNR,
    images: Any = None,
    *,
    channel: Any = "awgn",
    trials: int = 1,
    metrics: str | Sequence[str] | None = DEFAULT_METRICS,
    cbr: Any = None,
    match: str = MATCHES[0],
    code: str = CODES[0],
    ldpc: str = LDPC_DECODERS[0],
    receiver: str = RECEIVERS[0],
    csi: str = CSI[0],
    outage: str = OUTAGES[0],
    harq: int = 1,
    seed: int = 1,
    min_errors: int = 100,
    max_bits: int = MAX_BITS,
    reuse_error_patterns: bool = False,
    out: str | Path | None = None,
    resume_anyway: bool = False,
    workers: int | None = 1,
    memory: int | str | None = None,
    cluster: str | None = None,
    recursive: bool = False,
    skip_bad: bool = False,
    progress: bool = True,
    command: str | Sequence[str] | None = None,
) -> Run:
    """Send images through transmit chains over a noisy channel, measure what arrives, and store it.

    Args:
        chains: Names (see `moclink.presets`), chain objects (`moclink.protocols.Chain`), codecs or
            factories of your own (docs/own-codec.md), or a mixture; comma-separated text; None for the
            default chains.
        snr: Es/N0 in dB, one value or several, or text as on the command line, "0:20:2"; None for
            -5 to 30.
        images: Image files and folders, arrays uint8 [H, W, 3] or [H, W], Pillow images, or a
            mixture; None for the sample photographs.
        channel: Name of a channel, or a Sionna block, Keras layer or function of your own; see
            `moclink.phy.channels.get_channel`.
        trials: Noise realisations of each image.
        metrics: Some of `moclink.constants.METRICS`, several or comma-separated; "all" for all that
            can be measured here.
        cbr: Channel bandwidth ratios, symbols / (3 H W), of the named chains that take any
            (classical, ideal and linear ones): one or several, as fractions, floats or text such as
            "1/24". Chains get names such as bpg-ldpc@1/24.
        match: Budget of classical chains without a CBR: as many "source-bits" as `moc-rvq-l4` sends,
            or as many "symbols".
        code: Channel code of the `-ldpc` chains: "ldpc5g" or "wifi648".
        ldpc: LDPC decoder: "auto", "fast", "sionna" or "device".
        receiver: Retrieval in the semantic chains: "soft" or "hard".
        csi: What adaptive chains are told on fading channels: "instantaneous" or "average".
        outage: How a lost image is scored: "grey", "mean" (its mean colour) or "exclude" (left
            out, with the rate of outage beside).
        harq: Transmissions of a transport block at most, in the chains of an MCS and the adaptive
            ones (incremental redundancy; docs/link-adaptation.md).
        seed: Seed of all noise.
        min_errors: Errors at which chains of random bits stop.
        max_bits: Bits at which they stop without so many errors, in whole batches; not over fading.
        reuse_error_patterns: See docs/error-patterns.md.
        out: Run folder; an existing one is resumed and extended by what it lacks (a further chain,
            SNR, image or trial). None for a new dated one in runs/.
        resume_anyway: Go on with a run of another version of moclink.
        workers: Worker processes; 1 is the calling process, None as many as CPUs and memory allow.
        memory: Bytes for all workers, or text such as "4G"; None for what the machine has.
        cluster: Address of a Ray or Dask cluster; see docs/workers.md.
        recursive: Look for images in folders within folders too.
        skip_bad: Skip image files that cannot be read, with a message for each.
        progress: Show a progress bar.
        command: What is written to run.json as the command line.

    Returns:
        The results, as `moclink.open_run` gives them.

    Raises:
        ValueError: If an argument is wrong, or `out` holds a run that cannot be continued so; the
            message says what would be right.
        WorkersLost: If worker processes die again and again. What is finished is stored.
        KeyboardInterrupt: On Ctrl-C. What is finished is stored.

    Example:
        >>> moclink.run(["moc-rvq-l4", "jpeg-ldpc"], snr=[0, 10, 20], images="photos/").plot()
    """
    from moclink.image_arguments import given_pictures
    from moclink.phy.channels import get_channel
    from moclink.results.run import Run

    check_environment()
    options = read_options(match, code, ldpc, receiver, seed, outage, harq)
    own_chains, names = _read_chains(chains, cbr, options.code)
    made = get_channel(channel)
    plan = read_plan(
        names, made, options, snr, trials, metrics, min_errors, reuse_error_patterns, csi, max_bits
    )
    workers, memory = read_resources(workers, memory, cluster, resume_anyway, progress)
    asked = None if out is None else run_folder(read_folder("out", out))
    pictures = named_as_stored(asked, given_pictures(images, recursive, skip_bad))
    plan.check_count(pictures)
    objects = partial(parts_of_objects, made, own_chains)
    begun = objects()  # before anything works with them
    with Pool(_workers(workers, memory, plan, pictures), cluster) as pool:
        each = _memory_each(memory, cluster, pool, pictures)
        if wants_all_metrics(metrics):
            plan = drop_missing_metrics(plan, pool, partial(Session, plan, own_chains, made))
        make_session = partial(Session, plan, own_chains, made)
        _check_all(plan, pool, own_chains, pictures, make_session)
        report_probe(pool, made, make_session)
        folder = asked or make_dated_folder()
        parameters = collect_parameters(plan, pictures, own_chains, begun)
        with _open_store(folder, parameters, resume_anyway, command, objects) as store:
            with progress_bar(progress, count_cells(plan, pictures)) as count:
                run_sweep(plan, pictures, store, count, pool, each, make_session)
    return Run(folder)


def _read_chains(chains: Any, cbr: Any, code: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The chains that are objects, by name, and the names of all, at the ratios asked for."""
    own_chains, names = named_chains(chains)
    if cbr is not None:
        names = at_cbr(names, read_cbrs(cbr))
    check_code((name for name in names if name not in own_chains), code)
    return own_chains, names


@contextmanager
def _open_store(
    folder: Path,
    parameters: dict[str, Any],
    resume_anyway: bool,
    command: str | Sequence[str] | None,
    objects: Callable[[], Objects],
) -> Iterator[ResultStore]:
    """Open the store of a run and write its record; what ends it early says how it is resumed."""
    words = [command] if isinstance(command, str) else command or ["moclink.run"]
    try:
        with ResultStore(folder, parameters, resume_anyway) as store:
            merged = read_parameters(folder)  # with what earlier commands asked for
            write_record(folder, [str(word) for word in words], parameters, merged)
            try:
                yield store
            finally:
                store.keep_unchanged(objects())
    except WorkersLost as error:
        raise WorkersLost(
            f"{error}; finished cells are kept, --out {quote(str(folder))} resumes"
        ) from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"finished cells are kept, --out {quote(str(folder))} resumes"
        ) from None


def _check_all(
    plan: Plan,
    pool: Pool,
    own_chains: dict[str, Any],
    pictures: Sequence[Picture],
    make_session: Callable[[], Session],
) -> None:
    """Raise ValueError for what cannot work, before anything is written; say what is not measured."""
    sizes = tuple(dict.fromkeys((picture.height, picture.width) for picture in pictures))
    # A task for each worker: every worker makes its chains meanwhile.
    for _, problem in pool.run(check, [Check(plan, sizes)] * pool.workers, make_session):
        raise ValueError(problem)
    dry_runs = make_dry_runs(plan, own_chains, pictures)
    for _, problem in pool.run(try_chain, dry_runs, make_session):
        raise ValueError(problem)
    report_limits(plan, pictures, pool, make_session)
    report_memory(pool, dry_runs, make_session)
    report_small_pictures(plan, pictures)


def collect_parameters(
    plan: Plan, pictures: Sequence[Picture], own_chains: dict[str, Any], objects: Objects
) -> dict[str, Any]:
    """What identifies a run, by name, in JSON types; `objects` are the parts of the user's own."""
    codecs = codec_digests(plan.chains, own_chains)
    return {
        "snr": list(plan.snrs),
        "chains": list(plan.chains),
        "trials": plan.trials,
        "channel": plan.channel,
        "match": plan.options.match,
        "code": plan.options.code,
        "ldpc": plan.options.ldpc,
        "receiver": plan.options.receiver,
        "metrics": list(plan.metrics),
        "seed": plan.seed,
        "min_errors": plan.min_errors,
        "reuse_error_patterns": plan.reuse_error_patterns,
        "csi": plan.csi,
        "outage": plan.options.outage,
        "harq": plan.options.harq,
        "images": [[picture.name, picture.digest] for picture in pictures],
        **({"codecs": codecs} if codecs else {}),
        "version": __version__,
        # Not the default: runs that were begun before there was a choice continue.
        **({"max_bits": plan.max_bits} if plan.max_bits != MAX_BITS else {}),
        **parameters_of_engine(),
        **({OBJECTS: objects} if objects else {}),
    }


def _workers(
    workers: int | None, memory: int | None, plan: Plan, pictures: Sequence[Picture]
) -> int:
    """The workers asked for, or else as many as GPUs (without any: CPUs), memory and the work allow."""
    from moclink.sweep.devices import visible_gpus

    if workers is not None:
        return workers
    fit = (memory or available_memory()) // least_memory(pictures)
    return max(1, min(len(visible_gpus()) or cpus(), len(list_units(plan, pictures)), fit))


def _memory_each(
    memory: int | None, cluster: str | None, pool: Pool, pictures: Sequence[Picture]
) -> int:
    """Bytes for each worker. Only what a user asks for is refused if it is too little."""
    if memory is None:
        return DEFAULT_MEMORY if cluster else available_memory() // pool.workers
    least, each = least_memory(pictures), memory // pool.workers
    if each < least:
        raise ValueError(
            f"--memory leaves {each / 2**30:.1f}G for each of the workers ({pool.workers}), "
            f"and the largest picture takes {least / 2**30:.1f}G; give more, or fewer --workers"
        )
    return each
