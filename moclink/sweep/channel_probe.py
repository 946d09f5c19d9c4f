"""A probe of user-defined channels: is the noise that they add the noise that receivers are told of?

Receivers take a channel's output for x + noise of the variance that it states. A block that turns
or scales its symbols without a word, or adds another noise, gives figures all the same: those of
receivers that are wrong about the channel. That may be meant, as with phase noise, so it is said
and not refused.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from moclink.phy.channels import Channel, ChannelOutput, get_channel, noise_variance
from moclink.phy.user_block import UserBlock
from moclink.sweep.object_pickles import dumps, loads
from moclink.sweep.session import Session
from moclink.sweep.tensorflow_log import quietly
from moclink.sweep.workers import Pool

SNRS_DB = (25.0, 5.0)  # where a gain is seen best, and where it cannot be taken for noise
SYMBOLS, TIMES = 1000, 4  # of a transmission, and transmissions at each SNR
# Squared error over the variance stated for it. With 4000 symbols its mean is 1 within 0.08 (five
# standard deviations) if the noise is Gaussian, its median ln 2 within 0.08.
FIT = (0.7, 1.4)
GAIN = 0.1  # |g - 1| that is named beside another noise
NOTHING = 1e-3  # times the noise variance: no noise


@dataclass(frozen=True)
class Measured:
    """What a channel did to known symbols, over what it said.

    Attributes:
        snr_db: Es/N0 in dB.
        gains: E[x_hat x*] of each transmission, complex [TIMES].
        noise: Power of x_hat - x over the variance stated for it.
        rest: The same of x_hat - g x, with the transmission's own gain g.
    """

    snr_db: float
    gains: NDArray[np.complexfloating]
    noise: float
    rest: float


def probe(session: Session, snrs: tuple[float, ...]) -> list[str]:
    """Send known symbols over the session's channel.

    Args:
        session: A session.
        snrs: Es/N0 values in dB.

    Returns:
        A message if the channel adds what it does not state, or cannot be measured; else nothing.
    """
    channel = session.channel
    try:
        with quietly(notes_only=True):
            copy = _copy(channel)
            problems = [describe(measure(copy, snr_db)) for snr_db in snrs]
    except Exception as error:  # of a block that cannot be copied, or takes other lengths
        why = str(error).removeprefix(f"channel {channel.spec}, ")
        why = why.removeprefix(f"channel {channel.spec}: ") or type(error).__name__
        why = textwrap.shorten(why, 160, placeholder=" ...")
        return [
            f"channel {channel.spec} is not measured before the run: whether it adds the noise that it "
            f"states is not known ({why})"
        ]
    return [f"channel {channel.spec}: {problem}" for problem in problems if problem][:1]


def _copy(channel: Channel) -> Channel:
    """A channel whose block is no part of the run: blocks may remember what they were called on."""
    same = get_channel(channel.spec if channel.given is None else channel.given)
    path = channel.spec.partition("?")[0]
    found = UserBlock(path).find() if channel.given is None else channel.given
    model = same.build()
    if isinstance(found, type) or inspect.isroutine(found):  # of a class there is a new object now
        return same
    return Channel(channel.spec, partial(loads, dumps(model)))


def measure(channel: Channel, snr_db: float) -> Measured:
    """Send random QPSK symbols.

    Raises:
        ValueError: If the channel does.
    """
    rng = np.random.default_rng(1)
    sent = np.exp(0.5j * np.pi * (rng.integers(0, 4, (TIMES, SYMBOLS)) + 0.5)).astype(np.complex64)
    keys = [("probe", snr_db, time) for time in range(TIMES)]
    output = channel(sent, noise_variance([snr_db] * TIMES), keys)
    return _compare(sent, output, snr_db)


def _compare(sent: NDArray[np.complex64], output: ChannelOutput, snr_db: float) -> Measured:
    no = np.broadcast_to(output.no if output.no.ndim == 2 else output.no[:, None], sent.shape)
    weights = 1 / no.astype(np.float64)
    received = output.received.astype(np.complex128)
    gains = np.sum(received * sent.conj() * weights, 1) / np.sum(np.abs(sent) ** 2 * weights, 1)
    errors = [np.abs(received - g * sent) ** 2 * weights for g in (1.0, gains[:, None])]
    return Measured(snr_db, gains, *map(_typical, errors))


def _typical(ratios: NDArray[np.float64]) -> float:
    """The value nearest to 1 between mean and median: rare impulses are no other noise variance."""
    ends = sorted((float(np.mean(ratios)), float(np.median(ratios) / np.log(2))))
    return min(max(1.0, ends[0]), ends[1])


def describe(found: Measured) -> str:
    """What is unlike what the channel states, in one line; empty if nothing is."""
    if FIT[0] <= found.noise <= FIT[1]:
        return ""
    other_noise = not FIT[0] <= found.rest <= FIT[1]
    parts, remedies = [], []
    if np.abs(found.gains - 1).max() > GAIN or not other_noise:
        size, turns = np.abs(found.gains), np.abs(np.angle(found.gains, deg=True))
        same = np.ptp(size) < GAIN * size.max()
        spread = f"{size.mean():.2g}" if same else f"{size.min():.2g} to {size.max():.2g}"
        turned = f" turned by up to {turns.max():.0f} degrees" if turns.max() > 5 else ""
        parts.append(f"a gain of {spread}{turned}")
        remedies.append("(y, h) with the gain h")
    if other_noise:
        times = f"{found.rest:.3g}" if found.rest > NOTHING else "0"
        parts.append(f"{times} times the noise variance that is stated")
        remedies.append(
            "(x_hat, no_eff) with that variance; noise of variance no has no / 2 in each of two parts"
        )
    return (
        f"at {found.snr_db:g} dB its symbols have {' and '.join(parts)}, which receivers do not know; "
        f"if they are to know, return {' or '.join(remedies)}"
    )


def report_probe(pool: Pool, channel: Channel, make_session: Callable[[], Session]) -> None:
    """Say on standard error what a user's channel does beside what it states."""
    ours = channel.given is None and ":" not in channel.spec.partition("?")[0]
    if ours or channel.spec.startswith("moclink."):
        return
    for _, problem in pool.run(probe, [SNRS_DB], make_session):
        print(f"note: {problem}", file=sys.stderr)
