"""The session of a worker: all that it caches, made once per worker and passed on.

Everything that saves a worker from doing work twice is held here or by what is held here: chains
with their weights and traced graphs, encoded pictures, files that rate control has tried, error
patterns, scores. Nothing of it changes a result.
"""

from __future__ import annotations

import hashlib
import importlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moclink import metrics as measures
from moclink.chain import BitChain
from moclink.chain_factory import ChainFactory
from moclink.protocols import Chain
from moclink.sionna_version import TORCH, check_sionna
from moclink.sweep.devices import visible_gpus
from moclink.sweep.plan import Plan
from moclink.sweep.tensorflow_log import quietly
from moclink.types import ChannelState, Transmission

if TYPE_CHECKING:
    from moclink.phy.channels import Channel
    from moclink.phy.error_patterns import ErrorPatterns

KEPT_TRANSMISSIONS = 4
WITHOUT_FRAMEWORK = ("awgn", "rayleigh", "rayleigh-fast")  # channels in NumPy alone
# Metric -> column of the results, and the shortest side in pixels of pictures that have it.
METRIC_COLUMNS = {
    "psnr": ("psnr_db", 1),
    "psnr-y": ("psnr_y_db", 1),
    "ssim": ("ssim", measures.SSIM_WINDOW),
    "ms-ssim": ("ms_ssim", measures.MS_SSIM_SIZE),
    "ms-ssim-db": ("ms_ssim_db", measures.MS_SSIM_SIZE),
    "lpips": ("lpips", measures.PERCEPTUAL_SIZE),
    "lpips-vgg": ("lpips_vgg", measures.PERCEPTUAL_SIZE),
    "st-lpips": ("st_lpips", measures.PERCEPTUAL_SIZE),
}


class Session:
    """Chains, encoded pictures, error patterns and scores of one worker.

    Args:
        plan: The sweep that the worker works for.
        chains: Chains, codecs or factories that the user has given, by name; the others are made by
            name.
        channel: The plan's channel; None to make it by its name.
        factory: Makes the chains; None for one with the plan's options. Sessions may share one, and
            with it codecs and their graphs.
    """

    def __init__(
        self,
        plan: Plan,
        chains: dict[str, Any] | None = None,
        channel: Channel | None = None,
        factory: ChainFactory | None = None,
    ) -> None:
        self.plan = plan
        self._factory = factory or ChainFactory(plan.options)
        self._given = dict(chains or {})
        self._chains: dict[str, Chain | BitChain] = {}
        self._channel = channel
        self._sent: OrderedDict[Any, Transmission] = OrderedDict()
        self._scorer: tuple[str, Scorer] | None = None
        self._networks: dict[Any, Any] = {}

    def chain(self, name: str) -> Any:
        """The chain of a name, made on first use: weights are read and graphs traced once.

        Returns:
            A `Chain`, or a `BitChain` for the names of random bits.

        Raises:
            ValueError: See `moclink.chain_factory.make_chain`.
        """
        if name not in self._chains:
            with quietly():
                if name in self._given:
                    self._chains[name] = self._factory.from_object(name, self._given[name])
                else:
                    self._chains[name] = self._factory.make(name)
        return self._chains[name]

    @cached_property
    def channel(self) -> Channel:
        """What lies between sender and receiver."""
        from moclink.phy.channels import get_channel

        return self._channel or get_channel(self.plan.channel)

    def build_channel(self) -> None:
        """Build the channel now, so that errors in it are reported early.

        Raises:
            ValueError: If a block of the user's cannot be imported or made.
        """
        if self.channel.spec.partition("?")[0] not in WITHOUT_FRAMEWORK:
            with quietly():  # but not around a user's own code, whose output is the user's
                importlib.import_module("moclink.phy.block_channel")
        self.channel.build()

    @cached_property
    def patterns(self) -> ErrorPatterns:
        """Error patterns, kept from chain to chain."""
        from moclink.phy.error_patterns import ErrorPatterns

        return ErrorPatterns()

    def transmission(
        self, chain: Chain, image: NDArray[np.float32], digest: str, csi: ChannelState | None
    ) -> Transmission:
        """What a chain sends of an image; the last ones are kept, since tasks of a picture follow each other.

        Args:
            chain: A chain of this session.
            image: float32 [1, H, W, 3].
            digest: What identifies the image.
            csi: What the sender knows; ignored by chains that do not adapt.
        """
        key = chain.name, digest, csi if chain.adaptive else None
        if key not in self._sent:
            self._sent[key] = chain.transmit(image, key[2])
        self._sent.move_to_end(key)
        while len(self._sent) > KEPT_TRANSMISSIONS:
            self._sent.popitem(last=False)
        return self._sent[key]

    def scorer(self, image: NDArray[np.float32], digest: str) -> Scorer:
        """What scores received pictures against an image; that of the last image is kept."""
        if self._scorer is None or self._scorer[0] != digest:
            functions = self.metric_functions(self.plan.metrics, min(image.shape[1:3]))
            self._scorer = digest, Scorer(functions, image)
        return self._scorer[1]

    def metric_functions(self, metrics: Sequence[str], side: int) -> dict[str, Callable]:
        """Column -> function of (images, reference); those that pictures of so short a side have.

        Args:
            metrics: Some of `moclink.constants.METRICS`.
            side: The shorter side in pixels.
        """
        kept = self._networks
        functions: dict[str, Callable] = {
            "psnr": measures.psnr,
            "psnr-y": measures.psnr_y,
            "ssim": measures.ssim,
            "ms-ssim": measures.ms_ssim,
            "ms-ssim-db": measures.ms_ssim_db,
            "lpips": partial(measures.lpips, networks=kept),
            "lpips-vgg": partial(measures.lpips, net="vgg", networks=kept),
            "st-lpips": partial(measures.st_lpips, networks=kept),
        }
        if measures_on_gpu():
            from moclink import device_metrics

            functions |= device_metrics.functions()
        chosen = {name: METRIC_COLUMNS[name] for name in metrics}
        return {
            column: functions[name] for name, (column, least) in chosen.items() if side >= least
        }


def measures_on_gpu() -> bool:
    """Whether metrics are computed on a GPU: with the engine on PyTorch, where there is one.

    Told from installed files first, so that nothing is loaded where there is none.
    """
    if not visible_gpus() or check_sionna() != TORCH:
        return False
    from moclink.phy.engine import is_gpu_there

    return is_gpu_there()


class Scorer:
    """Scores received pictures against the original; equal ones only once, in whatever batch they come.

    Args:
        functions: Column of the results -> function of (images, reference); see
            `Session.metric_functions`.
        reference: The original, float32 [1, H, W, 3].
    """

    def __init__(self, functions: Mapping[str, Callable], reference: NDArray[np.float32]) -> None:
        self.reference = reference
        self.functions = dict(functions)
        self._known: dict[bytes, dict[str, float]] = {}

    def __call__(self, images: NDArray[np.float32]) -> dict[str, list[float]]:
        """Score images [B, H, W, 3]: column of the results -> B values."""
        keys = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images]
        new = {key: place for place, key in enumerate(keys) if key not in self._known}
        if new:
            chosen = images[list(new.values())]
            columns = {
                name: function(chosen, self.reference) for name, function in self.functions.items()
            }
            for row, key in enumerate(new):
                self._known[key] = {name: float(values[row]) for name, values in columns.items()}
        return {name: [self._known[key][name] for key in keys] for name in self.functions}
