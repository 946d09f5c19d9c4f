"""Command line of the simulator: python -m moclink.simulate --snr -5:30.

Exit status: 0 done, 1 workers died repeatedly, 2 bad input (a one-line message says what is wrong and
how to fix it), 130 interrupted; finished cells are kept, and the same command with --out DIR resumes.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moclink import __version__
from moclink.arguments import (
    DEFAULT_METRICS,
    DEFAULT_SNR,
    UsageError,
    parse_snr,
    read_cbrs,
    read_integer,
    read_metrics,
)
from moclink.codeword_length import check_code
from moclink.constants import (
    CODES,
    CSI,
    ENGINES,
    LDPC_DECODERS,
    MATCHES,
    MAX_BITS,
    METRICS,
    OUTAGES,
    RECEIVERS,
)
from moclink.environment import set_matplotlib_settings_aside, use_engine
from moclink.idle_options import report_idle_options
from moclink.option_parser import Parser, bind_values
from moclink.presets import at_cbr, check_name, default_chains, describe_chains
from moclink.standard_streams import command
from moclink.sweep.memory import parse_memory
from moclink.sweep.signals import interrupt_on_sigterm
from moclink.user_codec.names import split_chains

if TYPE_CHECKING:
    from moclink.results.run import Run


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    args = parser.parse_args(bind_values(arguments, "--snr", "--cbr"))
    try:
        if args.engine is not None:
            use_engine(args.engine)
        if args.list_chains or args.list_channels:
            status = _list(args.list_chains)
        else:
            with interrupt_on_sigterm():
                status = _simulate(args, arguments, parser.changed(args))
        return status
    except ValueError as error:
        for line in str(error).splitlines():
            print(f"moclink: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"moclink: interrupted; {str(error) or 'nothing was begun'}", file=sys.stderr)
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


def _parser() -> Parser:
    parser = Parser(
        prog="python -m moclink.simulate",
        description="Send images through transmit chains over a noisy channel and measure what arrives.",
        epilog="SNR is Es/N0 in dB per complex symbol of unit mean energy.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--snr",
        default=DEFAULT_SNR,
        metavar="DB",
        help="values or start:stop[:step] (inclusive), separated by commas: -5:30 or -5:5,10,20",
    )
    chains = (
        "comma-separated names (see --list-chains), also my.py:MyCodec, module:name, exec:COMMAND"
    )
    names = ",".join(default_chains())
    add("--chains", type=str, metavar="NAMES", default=names, help=f"{chains} (%(default)s)")
    add("--list-chains", action="store_true", help="say what each chain is and exit")
    add(
        "--images",
        action="extend",
        nargs="+",
        metavar="PATH",
        help="files or folders, repeatable (sample photographs)",
    )
    add("--recursive", action="store_true", help="look for images in subfolders too")
    bad = "skip images that cannot be read, with a message for each"
    add("--skip-bad", action="store_true", help=bad)
    add("--trials", default="1", metavar="N", help="noise realisations per image (%(default)s)")
    channel = "awgn, rayleigh, tdl-c?speed=3, mimo-2x2, path/to/file.py:name, ... (%(default)s)"
    add("--channel", type=str, default="awgn", metavar="SPEC", help=channel)
    add("--list-channels", action="store_true", help="list all channels and exit")
    _add_link_options(add)
    _add_measuring_options(add)
    _add_work_options(add)
    add("--version", action="version", version=f"moclink {__version__}")
    return parser


def _add_link_options(add: Callable[..., Any]) -> None:
    match = (
        "size of classical files without --cbr. source-bits: as many bits as moc-rvq-l4 sends, whatever "
        "symbols they take; symbols: as many bits as fit into the symbols that moc-rvq-l4 sends"
    )
    add("--match", default=MATCHES[0], choices=MATCHES, help=f"{match} (%(default)s)")
    cbr = (
        "channel bandwidth ratios, symbols / (3 H W), of the chains that take any: classical, ideal, "
        "linear; 1/24 or 1/96,1/48,1/24"
    )
    add("--cbr", metavar="RATIOS", help=cbr)
    code = "channel code of the *-ldpc chains: of 5G NR, or of 802.11n with n=648 (%(default)s)"
    add("--code", default=CODES[0], choices=CODES, help=code)
    ldpc = (
        "LDPC decoder; all stop when the parity checks hold. fast: compiled for the CPU; sionna: "
        "Sionna's own; device: with --engine torch, on the GPU; auto: fast, or where there is a GPU "
        "device (PyTorch) or sionna (TensorFlow)"
    )
    add("--ldpc", default=LDPC_DECODERS[0], choices=LDPC_DECODERS, help=f"{ldpc} (%(default)s)")
    receiver = (
        "retrieval in moc-rvq-l* chains. soft: mean of the code vectors, given what was received; hard: "
        "the code vector of the nearest amplitude (%(default)s)"
    )
    add("--receiver", default=RECEIVERS[0], choices=RECEIVERS, help=receiver)
    csi = "SNR known to adaptive senders on fading channels: the realisation's, or the average"
    add("--csi", default=CSI[0], choices=CSI, help=f"{csi} (%(default)s)")
    harq = "most transmissions of a transport block (HARQ), in -mcsN and -ldpc-adaptive chains"
    add("--harq", default="1", metavar="N", help=f"{harq} (%(default)s)")
    outage = "score a lost image as mid-grey or as its mean colour, or leave it out"
    add("--outage", default=OUTAGES[0], choices=OUTAGES, help=f"{outage} (%(default)s)")


def _add_measuring_options(add: Callable[..., Any]) -> None:
    metrics = ", ".join(METRICS)
    add(
        "--metrics",
        default=DEFAULT_METRICS,
        metavar="NAMES",
        help=f"comma-separated list of {metrics}, or all (%(default)s)",
    )
    add("--seed", default="1", metavar="N", help="seed of all noise (%(default)s)")
    add(
        "--min-errors",
        default="100",
        metavar="N",
        help="number of errors at which random-* chains stop (%(default)s)",
    )
    bits = (
        "number of bits at which random-* chains stop in any case, in whole batches (%(default)s)"
    )
    add("--max-bits", default=str(MAX_BITS), metavar="N", help=bits)
    reuse = "classical chains of an image share one scrambled link, decoded once (docs/error-patterns.md)"
    add("--reuse-error-patterns", action=argparse.BooleanOptionalAction, default=False, help=reuse)


def _add_work_options(add: Callable[..., Any]) -> None:
    engine = (
        "Sionna 1.2 on TensorFlow or Sionna 2 on PyTorch (MOCLINK_ENGINE, or what is installed)"
    )
    add("--engine", choices=ENGINES, help=engine)
    workers = "worker processes (one per GPU or, without GPUs, per CPU, as memory allows)"
    add("--workers", metavar="N", help=workers)
    add(
        "--memory", metavar="SIZE", help="memory of all workers, such as 4G (all that is available)"
    )
    cluster = "run on a Ray (local, ray://HOST:PORT) or Dask (tcp://HOST:PORT) cluster"
    add("--cluster", metavar="ADDRESS", help=cluster)
    out = "run folder; an existing run is resumed and extended (a new dated one in runs/)"
    add("--out", metavar="DIR", help=out)
    append = "require --out to hold a run, which is resumed and extended"
    add("--append", "--resume", dest="append", action="store_true", help=append)
    add("--quiet", action="store_true", help="no progress, no table: print errors only")
    anyway = "resume a run of another version of moclink (recorded in run.json)"
    add("--resume-anyway", action="store_true", help=anyway)


def _chains(text: str) -> tuple[str, ...]:
    names = split_chains(text)
    if not names:
        raise UsageError("--chains: the list is empty; name at least one")
    for name in names:
        check_name(name)
    return tuple(dict.fromkeys(names))


def _check_begun(out: str | None) -> None:
    """Raise UsageError unless the folder of --out holds a run."""
    if out is None:
        raise UsageError("--append: name the run to extend, --append --out DIR")
    if not Path(out, "results.sqlite").is_file():
        raise UsageError(f"--append: {out} holds no run; leave --append out to begin one there")


def _simulate(args: argparse.Namespace, arguments: list[str], given: list[str]) -> int:
    snrs, asked = parse_snr(args.snr), _chains(args.chains)
    chains = asked if args.cbr is None else at_cbr(asked, read_cbrs(args.cbr, "--cbr"))
    check_code(chains, args.code)
    read_metrics(args.metrics, "--metrics")
    trials, seed = read_integer("--trials", args.trials, 1), read_integer("--seed", args.seed, 0)
    min_errors = read_integer("--min-errors", args.min_errors, 1)
    harq = read_integer("--harq", args.harq, 1)
    max_bits = read_integer("--max-bits", args.max_bits, 1)
    if args.append:
        _check_begun(args.out)
    workers = None if args.workers is None else read_integer("--workers", args.workers, 1)
    memory = None if args.memory is None else parse_memory(args.memory)
    if not args.quiet:
        report_idle_options(given, asked, chains, args.channel)

    # From here on packages are loaded, which takes seconds: arguments have been checked before.
    set_matplotlib_settings_aside()
    from moclink.runs import run
    from moclink.sweep.workers import WorkersLost

    try:
        results = run(
            chains,
            snrs,
            args.images,
            channel=args.channel,
            trials=trials,
            metrics=args.metrics,
            match=args.match,
            code=args.code,
            ldpc=args.ldpc,
            receiver=args.receiver,
            csi=args.csi,
            outage=args.outage,
            harq=harq,
            seed=seed,
            min_errors=min_errors,
            max_bits=max_bits,
            reuse_error_patterns=args.reuse_error_patterns,
            out=args.out,
            resume_anyway=args.resume_anyway,
            workers=workers,
            memory=memory,
            cluster=args.cluster,
            recursive=args.recursive,
            skip_bad=args.skip_bad,
            progress=not args.quiet,
            command=["python", "-m", "moclink.simulate", *arguments],
        )
    except WorkersLost as error:
        print(f"moclink: {error}", file=sys.stderr)
        return 1
    _report(results, args.quiet)
    return 0


def _report(results: Run, quiet: bool) -> None:
    """Print a table and the files that were written; if quiet, errors only."""
    from moclink.results.figures import draw
    from moclink.results.tables import unmet_budgets

    for line in unmet_budgets(results.folder):
        print(f"moclink: {line}", file=sys.stderr)
    if not quiet:
        print(results.table())
        folder = shlex.quote(str(results.folder))
        print(f"\nEvery metric at every SNR: python -m moclink.tables {folder}, or")
    drawn = draw(results.folder)
    for problem in drawn.problems:
        print(f"moclink: {problem}", file=sys.stderr)
    for path in [results.folder / "summary.csv", results.folder / "results.csv", *drawn.files]:
        if not quiet:
            print(path)


if __name__ == "__main__":
    sys.exit(main())
