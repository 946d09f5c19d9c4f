"""What a sweep computes, and how it is cut into tasks for workers.

A task is one picture through one chain or several, at some SNRs and trials. How the cells are cut
decides who computes what and when, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moclink.constants import CSI, LEAST_GALLERY_SIDE, MAX_BITS
from moclink.images import Picture
from moclink.presets import ChainOptions, is_bit_chain, is_file_chain
from moclink.types import Cell

BITS_NAME = "random-bits"  # in the image column, for chains that carry random bits
GALLERY_SNRS = (0.0, 5.0, 10.0, 15.0, 20.0)
MAX_CELLS = 5_000_000  # of a run
TASK_PIXELS = 128_000_000  # received in one task: all SNRs of a 2K picture
# Measured with /usr/bin/time over chains of all kinds; see benchmarks/README.md.
WORKER_BYTES = 1_500_000_000  # Python with TensorFlow, a codec's weights and its activations
PICTURE_BYTES = 200  # a pixel of the picture that is being scored or decoded
RECEIVED_BYTES = 60  # a pixel of each received picture of a batch: log-likelihoods, floats
# Of a batch, at most: more is no faster, and the system then clears more pages.
BATCH_BYTES = 1_000_000_000
DEFAULT_MEMORY = 4 * 2**30  # for each worker where nobody says


@dataclass(frozen=True)
class Plan:
    """Everything that decides the results of a sweep.

    Attributes:
        snrs: Es/N0 values in dB, ascending.
        chains: Names of the chains.
        trials: Noise realisations per image.
        channel: Name of the channel.
        metrics: Names of the metrics.
        seed: Seed of all noise.
        min_errors: Bit sources stop at this many bit errors (block errors if coded).
        options: Choices common to all chains.
        reuse_error_patterns: Whether the classical chains of a picture share one scrambled coded
            link.
        csi: What adaptive chains are told: "instantaneous", the SNR of the realisation that their
            symbols will have, or "average", that of the channel. Over AWGN the two are the same.
        max_bits: Bit sources stop at this many bits, rounded up to whole batches.
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
    csi: str = CSI[0]
    max_bits: int = MAX_BITS

    @property
    def gallery_snrs(self) -> tuple[float, ...]:
        """The SNRs whose pictures are kept: 0, 5, 10, 15 and 20 dB, or else an even spread."""
        if set(GALLERY_SNRS) <= set(self.snrs):
            return GALLERY_SNRS
        places = np.linspace(0, len(self.snrs) - 1, min(len(GALLERY_SNRS), len(self.snrs)))
        return tuple(self.snrs[round(place)] for place in places)

    def check_count(self, pictures: Sequence[Picture]) -> None:
        """Check that there are no more cells than memory holds.

        Raises:
            ValueError: If there are more than MAX_CELLS.
        """
        count = len(list_units(self, pictures)) * len(self.snrs) * self.trials
        if count > MAX_CELLS:
            raise ValueError(
                f"{count} cells (chains x pictures x SNRs x trials) are too many for one run, which "
                f"has {MAX_CELLS} at most; give fewer trials, or runs of several seeds, which figures "
                "and tables show together"
            )


@dataclass(frozen=True)
class Task:
    """Work for one worker.

    Attributes:
        plan: The sweep.
        picture: The image; None for chains of random bits.
        cells: What to compute, chain by chain.
        in_gallery: Whether the gallery shows this picture.
        batch: Cells to receive at once, which bounds the memory.
    """

    plan: Plan
    picture: Picture | None
    cells: tuple[Cell, ...]
    in_gallery: bool = False
    batch: int = 1

    @property
    def chains(self) -> list[str]:
        """Names of its chains."""
        return list(dict.fromkeys(chain for chain, *_ in self.cells))

    @property
    def label(self) -> str:
        """Its label in the progress bar."""
        return f"{' + '.join(self.chains)}, {self.picture.name if self.picture else BITS_NAME}"


def list_cells(plan: Plan, pictures: Sequence[Picture]) -> Iterator[Cell]:
    """All cells of a plan one by one, in the order of the run."""
    for name, picture in list_units(plan, pictures):
        yield from _cells(plan, name, picture)


def count_cells(plan: Plan, pictures: Sequence[Picture]) -> int:
    """How many cells a plan has."""
    return len(list_units(plan, pictures)) * plan.trials * len(plan.snrs)


def choose_gallery_picture(pictures: Sequence[Picture]) -> Picture | None:
    """The picture that the gallery shows: the first one large enough to see something, or the largest."""
    if not pictures:
        return None
    return max(pictures, key=lambda p: min(p.height, p.width, LEAST_GALLERY_SIDE))


def least_memory(pictures: Sequence[Picture]) -> int:
    """Bytes that a worker needs for the largest picture, one received picture at a time."""
    largest = max((picture.height * picture.width for picture in pictures), default=0)
    return WORKER_BYTES + (PICTURE_BYTES + RECEIVED_BYTES) * largest


def list_units(plan: Plan, pictures: Sequence[Picture]) -> list[tuple[str, Picture | None]]:
    """(chain, picture), the chains of one picture together: they share encodings."""
    bits = [name for name in plan.chains if is_bit_chain(name)]
    names = [name for name in plan.chains if name not in bits]
    return [(name, picture) for picture in pictures for name in names] + [
        (name, None) for name in bits
    ]


def _cells(plan: Plan, chain: str, picture: Picture | None) -> list[Cell]:
    label = picture.name if picture else BITS_NAME
    return [(chain, label, snr, trial) for trial in range(plan.trials) for snr in plan.snrs]


def group_chains(
    plan: Plan, pictures: Sequence[Picture], unfinished: set[str], workers: int
) -> Iterator[tuple[tuple[str, ...], Picture | None]]:
    """Chains that share work, and the picture: what one worker should do.

    The file chains of a picture share the files that rate control has tried, and error patterns.
    The last pictures, fewer than there are workers, are dealt out chain by chain, or workers would
    have nothing to do.
    """
    files = tuple(name for name in plan.chains if is_file_chain(name))
    whole = [picture.name for picture in pictures if picture.name in unfinished]
    together = set(whole[: len(whole) - len(whole) % workers])
    for name, picture in list_units(plan, pictures):
        if picture is None or name not in files or picture.name not in together:
            yield (name,), picture
        elif name == files[0]:
            yield files, picture


def make_tasks(
    plan: Plan,
    chains: tuple[str, ...],
    picture: Picture | None,
    missing: set[Cell],
    in_gallery: bool,
    memory: int,
) -> list[Task]:
    """The missing cells of some chains and a picture, cut into tasks of minutes at most."""
    size, batch = 1, 1
    if picture:
        pixels = picture.height * picture.width
        size = max(1, TASK_PIXELS // pixels)
        left = min(memory - WORKER_BYTES - PICTURE_BYTES * pixels, BATCH_BYTES)
        batch = max(1, left // (RECEIVED_BYTES * pixels))
    # Cut alike for all chains: those of one task get the same noise.
    rows = [_cells(plan, chain, picture) for chain in chains]
    rows = [[row[place] for row in rows] for place in range(len(rows[0]))]
    rows = [[cell for cell in row if cell in missing] for row in rows]
    rows = [row for row in rows if row]
    tasks = []
    for start in range(0, len(rows), size):
        cells = [cell for row in rows[start : start + size] for cell in row]
        tasks.append(Task(plan, picture, tuple(cells), in_gallery, batch))
    return tasks


def estimate_effort(task: Task) -> float:
    """Roughly how long a task takes on a CPU, in arbitrary units."""
    pixels = task.picture.height * task.picture.width if task.picture else 0
    return pixels * sum(_effort_of_cell(chain) for chain, *_ in task.cells)


def _effort_of_cell(chain: str) -> int:
    """Learned chains take long, and BPG and AVIF where every SNR has a file size of its own."""
    if not is_file_chain(chain):
        return 10
    codec, _, link = chain.partition("-")
    if codec not in ("bpg", "avif"):
        return 1
    return 20 if "capacity" in link or "adaptive" in link else 2


def order_tasks(tasks: Sequence[Task], on_gpu: bool) -> list[Task]:
    """Tasks in the order in which workers should begin them.

    The last ones are short, so that all workers end at nearly the same time. Where learned chains
    run on a GPU, they are spread evenly over the tasks that keep a CPU busy, so that neither waits
    for the other.
    """
    longest_first = sorted(tasks, key=estimate_effort, reverse=True)
    if not on_gpu:
        return longest_first
    kinds: tuple[list[Task], list[Task]] = [], []
    for task in longest_first:
        kinds[is_file_chain(task.cells[0][0])].append(task)
    places = [
        ((number + 0.5) / len(kind), task) for kind in kinds for number, task in enumerate(kind)
    ]
    return [task for _, task in sorted(places, key=lambda place: place[0])]
