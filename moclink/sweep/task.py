"""Work on a task: one picture through one chain or several, at some SNRs and trials.

The picture is encoded, sent over the channel, decoded and scored. A row depends on its cell alone:
not on the cells it shares a task or a batch with, nor on the worker.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moclink.errors import ChainError
from moclink.images import to_float, to_uint8
from moclink.outages import lost_picture
from moclink.protocols import Chain
from moclink.snr import mean_capacity, to_decibels
from moclink.sweep.bit_errors import measure_bit_errors
from moclink.sweep.plan import Task
from moclink.sweep.session import Session
from moclink.sweep.tensorflow_log import quietly
from moclink.types import (
    Cell,
    ChannelState,
    GalleryPicture,
    RateFit,
    Reception,
    Row,
    Transmission,
)

# Chain, image, SNR in dB or None if it is the same at all, how the rate was fitted.
FitRecord = tuple[str, str, float | None, RateFit]
CellKey = tuple[int, float, str, int]  # seed, SNR, the picture's digest, trial
GALLERY_SIDE = 512


@dataclass(frozen=True)
class TaskResult:
    """Results of some cells of a task, ready for the store.

    Attributes:
        rows: One per cell.
        gallery: Pictures for the gallery.
        fits: How rates were fitted.
    """

    rows: list[Row] = field(default_factory=list)
    gallery: list[GalleryPicture] = field(default_factory=list)
    fits: list[FitRecord] = field(default_factory=list)


def work(session: Session, task: Task) -> Iterator[TaskResult]:
    """Compute the cells of a task, chain by chain and batch by batch, without TensorFlow's notes."""
    results = _work(session, task)
    while True:
        with quietly(notes_only=True):
            result = next(results, None)
        if result is None:
            return
        yield result


def _work(session: Session, task: Task) -> Iterator[TaskResult]:
    picture = task.picture
    if picture is None:
        for cell in task.cells:
            yield TaskResult([measure_bit_errors(session, cell)])
        return
    image = to_float(picture.pixels)[None]
    if task.in_gallery:
        yield TaskResult([], [GalleryPicture("original", picture.name, 0.0, _png(image[0]))])
    for name in task.chains:
        cells = [cell for cell in task.cells if cell[0] == name]
        for start in range(0, len(cells), task.batch):
            yield from _send(
                session, task, cells[start : start + task.batch], image, picture.digest
            )


def _send(
    session: Session, task: Task, cells: Sequence[Cell], image: NDArray[np.float32], digest: str
) -> Iterator[TaskResult]:
    """Send one picture by one chain for a batch of cells, and score what arrives."""
    plan = session.plan
    chain: Chain = session.chain(cells[0][0])
    keys = [(plan.seed, snr, digest, trial) for _, _, snr, trial in cells]
    try:
        states = _sender_knowledge(session, chain, keys, image)
    except ChainError as error:
        yield _outage_result(session, task, cells, image, digest, error)
        return
    for csi in dict.fromkeys(states):
        places = [place for place, state in enumerate(states) if state == csi]
        own = [cells[place] for place in places]
        try:
            sent = session.transmission(chain, image, digest, csi)
            reception = _over_the_channel(session, chain, sent, [keys[place] for place in places])
            if session.plan.options.outage == "mean" and not reception.decoded.all():
                lost = lost_picture("mean", image)
                images = np.where(reception.decoded[:, None, None, None], reception.images, lost)
                reception = replace(reception, images=images)
            scores = session.scorer(image, digest)(reception.images)
            result = _result(session, task, own, scores, sent, reception)
        except ChainError as error:
            result = _outage_result(session, task, own, image, digest, error)
        yield result


def _outage_result(
    session: Session,
    task: Task,
    cells: Sequence[Cell],
    image: NDArray[np.float32],
    digest: str,
    error: ChainError,
) -> TaskResult:
    """Cells of a picture that a chain could not send: outages, with the reason."""
    outage = session.plan.options.outage
    lost = lost_picture(outage, image)
    scores = _scored(session.scorer(image, digest)(lost), 0, outage != "exclude")
    height, width = image.shape[1:3]
    rows = [
        Row(name, picture, height, width, snr, trial, **{**scores, "outage": 1})
        for name, picture, snr, trial in cells
    ]
    gallery = _gallery(session, task, cells, np.repeat(lost, len(cells), 0))
    return TaskResult(rows, gallery, _problems(cells, [error.problem] * len(cells)))


def _sender_knowledge(
    session: Session, chain: Chain, keys: Sequence[CellKey], image: NDArray[np.float32]
) -> list[ChannelState | None]:
    """What the chain's sender is told of each realisation; None for a chain that does not adapt.

    The instantaneous SNR is the one at which an AWGN channel has the capacity of the realisation.
    How many symbols undergo it is known from what the chain sends when it is told the average.
    """
    if not chain.adaptive:
        return [None] * len(keys)
    channel = session.channel
    kind = channel.spec.partition("?")[0]
    block_fading = kind == "rayleigh" and channel.coherence == 0 and session.plan.csi == "average"
    average = [ChannelState(snr, "rayleigh" if block_fading else "none") for _, snr, *_ in keys]
    if kind == "awgn" or session.plan.csi == "average":
        return list(average)
    states: list[ChannelState | None] = []
    for key, csi in zip(keys, average, strict=True):
        sent = session.transmission(chain, image, key[2], csi)
        output = session.channel(sent.symbols, np.array([csi.no], np.float32), [key])
        states.append(ChannelState(float(to_decibels(2 ** mean_capacity(output.no)[0] - 1))))
    return states


def _over_the_channel(
    session: Session, chain: Chain, transmission: Transmission, keys: Sequence[CellKey]
) -> Reception:
    """Send one transmission once for each key."""
    from moclink.phy.channels import noise_variance
    from moclink.phy.error_patterns import can_share

    no = noise_variance(np.array([snr for _, snr, *_ in keys]))
    channel, shared = session.channel, session.plan.reuse_error_patterns
    if shared and transmission.payload and chain.modem and can_share(chain.modem, channel):
        demodulated = session.patterns.send(
            chain.modem, channel, transmission.payload.indices, no, keys
        )
        return chain.decode(demodulated, transmission.header)

    def send(number: int, rows: NDArray[np.intp], symbols: NDArray[np.complex64]) -> Any:
        again = ("harq", number) if number else ()  # noise and fading of its own
        output = channel(symbols, no[rows], [(*keys[row], *again) for row in rows])
        return output.received, output.no

    return chain.exchange(transmission, len(keys), send)


def _result(
    session: Session,
    task: Task,
    cells: Sequence[Cell],
    scores: dict[str, list[float]],
    transmission: Transmission,
    reception: Reception,
) -> TaskResult:
    """What a batch of cells gives: rows, pictures for the gallery, and how rates were fitted."""
    chain: Chain = session.chain(cells[0][0])
    rates = chain.count_errors(transmission, reception)
    times = np.ones(len(cells), int) if reception.transmissions is None else reception.transmissions
    symbols = [int(transmission.symbols.shape[1] * count) for count in times]
    energy, papr_db = float(transmission.energy[0]), float(transmission.papr_db[0])
    height, width = reception.images.shape[1:3]
    excluded = session.plan.options.outage == "exclude"
    rows = [
        Row(
            name,
            picture,
            height,
            width,
            snr,
            trial,
            **_scored(scores, i, bool(reception.decoded[i]) or not excluded),
            **_at({"ber": rates.ber, "ier": rates.ier, "bler": rates.bler}, i),
            iterations=float(reception.iterations[i]) if reception.iterations is not None else None,
            outage=int(not reception.decoded[i]),
            bits=int(reception.bits[i]) if reception.bits is not None else None,
            symbols=symbols[i],
            cbr=symbols[i] / (height * width * 3),
            energy=energy,
            papr_db=papr_db,
            transmissions=None if reception.transmissions is None else int(times[i]),
        )
        for i, (name, picture, snr, trial) in enumerate(cells)
    ]
    fits = _fits(chain, cells, transmission) + _problems(cells, reception.problems)
    return TaskResult(rows, _gallery(session, task, cells, reception.images), fits)


def _gallery(
    session: Session, task: Task, cells: Sequence[Cell], images: NDArray[np.float32]
) -> list[GalleryPicture]:
    """Pictures for the gallery."""
    keep = set(session.plan.gallery_snrs) if task.in_gallery else set()
    return [
        GalleryPicture(name, picture, snr, _png(images[i]))
        for i, (name, picture, snr, trial) in enumerate(cells)
        if snr in keep and trial == 0
    ]


def _problems(cells: Sequence[Cell], problems: Sequence[str]) -> list[FitRecord]:
    """Errors of a user-defined chain, stored with the rate fits."""
    return [
        (name, picture, snr, RateFit("", 0.0, 0, 0, problem))
        for (name, picture, snr, _), problem in zip(cells, problems, strict=False)
        if problem
    ]


def _fits(chain: Chain, cells: Sequence[Cell], transmission: Transmission) -> list[FitRecord]:
    """How the rate was fitted: once for all SNRs, or at each SNR by a chain that adapts."""
    name, picture, *_ = cells[0]
    fits = transmission.payload.rate_fits if transmission.payload else ()
    snrs = dict.fromkeys(snr for _, _, snr, _ in cells) if chain.adaptive else [None]
    return [(name, picture, snr, fit) for snr in snrs for fit in fits]


def _at(values: dict[str, Any], place: int) -> dict[str, Any]:
    """One row's values of columns; None where a column has none."""
    return {name: float(each[place]) if each is not None else None for name, each in values.items()}


def _scored(scores: dict[str, list[float]], place: int, counts: bool) -> dict[str, Any]:
    """One row's scores; None of a lost picture that is left out."""
    return _at(scores, place) if counts else dict.fromkeys(scores)


def _png(image: NDArray[np.float32]) -> bytes:
    """The centre of a picture, at most 512 pixels a side, as a PNG file."""
    height, width = image.shape[:2]
    top, left = max(0, height - GALLERY_SIDE) // 2, max(0, width - GALLERY_SIDE) // 2
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image[top : top + GALLERY_SIDE, left : left + GALLERY_SIDE])).save(
        buffer, "PNG"
    )
    return buffer.getvalue()
