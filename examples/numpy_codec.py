"""A codec of your own in 30 lines of NumPy: the coarse coefficients of 8x8 blocks, sent as they are.

python -m moclink.simulate --snr 0:20:5 --chains examples/numpy_codec.py:BlockCodec@1/24,softcast@1/24
"""

import numpy as np

N = 8
ROWS, COLUMNS = np.mgrid[:N, :N]
DCT = np.cos(np.pi * ROWS * (2 * COLUMNS + 1) / (2 * N)) * np.where(
    ROWS, np.sqrt(2 / N), np.sqrt(1 / N)
)
ORDER = np.argsort((ROWS + COLUMNS).ravel(), kind="stable")  # the coarsest first
WEIGHT = 1 / np.sqrt(1.0 + (ROWS + COLUMNS)).ravel()[ORDER]  # v^-1/4: fine ones have less variance


class BlockCodec:
    """Images <-> reals; mapping to symbols, power, channel and metrics are moclink's."""

    multiple = N  # sides are padded to a multiple of 8 pixels, which the symbols may be counted for

    def __init__(self, options):
        cbr = float(options.cbr or 1 / 24)  # symbols per value; a symbol carries two reals
        self.kept = max(1, int(2 * cbr * N * N))  # coefficients of a block, of each colour

    def encode(self, images):  # float32 [B, H, W, 3] in [0, 1] -> reals of any shape [B, ...]
        batch, height, width, _ = images.shape
        padded = np.pad(images, ((0, 0), (0, -height % N), (0, -width % N), (0, 0)), "edge") - 0.5
        blocks = padded.reshape(batch, -(-height // N), N, -(-width // N), N, 3)
        spectrum = np.einsum("ui,bhiwjc,vj->bhwuvc", DCT, blocks, DCT)
        spectrum = spectrum.reshape(*spectrum.shape[:3], N * N, 3)
        return spectrum[..., ORDER[: self.kept], :] * WEIGHT[: self.kept, None]

    def decode(self, received, height, width):  # the same with noise -> images [B, H, W, 3]
        spectrum = np.zeros((*received.shape[:3], N * N, 3))
        spectrum[..., ORDER[: self.kept], :] = received / WEIGHT[: self.kept, None]
        spectrum = spectrum.reshape(*received.shape[:3], N, N, 3)
        blocks = np.einsum("ui,bhwuvc,vj->bhiwjc", DCT, spectrum, DCT) + 0.5
        images = blocks.reshape(len(blocks), N * blocks.shape[1], N * blocks.shape[3], 3)
        return np.clip(images[:, :height, :width], 0, 1)
