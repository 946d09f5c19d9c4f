"""Options that were given and touch none of the chosen chains, by the names of these."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from moclink.bandwidth_ratio import split_cbr
from moclink.presets import is_bit_chain, is_file_chain, is_known

# Option -> whether it may touch a chain of moclink's own, of this name with its ratio. Where that
# depends on more than the name the answer is yes: any picture may be lost, so --outage is only idle
# where there are none.
_TOUCHES: dict[str, Callable[[str], bool]] = {
    "--match": lambda name: is_file_chain(name) and split_cbr(name)[1] is None,
    "--code": lambda name: "ldpc" in name,
    "--ldpc": lambda name: "ldpc" in name,
    "--receiver": lambda name: name.startswith("moc-rvq"),
    "--harq": lambda name: "mcs" in name or "ldpc-adaptive" in name,
    "--outage": lambda name: not is_bit_chain(name),
    "--min-errors": is_bit_chain,
    "--max-bits": is_bit_chain,
    "--reuse-error-patterns": lambda name: "ldpc" in name,
}


def idle_options(
    given: Sequence[str], asked: Sequence[str], chains: Sequence[str], channel: str
) -> list[str]:
    """Options that provably change no row of a run.

    Args:
        given: Options with values other than their defaults, such as "--harq".
        asked: Names of the chains as they were asked for.
        chains: The same at the channel bandwidth ratios of `--cbr`. Most options may touch a user's
            own codecs and weights.
        channel: The channel, as it was given.

    Returns:
        Those of `given`, in their order, that have no effect.
    """
    idle = set()
    if tuple(asked) == tuple(chains):
        idle.add("--cbr")
    if channel.partition("?")[0] == "awgn":  # the SNR of each realisation is the average one
        idle.add("--csi")
    if all(is_known(split_cbr(name)[0]) for name in chains):
        idle |= {option for option, touches in _TOUCHES.items() if not any(map(touches, chains))}
    return [option for option in given if option in idle]


def report_idle_options(
    given: Sequence[str], asked: Sequence[str], chains: Sequence[str], channel: str
) -> None:
    """Name the idle options in one line on standard error; arguments as of `idle_options`."""
    if idle := idle_options(given, asked, chains, channel):
        what = "has" if len(idle) == 1 else "have"
        print(f"moclink: note: {', '.join(idle)} {what} no effect on these chains", file=sys.stderr)
