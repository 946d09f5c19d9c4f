"""Command line of the simulator: python -m moclink.simulate --snr -5:30.

Exit status: 0 done, 1 workers died again and again, 2 bad input (one line says what and how to mend
it), 130 interrupted; finished cells are kept, and the same command with --out DIR goes on from
there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from moclink import __version__
from moclink.constants import CODES, CSI, LDPC_DECODERS, MATCHES, METRICS, RECEIVERS
from moclink.presets import at_cbr, check_name, default_chains, describe_chains, parse_cbr
from moclink.sweep.memory import parse_memory

if TYPE_CHECKING:
    from moclink.results.run import Run

MAX_SNR_POINTS = 1000


class UsageError(ValueError):
    """A wrong argument; the message names the value and the remedy."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    args = parser.parse_args(bind_values(arguments, "--snr"))
    try:
        if args.list_chains or args.list_channels:
            status = _list(args.list_chains)
        else:
            status = _simulate(args, arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads has what it wants, such as `| head`; results are stored
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ValueError as error:
        for line in str(error).splitlines():
            print(f"moclink: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"moclink: interrupted; {error or 'nothing was begun'}", file=sys.stderr)
        return 130


def _list(chains: bool) -> int:
    """Print the chains that there are, or the channels."""
    if chains:
        rows = describe_chains()
    else:
        from moclink.phy.channels import describe_channels

        rows = describe_channels()
    for name, text in rows:
        print(f"{name:28} {text}" if chains else f"{name:14} {text}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m moclink.simulate",
        description="Send pictures through transmit chains over a noisy channel and measure what arrives.",
        epilog="SNR is Es/N0 in dB per complex symbol of unit mean energy.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    metrics = ", ".join(METRICS)
    add(
        "--snr",
        default="-5:30",
        metavar="DB",
        help="start:stop[:step] inclusive, a comma list or one value",
    )
    add(
        "--chains",
        metavar="NAMES",
        default=",".join(default_chains()),
        help="comma list (%(default)s)",
    )
    add("--list-chains", action="store_true", help="show the chains there are, and stop")
    add(
        "--images",
        action="append",
        metavar="PATH",
        help="file or folder, repeatable (sample photographs)",
    )
    add("--trials", default="1", metavar="N", help="noise realisations an image (%(default)s)")
    channel = "awgn, rayleigh, tdl-c?speed=3, mimo-2x2, path/to/file.py:name, ... (%(default)s)"
    add("--channel", default="awgn", metavar="SPEC", help=channel)
    add("--list-channels", action="store_true", help="show the channels there are, and stop")
    match = "classical files: as many bits as the semantic chain at L4, or as many symbols (%(default)s)"
    add("--match", default=MATCHES[0], choices=MATCHES, help=match)
    cbr = "channel bandwidth ratios of classical and ideal chains, such as 1/24 or 1/96,1/48,1/24"
    add("--cbr", metavar="RATIOS", help=f"{cbr} (see --match)")
    add(
        "--code",
        default=CODES[0],
        choices=CODES,
        help="channel code of the *-ldpc chains (%(default)s)",
    )
    add(
        "--ldpc", default=LDPC_DECODERS[0], choices=LDPC_DECODERS, help="LDPC decoder (%(default)s)"
    )
    receiver = "retrieval in semantic chains (%(default)s)"
    add("--receiver", default=RECEIVERS[0], choices=RECEIVERS, help=receiver)
    csi = "what adaptive chains are told on fading channels: this realisation's SNR, or the average"
    add("--csi", default=CSI[0], choices=CSI, help=f"{csi} (%(default)s)")
    add(
        "--metrics",
        default="psnr,ssim",
        metavar="NAMES",
        help=f"comma list of {metrics}, or all (%(default)s)",
    )
    add("--seed", default="1", metavar="N", help="seed of all noise (%(default)s)")
    add(
        "--min-errors",
        default="100",
        metavar="N",
        help="errors at which random-* chains stop (%(default)s)",
    )
    reuse = "classical chains of a picture share one scrambled link, decoded once (docs/error-patterns.md)"
    add("--reuse-error-patterns", action=argparse.BooleanOptionalAction, default=False, help=reuse)
    workers = "worker processes (as many as CPUs, or GPUs if there are any, and memory allow)"
    add("--workers", metavar="N", help=workers)
    add("--memory", metavar="SIZE", help="memory of all workers, such as 4G (what the machine has)")
    cluster = "work on a Ray (local, ray://HOST:PORT) or Dask (tcp://HOST:PORT) cluster"
    add("--cluster", metavar="ADDRESS", help=cluster)
    add(
        "--out",
        metavar="DIR",
        help="run folder; an existing one goes on, and is extended (a new dated one in runs/)",
    )
    anyway = "go on with a run of another version of moclink (recorded in run.json)"
    add("--resume-anyway", action="store_true", help=anyway)
    add("--version", action="version", version=f"moclink {__version__}")
    return parser


def bind_values(arguments: list[str], *options: str) -> list[str]:
    """Join `--snr -5:30` into `--snr=-5:30`, for some options: argparse takes such values for options."""
    bound: list[str] = []
    for argument in arguments:
        if bound and bound[-1] in options and not argument.startswith("--"):
            bound[-1] = f"{bound[-1]}={argument}"
        else:
            bound.append(argument)
    return bound


def parse_snr(text: str, option: str = "--snr") -> tuple[float, ...]:
    """Read start:stop[:step] (inclusive), a comma list or one value, in dB.

    Args:
        text: What was given.
        option: The option that it was given to.

    Returns:
        Ascending values without repeats.

    Raises:
        UsageError: If the text is none of these.
    """
    wanted = "give start:stop[:step], a comma list or one value in dB, such as -5:30 or 0,10,20"
    try:
        if ":" in text:
            start, stop, step = ([Decimal(p) for p in text.split(":")] + [Decimal(1)])[:3]
            if text.count(":") > 2:
                raise UsageError(f"{option} {text}: too many colons; {wanted}")
            if not (step > 0 and start.is_finite() and stop.is_finite() and step.is_finite()):
                raise UsageError(f"{option} {text}: the step must be positive; {wanted}")
            if stop < start:
                raise UsageError(f"{option} {text}: the stop lies below the start; {wanted}")
            count = int((stop - start) / step) + 1
            if count > MAX_SNR_POINTS:
                raise UsageError(
                    f"{option} {text}: {count} points; at most {MAX_SNR_POINTS}, choose a larger step"
                )
            values = [start + step * i for i in range(count)]
        else:
            values = [Decimal(p) for p in text.split(",")]
    except InvalidOperation:
        raise UsageError(f"{option} {text}: not a number of dB; {wanted}") from None
    if not all(v.is_finite() and abs(v) <= 100 for v in values):
        raise UsageError(f"{option} {text}: values must lie between -100 and 100 dB; {wanted}")
    return tuple(sorted({float(v) for v in values}))


def _whole(option: str, text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise UsageError(f"{option} {text}: a whole number of at least {least} is needed")
    return value


def _names(option: str, text: str, check: Callable[[str], None]) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"{option}: the list is empty; name at least one")
    for name in names:
        check(name)
    return tuple(dict.fromkeys(names))


def _check_metric(name: str) -> None:
    if name not in METRICS:
        raise UsageError(f"unknown metric {name!r}; there are: {', '.join(METRICS)}")


def _simulate(args: argparse.Namespace, arguments: list[str]) -> int:
    snrs = parse_snr(args.snr)
    chains = _names("--chains", args.chains, check_name)
    if args.cbr:
        chains = at_cbr(chains, [parse_cbr(text) for text in args.cbr.split(",")])
    wanted = ",".join(METRICS) if args.metrics == "all" else args.metrics
    metrics = _names("--metrics", wanted, _check_metric)
    trials, seed = _whole("--trials", args.trials, 1), _whole("--seed", args.seed, 0)
    min_errors = _whole("--min-errors", args.min_errors, 1)
    workers = _whole("--workers", args.workers, 1) if args.workers else None
    memory = parse_memory(args.memory) if args.memory else None

    # From here on packages are loaded, which takes seconds: bad arguments have been answered.
    from moclink.runs import run
    from moclink.sweep.workers import WorkersLost

    try:
        results = run(
            chains,
            snrs,
            args.images,
            channel=args.channel,
            trials=trials,
            metrics=metrics,
            match=args.match,
            code=args.code,
            ldpc=args.ldpc,
            receiver=args.receiver,
            csi=args.csi,
            seed=seed,
            min_errors=min_errors,
            reuse_error_patterns=args.reuse_error_patterns,
            out=args.out,
            resume_anyway=args.resume_anyway,
            workers=workers,
            memory=memory,
            cluster=args.cluster,
            command=["python", "-m", "moclink.simulate", *arguments],
        )
    except WorkersLost as error:
        print(f"moclink: {error}", file=sys.stderr)
        return 1
    _report(results)
    return 0


def _report(results: Run) -> None:
    """Print a table and the files that were written."""
    os.environ.pop("MPLBACKEND", None)  # of a notebook that this was started from
    from moclink.results.figures import draw
    from moclink.results.tables import unmet_budgets

    for line in unmet_budgets(results.folder):
        print(f"moclink: {line}", file=sys.stderr)
    print(results.table())
    print(f"\nEvery metric at every SNR: python -m moclink.tables {results.folder}, or")
    drawn = draw(results.folder)
    for problem in drawn.problems:
        print(f"moclink: {problem}", file=sys.stderr)
    for path in [results.folder / "summary.csv", results.folder / "results.csv", *drawn.files]:
        print(path)


if __name__ == "__main__":
    sys.exit(main())
