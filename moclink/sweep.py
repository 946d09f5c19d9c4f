"""The Monte Carlo sweep: chains x pictures x SNRs x trials -> rows, resumable cell by cell.

The unit of work is one picture through one chain: the picture is encoded once, the SNR axis is the
batch. Units are cut into groups of cells by a rule that knows only the plan, and a group is stored in
one transaction; so an interrupted run, begun again, computes the same groups and gives the same rows.
Noise is keyed by (seed, SNR, picture, trial): chains of equal length meet the same noise.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.chain import (
    Chain,
    ErrorRates,
    RateFit,
    Reception,
    Transmission,
    count_letter_errors,
    hard_letters,
)
from moclink.images import Picture, to_float, to_uint8
from moclink.presets import BitChain, ChainOptions, make_chain
from moclink.results import Cell, ResultStore, Row, Shown

BITS_NAME = "random-bits"  # stands in the image column for chains that carry random bits
BATCH_BITS = 64_800  # 200 codewords of 324 bits
MAX_BITS = 100 * BATCH_BITS
GROUP_PIXELS = 8_000_000  # received pixels held at once
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
    """

    snrs: tuple[float, ...]
    chains: tuple[str, ...]
    trials: int = 1
    channel: str = "awgn"
    metrics: tuple[str, ...] = ("psnr", "ssim")
    seed: int = 1
    min_errors: int = 100
    options: ChainOptions = ChainOptions()

    @property
    def gallery_snrs(self) -> tuple[float, ...]:
        """The SNRs whose pictures are kept: 0, 5, 10, 15 and 20 dB, or else an even spread."""
        if set(GALLERY_SNRS) <= set(self.snrs):
            return GALLERY_SNRS
        places = np.linspace(0, len(self.snrs) - 1, min(len(GALLERY_SNRS), len(self.snrs)))
        return tuple(self.snrs[round(place)] for place in places)


@dataclass(frozen=True)
class Outcome:
    """What one group of cells gave, ready for the store.

    Attributes:
        rows: One a cell.
        shown: Pictures for the gallery.
        fits: (chain, image, SNR or None, rate fit).
    """

    rows: list[Row]
    shown: list[Shown]
    fits: list[tuple[str, str, float | None, RateFit]]


def cells_of(plan: Plan, pictures: Sequence[Picture]) -> list[Cell]:
    """All cells of a plan, in the order of the run."""
    return [
        (name, image, snr, trial)
        for name in plan.chains
        for image in ([BITS_NAME] if name.startswith("random-") else [p.name for p in pictures])
        for trial in range(plan.trials)
        for snr in plan.snrs
    ]


def run_sweep(
    plan: Plan, pictures: Sequence[Picture], store: ResultStore, progress: Callable[[int, str], None]
) -> None:
    """Compute and store every cell that is not stored yet.

    Args:
        plan: What to compute.
        pictures: The images.
        store: Where results go, and where finished cells are found.
        progress: Called with the number of cells done since the last call, and the unit's name.
    """
    done = store.done()
    for name in plan.chains:
        chain = make_chain(name, plan.options)
        for picture in [None] if isinstance(chain, BitChain) else pictures:
            groups = _groups(plan, name, picture)
            missing = [group for group in groups if not done.issuperset(group)]
            label = f"{name}, {picture.name if picture else BITS_NAME}"
            progress(sum(map(len, groups)) - sum(map(len, missing)), label)
            if isinstance(chain, BitChain):
                outcomes = _run_bits(chain, missing, plan)
            elif picture and missing:
                outcomes = _run_picture(chain, picture, missing, plan, shown=picture is pictures[0])
            else:
                outcomes = iter(())
            for outcome in outcomes:
                store.add(outcome.rows, outcome.shown, outcome.fits)
                progress(len(outcome.rows), label)


def _groups(plan: Plan, chain: str, picture: Picture | None) -> list[list[Cell]]:
    """Cells of one unit, cut where the received pictures would fill the memory set aside for them."""
    label = picture.name if picture else BITS_NAME
    cells = [(chain, label, snr, trial) for trial in range(plan.trials) for snr in plan.snrs]
    size = 1 if picture is None else max(1, GROUP_PIXELS // picture.pixels[..., 0].size)
    return [cells[start : start + size] for start in range(0, len(cells), size)]


def _run_bits(chain: BitChain, groups: list[list[Cell]], plan: Plan) -> Iterator[Outcome]:
    for group in groups:
        for cell in group:
            yield Outcome([_random_bits(chain, cell, plan)], [], [])


def _run_picture(
    chain: Chain, picture: Picture, groups: list[list[Cell]], plan: Plan, shown: bool
) -> Iterator[Outcome]:
    """Encode once, then send over the channel group by group.

    Args:
        chain: A chain that carries images.
        picture: The image.
        groups: Cells to compute.
        plan: The sweep.
        shown: Whether the gallery shows this picture.
    """
    image = to_float(picture.pixels)[None]
    sent = chain.transmit(image)
    if shown:
        yield Outcome([], [Shown("original", picture.name, 0.0, _png(image[0]))], [])
    for group in groups:
        yield _picture_cells(chain, picture, image, sent, group, plan, shown)


def _picture_cells(
    chain: Chain,
    picture: Picture,
    image: NDArray[np.float32],
    sent: Transmission,
    group: list[Cell],
    plan: Plan,
    shown: bool,
) -> Outcome:
    """Send one picture over the channel at every SNR of a group, and score what arrives."""
    from moclink.phy.channels import get_channel, noise_variance

    snrs = [snr for _, _, snr, _ in group]
    keys = [(plan.seed, snr, picture.digest, trial) for _, _, snr, trial in group]
    output = get_channel(plan.channel)(sent.symbols, noise_variance(np.array(snrs)), keys)
    got = chain.receive(output.received, output.no, sent.header)
    rates = chain.count_errors(sent, got)
    scores = _score(plan.metrics, got.images, image)
    height, width = image.shape[1:3]
    symbols = sent.symbols.shape[1]
    rows = [
        _row(
            cell,
            (height, width),
            **{metric: float(values[i]) for metric, values in scores.items()},
            **_rates_at(rates, i),
            outage=int(not got.decoded[i]),
            bits=int(got.bits[i]) if got.bits is not None else None,
            symbols=symbols,
            cbr=symbols / image.size,
        )
        for i, cell in enumerate(group)
    ]
    keep = set(plan.gallery_snrs) if shown else set()
    kept = [
        Shown(chain.name, picture.name, snr, _png(got.images[i]))
        for i, (_, _, snr, trial) in enumerate(group)
        if snr in keep and trial == 0
    ]
    return Outcome(rows, kept, _fits(chain.name, picture.name, snrs, sent, got))


def _row(cell: Cell, size: tuple[int | None, int | None], **values: Any) -> Row:
    chain, image, snr, trial = cell
    return Row(chain, image, *size, snr, trial, **values)


def _fits(
    chain: str, image: str, snrs: Sequence[float], sent: Transmission, got: Reception
) -> list[tuple[str, str, float | None, RateFit]]:
    fits: list[tuple[str, str, float | None, RateFit]] = []
    if sent.payload:
        fits += [(chain, image, None, fit) for fit in sent.payload.rate_fits]
    return fits + [(chain, image, snr, fit) for snr, fit in zip(snrs, got.rate_fits, strict=False)]


def _score(
    metrics: Sequence[str], images: NDArray[np.float32], reference: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Column -> values [B]. SSIM needs 11x11 pixels: smaller images have none."""
    from moclink import metrics as room

    columns = {"psnr": "psnr_db"}
    functions = {name: getattr(room, name.replace("-", "_")) for name in metrics}
    if min(reference.shape[1:3]) < room.SSIM_WINDOW:
        functions.pop("ssim", None)
    return {
        columns.get(name, name.replace("-", "_")): function(images, reference)
        for name, function in functions.items()
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
    sent = wrong = wrong_blocks = symbols = 0.0
    while sent < MAX_BITS and (wrong_blocks if block else wrong) < plan.min_errors:
        key = (plan.seed, snr, BITS_NAME, trial, int(sent))
        bits = stream((*key, "bits")).integers(0, 2, (1, size), np.uint8)
        output = channel(chain.modem.modulate(bits), no, [key])
        got = hard_letters(chain.modem.demodulate(output.received, output.no))
        rates = count_letter_errors(bits, got, (size,), 2, block)
        sent += size
        symbols += output.received.shape[1]
        wrong += float(_first(rates.ber)) * size
        wrong_blocks += float(_first(rates.bler)) * (size // block) if block else 0.0
    return _row(
        cell,
        (None, None),
        ber=round(wrong) / sent,
        bler=round(wrong_blocks) / (sent // block) if block else None,
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
