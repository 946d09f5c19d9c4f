"""Run encoder and decoder on NumPy batches of any size in bounded memory.

A batch is worked through a few pictures at a time, and a tall picture in stripes that overlap by as
far as the network reaches. One compiled graph serves all sizes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.inputs import as_array, check_finite, check_images
from moclink.constants import LATENT_STRIDE
from moclink.host_functions import host_functions
from moclink.keras_device import on_torch, predict
from moclink.matrix_products import codec_products, convolves_in_bfloat16
from moclink.torch_device import join, to_numpy, without_gradients


@dataclass(frozen=True)
class PositionLimit:
    """How much is worked on at a time.

    Attributes:
        positions: Latent positions (8x8 pixels each) in one call.
    """

    positions: int = 65_536  # 4.2 megapixels

    def __post_init__(self) -> None:
        if self.positions < 1:
            raise ValueError(
                f"a limit of {self.positions} positions leaves nothing to work on; it must be at least 1"
            )

    def groups(self, batch: int, rows: int, columns: int) -> list[slice]:
        """Slices of a batch of grids of rows x columns positions."""
        step = max(1, self.positions // (rows * columns))
        return [slice(start, start + step) for start in range(0, batch, step)]

    def stripe(self, columns: int, multiple: int = 8) -> int:
        """Height of a stripe in positions: a multiple, at least one of it."""
        return max(1, self.positions // columns // multiple) * multiple


DEFAULT_POSITION_LIMIT = PositionLimit()
UNCUT = 2**31  # a stripe higher than any picture


def _not_retracing(record: logging.LogRecord) -> bool:
    """Drop TensorFlow's advice on retracing: it counts the first trace of every function as one."""
    return "retracing" not in record.getMessage()


class CompiledFunction(keras.Model):
    """A function of Keras tensors as a call from NumPy to NumPy, compiled by the backend.

    On TensorFlow the graph is traced without XLA: it then serves pictures of every size after a few
    traces, runs as fast on a CPU, and spares the seconds that XLA takes for each new size. On JAX
    each new size is compiled once; PyTorch runs eagerly, and what one function gives to the next need
    not leave the device.

    Args:
        function: From tensors to a tensor.
        parts: The layers that `function` uses; their weights may change between calls.
        coarse: Whether its matrix products may be in bfloat16; see `moclink.matrix_products`.
        receives: Whether it is a receiver's, which may sum up in another order than the backend does
            (`moclink.host_functions`). What a sender sends stays the same to the last bit.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        parts: Sequence[keras.layers.Layer],
        coarse: bool = False,
        receives: bool = False,
        **kwargs: Any,
    ):
        super().__init__(dtype="float32", **kwargs)
        self.function = function
        self.parts = list(parts)
        self.coarse = coarse
        self.receives = receives
        self._in_bfloat16 = False
        self.built = True
        self.compile(jit_compile=keras.backend.backend() == "jax")

    def call(self, inputs: Any) -> Any:
        """Apply the function."""
        return self.function(*inputs)

    def run(self, *arrays: Any) -> NDArray:
        """Apply the function to arrays with the batch first."""
        return to_numpy(self.run_on_device(*arrays))

    def run_on_device(self, *arrays: Any) -> Any:
        """As `run`, but what is given to the next function alone.

        On PyTorch the result is a tensor on the device, and arrays may be such; on TensorFlow it is
        an array that cannot be written to.
        """
        if on_torch():
            with without_gradients(), codec_products(self.coarse):
                return self.function(*(ops.convert_to_tensor(array) for array in arrays))
        logger = logging.getLogger("tensorflow")
        logger.addFilter(_not_retracing)
        try:
            with codec_products(self.coarse), host_functions(self.receives):
                if self._in_bfloat16 != convolves_in_bfloat16():  # traced otherwise
                    self._in_bfloat16, self.predict_function = convolves_in_bfloat16(), None
                return np.asarray(predict(self, list(arrays)))
        finally:
            logger.removeFilter(_not_retracing)

    def run_in_stripes(
        self,
        array: Any,
        others: Sequence[Any] = (),
        *,
        rows: int,
        halo: int,
        unit: int = 1,
        scale: float = 1,
    ) -> Any:
        """Apply a local function to [B, H, ...] stripe by stripe; results as of `run_on_device`.

        Args:
            array: Map that is cut along axis 1.
            others: Further inputs, given whole to each call.
            rows: Height of a stripe, in units.
            halo: How far the function reaches, in units; each stripe is extended by it.
            unit: Rows of `array` in one unit; cuts lie on whole units.
            scale: Output rows for each input row.
        """
        height = array.shape[1]
        if height <= rows * unit:
            return self.run_on_device(array, *others)
        stripes = []
        for start in range(0, height, rows * unit):
            stop = min(start + rows * unit, height)
            top, bottom = max(start - halo * unit, 0), min(stop + halo * unit, height)
            out = self.run_on_device(array[:, top:bottom], *others)
            # A ragged end rounds up, as the encoder pads it.
            first = round((start - top) * scale)
            last = None if bottom == stop else first + round((stop - start) * scale)
            stripes.append(out[:, first:last])
        return join(stripes, axis=1)


def check_crop(height: int | None, width: int | None, rows: int, columns: int) -> None:
    """Raise ValueError if a grid of rows x columns positions does not hold images of height x width."""
    for name, side, positions in (("height", height, rows), ("width", width, columns)):
        whole = side is None or isinstance(side, int | np.integer) and not isinstance(side, bool)
        if not whole or (side is not None and not 1 <= side <= positions * LATENT_STRIDE):
            raise ValueError(
                f"{name} is {side}; it must be 1 to {positions * LATENT_STRIDE}: {positions} latent "
                f"positions of {LATENT_STRIDE} pixels arrived"
            )


def encode_images(
    function: CompiledFunction,
    encoder: Encoder,
    position_limit: PositionLimit,
    images: NDArray[np.floating],
    *others: Any,
) -> NDArray:
    """Run E, and what follows it in `function`, over a batch of any size.

    Args:
        function: Images, and `others`, to what is wanted of them, one row for each row of
            positions.
        encoder: E, for how far it reaches.
        position_limit: How much is worked on at a time.
        images: float [B, H, W, 3] in [0, 1].
        others: Further inputs of `function`, each with the batch first.

    Raises:
        ValueError: If the images have another shape or range.
    """
    images = as_array("images", images, "floats in [0, 1], [B, H, W, 3]")
    check_images(images)
    images = images.astype(np.float32, copy=False)
    rows, columns = (-(-side // LATENT_STRIDE) for side in images.shape[1:3])
    stripe = UNCUT if encoder.normalization == "group" else position_limit.stripe(columns)
    cut: dict[str, Any] = {
        "rows": stripe,
        "halo": encoder.receptive_positions(),
        "unit": LATENT_STRIDE,
        "scale": 1 / LATENT_STRIDE,
    }
    groups = position_limit.groups(len(images), rows, columns)
    return to_numpy(
        join(
            [
                function.run_in_stripes(images[group], [other[group] for other in others], **cut)
                for group in groups
            ]
        )
    )


def decode_latents(
    function: CompiledFunction,
    decoder: Decoder,
    position_limit: PositionLimit,
    z: Any,
    *others: Any,
) -> Any:
    """Run G over one group of latents.

    Args:
        function: Latents, and `others` given whole to each call, to images.
        decoder: G, for how far it reaches.
        position_limit: How much is worked on at a time.
        z: float32 [B, h, w, n_q].
        others: Further inputs of `function`, each with the batch first.

    Returns:
        float32 [B, 8h, 8w, 3]; see `CompiledFunction.run_on_device`.
    """
    stripe = UNCUT if decoder.normalization == "group" else position_limit.stripe(z.shape[2])
    return function.run_in_stripes(
        z, others, rows=stripe, halo=decoder.receptive_positions(), scale=LATENT_STRIDE
    )


def decode_batch(
    function: CompiledFunction,
    decoder: Decoder,
    limit: PositionLimit,
    z: NDArray[np.floating],
    height: int,
    width: int,
    *others: Any,
) -> NDArray[np.float32]:
    """Run G over latents of a batch of any size.

    Args:
        function: As in `decode_latents`, which does one group.
        decoder: G.
        limit: How much is worked on at a time.
        z: float [B, h, w, n_q].
        height: Rows of the images.
        width: Columns of the images.
        others: Further inputs of `function`, each with the batch first.

    Returns:
        float32 [B, height, width, 3].

    Raises:
        ValueError: If the latents have another shape or are not finite, or height and width do not
            fit them.
    """
    z = as_array("z", z, "latents float [B, h, w, n_q]")
    if z.ndim != 4 or z.shape[3] != decoder.latent_channels or not z.size:
        raise ValueError(f"z has shape {z.shape}; it must be [B, h, w, {decoder.latent_channels}]")
    check_finite("z", z)
    check_crop(height, width, *z.shape[1:3])
    parts = [
        decode_latents(function, decoder, limit, z[part], *(other[part] for other in others))
        for part in limit.groups(*z.shape[:3])
    ]
    return to_numpy(join(parts)[:, :height, :width])


def clip_to_unit(images: Any) -> Any:
    """Pixels in [0, 1], float32."""
    return ops.clip(ops.cast(images, "float32"), 0.0, 1.0)
