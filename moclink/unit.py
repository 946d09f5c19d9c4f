"""The unit of work of a sweep: one picture through one chain or several, at some SNRs and trials.

Encoded once, sent at every SNR, decoded and scored; what a worker process does with a task. A row
depends on its cell alone: not on the cells it shares a task or a batch with, nor on the worker.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.chain import (
    Chain,
    DigitalChain,
    ErrorRates,
    RateFit,
    Reception,
    Transmission,
    count_letter_errors,
    hard_letters,
)
from moclink.images import Picture, to_float, to_uint8
from moclink.presets import BitChain, ChainOptions, make_chain
from moclink.results import Cell, Row, Shown
from moclink.workers import quietly

if TYPE_CHECKING:
    from moclink.phy.channels import Key
    from moclink.phy.error_patterns import ErrorPatterns

BITS_NAME = "random-bits"  # stands in the image column for chains that carry random bits
BATCH_BITS = 64_800  # 200 codewords of 324 bits
MAX_BITS = 100 * BATCH_BITS
GALLERY_SNRS = (0.0, 5.0, 10.0, 15.0, 20.0)
GALLERY_SIDE = 512


@dataclass(frozen=True)
class Plan:
    """Everything that decides the results of a sweep.

    Attributes:
        snrs: Es/N0 values in dB, ascending.
        chains: Names of the chains.
        trials: Noise realisations an image.
        channel: Name of the channel.
        metrics: Names of the metrics.
        seed: Seed of all noise.
        min_errors: Bit sources stop at this many bit errors (block errors if coded).
        options: Choices common to all chains.
        reuse_error_patterns: Whether the classical chains of a picture share one scrambled coded link.
    """

    snrs: tuple[float, ...]
    chains: tuple[str, ...]
    trials: int = 1
    channel: str = "awgn"
    metrics: tuple[str, ...] = ("psnr", "ssim")
    seed: int = 1
    min_errors: int = 100
    options: ChainOptions = ChainOptions()
    reuse_error_patterns: bool = False

    @property
    def gallery_snrs(self) -> tuple[float, ...]:
        """The SNRs whose pictures are kept: 0, 5, 10, 15 and 20 dB, or else an even spread."""
        if set(GALLERY_SNRS) <= set(self.snrs):
            return GALLERY_SNRS
        places = np.linspace(0, len(self.snrs) - 1, min(len(GALLERY_SNRS), len(self.snrs)))
        return tuple(self.snrs[round(place)] for place in places)


@dataclass(frozen=True)
class Task:
    """Work for one worker.

    Attributes:
        plan: The sweep.
        picture: The image; None for chains of random bits.
        cells: What to compute, chain by chain.
        shown: Whether the gallery shows this picture.
        batch: Cells to receive at once, which bounds the memory.
    """

    plan: Plan
    picture: Picture | None
    cells: tuple[Cell, ...]
    shown: bool = False
    batch: int = 1

    @property
    def chains(self) -> list[str]:
        """Names of its chains."""
        return list(dict.fromkeys(chain for chain, *_ in self.cells))

    @property
    def label(self) -> str:
        """What the user is told of it."""
        return f"{' + '.join(self.chains)}, {self.picture.name if self.picture else BITS_NAME}"


@dataclass(frozen=True)
class Outcome:
    """What some cells of a task gave, ready for the store.

    Attributes:
        rows: One a cell.
        shown: Pictures for the gallery.
        fits: (chain, image, SNR or None, rate fit).
    """

    rows: list[Row] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    fits: list[tuple[str, str, float | None, RateFit]] = field(default_factory=list)


def check(plan: Plan) -> list[str]:
    """Make the chains that a plan names, so that what cannot work is said before anything is written.

    Returns:
        What is wrong with the plan: nothing or one message.
    """
    try:
        with quietly():
            for name in plan.chains:
                _chain(name, plan.options)
            _try_metrics(plan.metrics)
    except ValueError as error:
        return [str(error)]
    return []


def _try_metrics(names: Sequence[str]) -> None:
    """Raise ValueError if the weights of a learned metric are missing."""
    from moclink import metrics as room

    flat = np.full((1, room.PERCEPTUAL_SIZE, room.PERCEPTUAL_SIZE, 3), 0.5, np.float32)
    for name in set(names) - {"psnr", "ssim"}:
        try:
            _metric_functions([name], room.PERCEPTUAL_SIZE)[name.replace("-", "_")](flat, flat)
        except RuntimeError as error:
            raise ValueError(f"--metrics {name}: {error}") from error


def work(task: Task) -> Iterator[Outcome]:
    """Compute the cells of a task, chain by chain and batch by batch."""
    if task.picture and task.shown:
        yield Outcome([], [Shown("original", task.picture.name, 0.0, _png(to_float(task.picture.pixels)))])
    for name in task.chains:
        with quietly():
            chain = _chain(name, task.plan.options)
        cells = [cell for cell in task.cells if cell[0] == name]
        if isinstance(chain, BitChain):
            for cell in cells:
                yield Outcome([_random_bits(chain, cell, task.plan)])
        elif task.picture:
            image, digest = to_float(task.picture.pixels)[None], task.picture.digest
            sent = _transmission(_Sending(name, task.plan.options, digest, chain, image))
            scorer = _Scorer(task.plan.metrics, image, digest)
            for start in range(0, len(cells), task.batch):
                yield _receive(chain, task, cells[start : start + task.batch], sent, scorer)


@cache
def _chain(name: str, options: ChainOptions) -> Chain | BitChain:
    """A process makes each chain once: weights are read and graphs traced once."""
    return make_chain(name, options)


@dataclass(frozen=True)
class _Sending:
    """A chain and an image [1, H, W, 3], told from others by the chain's name and the image's digest."""

    name: str
    options: ChainOptions
    digest: str
    chain: Chain = field(compare=False)
    image: NDArray[np.float32] = field(compare=False)


@lru_cache(maxsize=4)
def _transmission(sending: _Sending) -> Transmission:
    """The last transmissions: tasks of one picture follow each other."""
    return sending.chain.transmit(sending.image)


def _receive(
    chain: Chain,
    task: Task,
    cells: Sequence[Cell],
    sent: Transmission,
    scorer: _Scorer,
) -> Outcome:
    """Send one picture over the channel for a batch of cells, and score what arrives."""
    plan, image = task.plan, scorer.reference
    keys = [(plan.seed, snr, scorer.digest, trial) for _, _, snr, trial in cells]
    got = _over_the_channel(chain, sent, plan, keys)
    rates = chain.count_errors(sent, got)
    scores = scorer(got.images)
    symbols = sent.symbols.shape[1]
    rows = [
        _row(
            cell,
            image.shape[1:3],
            **{metric: float(values[i]) for metric, values in scores.items()},
            **_rates_at(rates, i),
            iterations=float(got.iterations[i]) if got.iterations is not None else None,
            outage=int(not got.decoded[i]),
            bits=int(got.bits[i]) if got.bits is not None else None,
            symbols=symbols,
            cbr=symbols / image.size,
        )
        for i, cell in enumerate(cells)
    ]
    keep = set(plan.gallery_snrs) if task.shown else set()
    kept = [
        Shown(chain.name, name, snr, _png(got.images[i]))
        for i, (_, name, snr, trial) in enumerate(cells)
        if snr in keep and trial == 0
    ]
    return Outcome(rows, kept, _fits(cells, sent, got))


def _over_the_channel(chain: Chain, sent: Transmission, plan: Plan, keys: Sequence[Key]) -> Reception:
    """Send one transmission once for each key (seed, SNR, picture, trial)."""
    from moclink.phy.channels import get_channel, noise_variance
    from moclink.phy.error_patterns import can_share

    no = noise_variance(np.array([snr for _, snr, *_ in keys]))
    if plan.reuse_error_patterns and isinstance(chain, DigitalChain) and sent.payload:
        if can_share(chain.modem, plan.channel):
            got = _patterns().send(chain.modem, plan.channel, sent.payload.letters, no, keys)
            return chain.decode(got, sent.header)
    output = get_channel(plan.channel)(sent.symbols, no, keys)
    return chain.receive(output.received, output.no, sent.header)


@cache
def _patterns() -> ErrorPatterns:
    """A process keeps its error patterns from chain to chain."""
    from moclink.phy.error_patterns import ErrorPatterns

    return ErrorPatterns()


def _row(cell: Cell, size: tuple[int | None, ...], **values: Any) -> Row:
    chain, image, snr, trial = cell
    height, width = size
    return Row(chain, image, height, width, snr, trial, **values)


def _fits(
    cells: Sequence[Cell], sent: Transmission, got: Reception
) -> list[tuple[str, str, float | None, RateFit]]:
    chain, image, _, _ = cells[0]
    fits: list[tuple[str, str, float | None, RateFit]] = []
    if sent.payload:
        fits += [(chain, image, None, fit) for fit in sent.payload.rate_fits]
    return fits + [
        (chain, image, snr, fit) for (_, _, snr, _), fit in zip(cells, got.rate_fits, strict=False)
    ]


class _Scorer:
    """Scores received pictures against the original; equal ones only once, in whatever batch they come.

    Args:
        metrics: Names of the metrics.
        reference: The original, float32 [1, H, W, 3].
        digest: What identifies the original.
    """

    def __init__(self, metrics: Sequence[str], reference: NDArray[np.float32], digest: str) -> None:
        self.reference = reference
        self.digest = digest
        self._functions = _metric_functions(metrics, min(reference.shape[1:3]))
        self._known: dict[bytes, dict[str, float]] = {}

    def __call__(self, images: NDArray[np.float32]) -> dict[str, list[float]]:
        """Score images [B, H, W, 3]: column of the results -> B values."""
        keys = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images]
        new = {key: place for place, key in enumerate(keys) if key not in self._known}
        if new:
            chosen = images[list(new.values())]
            columns = {name: function(chosen, self.reference) for name, function in self._functions.items()}
            for row, key in enumerate(new):
                self._known[key] = {name: float(values[row]) for name, values in columns.items()}
        return {name: [self._known[key][name] for key in keys] for name in self._functions}


def _metric_functions(metrics: Sequence[str], side: int) -> dict[str, Any]:
    """Column -> function of (images, reference); those that pictures of so short a side have."""
    from moclink import metrics as room

    least = {"psnr": 1, "ssim": room.SSIM_WINDOW}
    return {
        "psnr_db" if name == "psnr" else name.replace("-", "_"): getattr(room, name.replace("-", "_"))
        for name in metrics
        if side >= least.get(name, room.PERCEPTUAL_SIZE)
    }


def _rates_at(rates: ErrorRates, place: int) -> dict[str, float | None]:
    pairs = {"ber": rates.ber, "ier": rates.ier, "bler": rates.bler}
    return {name: float(values[place]) if values is not None else None for name, values in pairs.items()}


def _random_bits(chain: BitChain, cell: Cell, plan: Plan) -> Row:
    """Send random bits in batches until enough errors have been seen, or enough bits sent."""
    from moclink.phy.channels import get_channel, noise_variance, stream

    _, _, snr, trial = cell
    block = chain.modem.block_letters
    size = BATCH_BITS if block is None else BATCH_BITS // block * block
    channel, no = get_channel(plan.channel), noise_variance(np.array([snr]))
    sent = wrong = wrong_blocks = symbols = iterations = 0.0
    while sent < MAX_BITS and (wrong_blocks if block else wrong) < plan.min_errors:
        key = (plan.seed, snr, BITS_NAME, trial, int(sent))
        bits = stream((*key, "bits")).integers(0, 2, (1, size), np.uint8)
        output = channel(chain.modem.modulate(bits), no, [key])
        got = chain.modem.demodulate(output.received, output.no)
        rates = count_letter_errors(bits, hard_letters(got.evidence), (size,), 2, block)
        sent += size
        symbols += output.received.shape[1]
        wrong += float(_first(rates.ber)) * size
        wrong_blocks += float(_first(rates.bler)) * (size // block) if block else 0.0
        iterations += float(got.iterations.sum()) if got.iterations is not None else 0.0
    return _row(
        cell,
        (None, None),
        ber=round(wrong) / sent,
        bler=round(wrong_blocks) / (sent // block) if block else None,
        iterations=iterations / (sent // block) if block else None,
        bits=int(sent),
        symbols=int(symbols),
    )


def _first(values: NDArray[np.float64] | None) -> float:
    return 0.0 if values is None else float(values[0])


def _png(image: NDArray[np.float32]) -> bytes:
    """The centre of a picture, at most 512 pixels a side, as a PNG file."""
    height, width = image.shape[:2]
    top, left = max(0, height - GALLERY_SIDE) // 2, max(0, width - GALLERY_SIDE) // 2
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image[top : top + GALLERY_SIDE, left : left + GALLERY_SIDE])).save(buffer, "PNG")
    return buffer.getvalue()
