"""How many levels to send with the symbols of some levels at each SNR: measured on pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moclink.codec.channel_optimized_codec import ChannelOptimizedCodec
from moclink.codec.channel_optimized_grid import Sending
from moclink.codec.receiver import log_likelihoods
from moclink.snr import from_decibels, to_decibels
from moclink.training.validation import picture_psnr


def send_picture(
    codec: ChannelOptimizedCodec,
    image: NDArray[np.float32],
    sending: Sending,
    snr_db: float,
    seed: int,
) -> NDArray[np.float32]:
    """Send one picture at unit power.

    Args:
        codec: The codec.
        image: float32 [H, W, 3] in [0, 1].
        sending: Codebooks, and how often each index is sent.
        snr_db: Es/N0 in dB of the channel.
        seed: Seed of the noise.

    Returns:
        What the receiver decodes, float32 [H, W, 3].
    """
    height, width = image.shape[:2]
    books, amplitudes = sending.books, sending.books.amplitudes
    sent = amplitudes[codec.encode(image[None], books)]
    # Scaled to unit power: as much noise more or less, relative to the amplitudes.
    no = 2 * float(np.mean(np.square(sent, dtype=np.float64))) / float(from_decibels(snr_db))
    rng, received = np.random.default_rng(seed), 0.0
    for _ in range(sending.repeats):
        noise = np.sqrt(no / 2) * rng.standard_normal(sent.shape)
        received = received + log_likelihoods((sent + noise).astype(np.float32), no, amplitudes)
    known = np.full(1, snr_db, np.float32)
    return codec.decode(np.asarray(received), books, height, width, known)[0]


def choose_levels(
    codec: ChannelOptimizedCodec, pictures: Sequence[NDArray[np.float32]], seed: int = 0
) -> dict[int, NDArray[np.int64]]:
    """The number of levels of the highest mean PSNR, for each budget and SNR of the grid.

    With the symbols of L levels n levels are sent, n a divisor of L, and each index L / n times.

    Args:
        codec: Codebooks and networks.
        pictures: float32 [H, W, 3] in [0, 1].
        seed: Seed of the noise.

    Returns:
        Levels' worth of symbols -> number of levels at each SNR, int64 [G].
    """
    grid, found = codec.grid, {}
    for budget in sorted(grid.levels):
        counts = [n for n in sorted(grid.books) if budget % n == 0]
        scores = np.zeros((len(grid.snr_db), len(counts)))
        for (place, choice), _ in np.ndenumerate(scores):
            snr_db, repeats = float(grid.snr_db[place]), budget // counts[choice]
            books = grid.at(counts[choice], snr_db + to_decibels(repeats))
            scores[place, choice] = np.mean(
                [
                    picture_psnr(
                        send_picture(codec, image, Sending(books, repeats), snr_db, seed + i), image
                    )
                    for i, image in enumerate(pictures)
                ]
            )
        found[budget] = np.array(counts, np.int64)[scores.argmax(axis=1)]
    return found
