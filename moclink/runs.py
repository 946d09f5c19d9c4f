"""Run a sweep from Python: what the command line calls too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moclink import __version__
from moclink.constants import CODES, CSI, LDPC_DECODERS, MATCHES, METRICS, RECEIVERS
from moclink.presets import ChainOptions, at_cbr, check_name, default_chains, parse_cbr
from moclink.results.record import write_record
from moclink.results.store import ResultStore
from moclink.sweep.memory import available_memory
from moclink.sweep.plan import DEFAULT_MEMORY, Plan, cells_of, least_memory, units_of
from moclink.sweep.run import run_sweep
from moclink.sweep.session import Session
from moclink.sweep.task import check
from moclink.sweep.workers import Pool, WorkersLost, cpus

if TYPE_CHECKING:
    from moclink.images import Picture
    from moclink.results.run import Run


def run(
    chains: Any = None,
    snr: float | Sequence[float] = tuple(range(-5, 31)),
    images: Any = None,
    *,
    channel: Any = "awgn",
    trials: int = 1,
    metrics: Sequence[str] = ("psnr", "ssim"),
    cbr: Any = None,
    match: str = MATCHES[0],
    code: str = CODES[0],
    ldpc: str = LDPC_DECODERS[0],
    receiver: str = RECEIVERS[0],
    csi: str = CSI[0],
    seed: int = 1,
    min_errors: int = 100,
    reuse_error_patterns: bool = False,
    out: str | Path | None = None,
    resume_anyway: bool = False,
    workers: int | None = 1,
    memory: int | None = None,
    cluster: str | None = None,
    progress: bool = True,
    command: Sequence[str] | None = None,
) -> Run:
    """Send pictures through transmit chains over a noisy channel, measure what arrives, and store it.

    Args:
        chains: Names (see `moclink.presets`), chain objects (`moclink.protocols.Chain`), or a
            mixture; None for the default chains.
        snr: Es/N0 in dB, one value or several.
        images: Image files and folders, arrays uint8 [H, W, 3], or a mixture; None for the sample
            photographs.
        channel: Name of a channel, or a Sionna block, Keras layer or function of your own; see
            `moclink.phy.channels.get_channel`.
        trials: Noise realisations of each picture.
        metrics: Some of `moclink.constants.METRICS`.
        cbr: Channel bandwidth ratios, symbols / (3 H W), of the named classical and ideal chains:
            one or several, as fractions, floats or text such as "1/24". Chains get names such as
            bpg-ldpc@1/24.
        match: Budget of classical chains without a CBR: "source-bits" or "symbols" of the semantic
            chain at L4.
        code: "ldpc5g" or "wifi648".
        ldpc: LDPC decoder: "auto", "fast" or "sionna".
        receiver: Retrieval in the semantic chains: "soft" or "hard".
        csi: What adaptive chains are told on fading channels: "instantaneous" or "average".
        seed: Seed of all noise.
        min_errors: Errors at which chains of random bits stop.
        reuse_error_patterns: See docs/error-patterns.md.
        out: Run folder; an existing one goes on and may be extended. None for a new dated one in
            runs/.
        resume_anyway: Go on with a run of another version of moclink.
        workers: Worker processes; 1 is the calling process, None as many as CPUs and memory allow.
        memory: Bytes for all workers; None for what the machine has.
        cluster: Address of a Ray or Dask cluster; see docs/workers.md.
        progress: Show a progress bar.
        command: What is written to run.json as the command line.

    Returns:
        The results.

    Raises:
        ValueError: If an argument is wrong; the message says what would be right.
        WorkersLost: If worker processes die again and again. What is finished is stored.
        KeyboardInterrupt: On Ctrl-C. What is finished is stored.

    Example:
        >>> results = moclink.run(["moc-rvq-l4", "jpeg-ldpc"], snr=[0, 10, 20], images="photos/")
        >>> results.plot()
    """
    from moclink.phy.channels import get_channel
    from moclink.results.run import Run

    own_chains, names = _named_chains(chains)
    if cbr is not None:
        ratios = [cbr] if isinstance(cbr, str | float | Fraction) else cbr
        names = at_cbr(names, [parse_cbr(str(ratio)) for ratio in ratios])
    made = get_channel(channel)
    pictures = _pictures(images)
    options = ChainOptions(
        _choice("match", match, MATCHES),
        _choice("code", code, CODES),
        _choice("ldpc", ldpc, LDPC_DECODERS),
        _choice("receiver", receiver, RECEIVERS),
    )
    plan = Plan(
        tuple(sorted({float(value) for value in np.atleast_1d(np.asarray(snr, float))})),
        names,
        _at_least("trials", trials, 1),
        made.spec,
        tuple(_choice("metrics", name, METRICS) for name in metrics),
        _at_least("seed", seed, 0),
        _at_least("min_errors", min_errors, 1),
        options,
        reuse_error_patterns,
        _choice("csi", csi, CSI),
    )
    make_session = partial(Session, plan, own_chains, made)
    folder = Path(out) if out else dated_folder()
    parameters = parameters_of(plan, pictures)
    with Pool(_workers(workers, memory, plan, pictures), cluster) as pool:
        each = _memory_each(memory, cluster, pool, pictures)
        # A task for each worker: every worker makes its chains meanwhile.
        for _, problem in pool.run(check, [plan] * pool.workers, make_session):
            raise ValueError(problem)
        store = ResultStore(folder, parameters, resume_anyway)
        try:
            write_record(folder, command or ["moclink.run"], parameters)
            with _progress_bar(progress, len(cells_of(plan, pictures))) as count:
                run_sweep(plan, pictures, store, count, pool, each, make_session)
        except WorkersLost as error:
            lost = f"{error}; finished cells are kept, --out {folder} resumes"
            raise WorkersLost(lost) from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"finished cells are kept, --out {folder} resumes") from None
        finally:
            store.export()
            store.close()
    return Run(folder)


def parameters_of(plan: Plan, pictures: Sequence[Picture]) -> dict[str, Any]:
    """What identifies a run, by name, in JSON types."""
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
        "images": [[picture.name, picture.digest] for picture in pictures],
        "version": __version__,
    }


def dated_folder() -> Path:
    """A run folder that does not exist yet, named after date and time."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder, number = Path("runs") / stamp, 2
    while folder.exists():
        folder, number = Path("runs") / f"{stamp}-{number}", number + 1
    return folder


def _named_chains(chains: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The chains that are objects, by name, and the names of all."""
    wanted = (
        default_chains()
        if chains is None
        else [chains]
        if isinstance(chains, str) or hasattr(chains, "transmit")
        else list(chains)
    )
    if not wanted:
        raise ValueError("chains is empty; name at least one")
    own, names = {}, []
    for chain in wanted:
        if isinstance(chain, str):
            check_name(chain)
        elif not hasattr(chain, "name") or not hasattr(chain, "transmit"):
            raise ValueError(
                f"{chain!r} is neither a chain's name nor a chain (moclink.protocols.Chain)"
            )
        else:
            own[chain.name] = chain
        names.append(chain if isinstance(chain, str) else chain.name)
    if len(set(names)) < len(names):
        raise ValueError(
            f"chains have the same name: {', '.join(names)}; give each a name of its own"
        )
    return own, tuple(names)


def _pictures(images: Any) -> list[Picture]:
    """Pictures of files, folders and arrays."""
    from moclink.images import Picture, find_images, read_pictures, sample_paths

    if images is None:
        return read_pictures(sample_paths())
    one = isinstance(images, str | Path | Picture) or (hasattr(images, "ndim") and images.ndim == 3)
    wanted = [images] if one else list(images)
    if not wanted:
        raise ValueError(
            "images is empty; name at least one, or leave it out for the sample photographs"
        )
    files = [item for item in wanted if isinstance(item, str | Path)]
    pictures = read_pictures(find_images(files)) if files else []
    for number, item in enumerate((item for item in wanted if not isinstance(item, str | Path)), 1):
        if isinstance(item, Picture):
            pictures.append(item)
            continue
        pixels = np.asarray(item)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(
                f"image {number} is {pixels.dtype} {pixels.shape}; give uint8 [H, W, 3]"
            )
        pictures.append(Picture(f"image-{number}", pixels))
    return pictures


def _choice(name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ValueError(f"{name} {value!r}: there are {', '.join(choices)}")
    return value


def _at_least(name: str, value: int, least: int) -> int:
    if int(value) != value or value < least:
        raise ValueError(f"{name} {value}: a whole number of at least {least} is needed")
    return int(value)


def _workers(
    workers: int | None, memory: int | None, plan: Plan, pictures: Sequence[Picture]
) -> int:
    """The workers asked for, or else as many as GPUs (without any: CPUs), memory and the work allow."""
    from moclink.sweep.devices import visible_gpus

    if workers is not None:
        return workers
    fit = (memory or available_memory()) // least_memory(pictures)
    return max(1, min(len(visible_gpus()) or cpus(), len(units_of(plan, pictures)), fit))


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


@contextmanager
def _progress_bar(shown: bool, total: int) -> Iterator[Callable[[int, str], None]]:
    """A bar that suits a terminal, a notebook or a log; the function that advances it."""
    from tqdm.auto import tqdm

    bar = tqdm(total=total, unit="cell", dynamic_ncols=True, mininterval=0.5, disable=not shown)

    def count(cells: int, task: str) -> None:
        if task:
            bar.set_postfix_str(task, refresh=False)
        bar.update(cells)

    with bar:
        yield count
