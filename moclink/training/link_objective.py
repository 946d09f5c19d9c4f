"""Loss of the restoration network of `moclink.linear`.

    estimate, error map, SNR -> network -> squared error + w(SNR) * (LPIPS + LPIPS + ST-LPIPS)

The squared error of a tile counts in units of its picture's before the network, so that every SNR
counts alike, as it does in a mean of PSNRs. The distances' weight falls by `slope` for 10 dB of SNR:
at low SNR the picture should be plausible where it cannot be right. They see each tile shifted by
some pixels: AlexNet takes every fourth pixel and the network repeats with every eighth, so in fixed
places it would learn patterns of dots that AlexNet does not see. What of the error repeats with
every eighth pixel counts more: a network without noise of its own would make texture of such dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from moclink.training import losses
from moclink.training.link_tiles import SHIFTS

INPUTS = ("images", "errors", "condition", "scale")  # of the network, in its order
AREA = 64  # pixels, side of the area in which a pattern is looked for
MIDDLE_SNR = 10.0  # dB, where a distance has its nominal weight


@dataclass(frozen=True)
class Distance:
    """One perceptual term.

    Attributes:
        layer: (images, images) to distances [B]; fixed.
        weight: Its weight at 10 dB.
        tiles: How many tiles of a batch it is taken of, the first ones; None for all.
    """

    layer: Any
    weight: float
    tiles: int | None = None


@dataclass(frozen=True)
class LinkObjective:
    """Loss of the restoration network.

    Attributes:
        network: See `moclink.linear.restoration.build`.
        distances: Perceptual terms by name; none for squared error alone.
        slope: Factor by which their weights fall for 10 dB of SNR; 1 for equal weights.
        pattern: Weight of the squared error of patterns that repeat, see `pattern_error`.
    """

    network: keras.Model
    distances: Mapping[str, Distance] = field(default_factory=dict)
    slope: float = 1.5
    pattern: float = 0.0

    @property
    def parts(self) -> list[Any]:
        """The layers that this objective calls."""
        return [self.network]

    def restore(self, batch: Mapping[str, Any]) -> Any:
        """Pictures after the network, float32 [B, H, W, 3], not clipped."""
        return ops.cast(self.network([batch[name] for name in INPUTS]), "float32")

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the losses of a batch; see `TileFeeder` for what it holds."""
        originals, restored = batch["originals"], self.restore(batch)
        error = ops.mean(ops.square(restored - originals), axis=(1, 2, 3))
        out = {"pixel": ops.mean(error / batch["before"])}
        total = out["pixel"]
        if self.pattern:
            repeated = pattern_error(restored - originals)
            out["pattern"] = ops.mean(repeated / batch["before"])
            total += self.pattern * out["pattern"]
        shown, truth = (
            _shifted(images, batch["shift"]) for images in (ops.clip(restored, 0.0, 1.0), originals)
        )
        share = ops.power(self.slope, (MIDDLE_SNR - batch["snr_db"]) / 10.0)
        for name, term in self.distances.items():
            count = slice(term.tiles)
            found = ops.cast(term.layer(shown[count], truth[count]), "float32")
            out[name] = ops.mean(found)
            total += term.weight * ops.mean(share[count] * found)
        return {"loss": total, "psnr": ops.mean(losses.psnr(restored, originals)), **out}


def pattern_error(error: Any) -> Any:
    """Mean square of what an error [B, H, W, C] has in common over blocks of 8 by 8, [B].

    In each area of 64 by 64 the blocks' mean is taken, and its own mean out of it. A pattern of that
    period keeps all its power, anything else about 1/64. H and W are multiples of 64.
    """
    _, height, width, channels = error.shape
    blocks = AREA // SHIFTS
    shape = (-1, height // AREA, blocks, SHIFTS, width // AREA, blocks, SHIFTS, channels)
    common = ops.mean(ops.reshape(error, shape), axis=(2, 5))
    common = common - ops.mean(common, axis=(2, 4), keepdims=True)
    return ops.mean(ops.square(common), axis=(1, 2, 3, 4, 5))


def _shifted(images: Any, shift: Any) -> Any:
    """Images [B, H, W, C] without the first rows and columns, H and W smaller by SHIFTS - 1."""
    batch, height, width, channels = images.shape
    start = ops.stack([0, shift[0], shift[1], 0])
    lost = SHIFTS - 1
    return ops.slice(images, start, (batch, height - lost, width - lost, channels))
