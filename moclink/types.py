"""Records: everything that crosses from one package to another.

    image -> source encoder -> indices -> modem -> symbols -> channel
    image <- source decoder <- LLRs or log-likelihoods <- modem <- received symbols

An *index* is what a source hands to a modem: a bit (alphabet of 2) or a codebook index (alphabet of
8). A *chain* joins a source and a modem, or goes from images to symbols directly.
Arrays are NumPy. SNR is Es/N0 in dB at E|x|^2 = 1; `no` is the noise variance of a complex symbol.
"""

from __future__ import annotations

import sys

if __name__ == "types":  # found in the place of Python's own module
    sys.exit(
        "moclink: Python takes moclink/types.py for its own module; start it in another folder"
    )

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moclink.snr import mean_snr_db, noise_variance

# A cell of a sweep, which gives one `Row`: chain, image, SNR in dB, trial.
Cell = tuple[str, str, float, int]


@dataclass(frozen=True)
class ChannelState:
    """Channel state information at the sender. A sender without any is given None.

    Attributes:
        snr_db: Es/N0 in dB: that of the channel, or of the realisation that the symbols will have.
        fading: "none" if the symbols have this SNR; "rayleigh" if it is the average over block Rayleigh
            fading whose gain the sender does not know.
    """

    snr_db: float
    fading: Literal["none", "rayleigh"] = "none"

    @property
    def no(self) -> float:
        """Noise variance of a symbol of unit energy, 10**(-snr_db / 10), rounded to float32."""
        return float(np.float32(noise_variance(self.snr_db)))


@dataclass(frozen=True)
class Header:
    """Side information, known to the receiver without error and not counted in the rate.

    Attributes:
        height: Image height in pixels, before any padding.
        width: Image width in pixels, before any padding.
        lengths: Number of indices in use in each row of the payload; what follows is padding.
        scale: Factor that brought each row's symbols to unit mean energy; 1 where it is not given.
        symbols: Complex symbols of a row; 0 where it is not given.
    """

    height: int
    width: int
    lengths: tuple[int, ...]
    scale: tuple[float, ...] = (1.0,)
    symbols: int = field(default=0, compare=False)


@dataclass(frozen=True)
class RateFit:
    """How a file codec met its bit budget.

    Attributes:
        codec: Name of the file codec.
        quality: The codec's own quality parameter that was chosen.
        file_bits: Size of the file in bits.
        budget_bits: The budget in bits.
        problem: Why there is no file, such as a picture beyond the format's limits; else empty.
    """

    codec: str
    quality: float
    file_bits: int
    budget_bits: int
    problem: str = ""

    @property
    def fits(self) -> bool:
        """Whether there is a file within its budget (false if even the smallest file is larger)."""
        return not self.problem and self.file_bits <= self.budget_bits


@dataclass(frozen=True)
class Payload:
    """What a source hands to the modem.

    Attributes:
        indices: uint8 [B, K], values 0 .. alphabet - 1, zero-padded to the longest row.
        header: Side information for the decoder.
        rate_fits: One record an image where a quality was fitted to a budget, else empty.
    """

    indices: NDArray[np.uint8]
    header: Header
    rate_fits: tuple[RateFit, ...] = ()


@dataclass(frozen=True)
class Demodulated:
    """What a modem makes of received symbols, and the noise that it was made with.

    Attributes:
        values: LLRs float32 [B, K'], ln P(1)/P(0), for bits; log-likelihoods ln p(y|k) up to a
            constant, float32 [B, K', N], for indices. K' >= K: padding, zero at the sender, is last.
        no: Noise variance of equalised symbols, float32 [B] or [B, S], in units in which all points
            of the constellation have a mean energy of 1: of a channel's noise at unit power, over
            the header's scale squared.
        iterations: int32 [B, blocks], iterations of the channel decoder; None if uncoded.
    """

    values: NDArray[np.float32]
    no: NDArray[np.float32]
    iterations: NDArray[np.int32] | None = None

    @property
    def snr_db(self) -> NDArray[np.float32]:
        """Mean SNR of each row's symbols, 10 log10(mean(1 / no)), float32 [B]."""
        return mean_snr_db(self.no)

    def hard(self) -> NDArray[np.uint8]:
        """Most likely indices, uint8 [B, K']."""
        if self.values.ndim == 2:
            return (self.values > 0).astype(np.uint8)
        return self.values.argmax(axis=-1).astype(np.uint8)


@dataclass(frozen=True)
class Decoded:
    """Output of a source decoder.

    Attributes:
        images: float32 [B, H, W, 3] in [0, 1].
        ok: bool [B]; false where nothing could be decoded (an outage); the image is mid-grey then.
        problems: What went wrong with each image in a user's codec, or empty; () if nothing did.
    """

    images: NDArray[np.float32]
    ok: NDArray[np.bool_]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transmission:
    """What a chain sends for a batch of images.

    Attributes:
        symbols: complex64 [B, S], mean energy 1 in each row.
        header: Side information for the receiver.
        payload: Indices behind the symbols; None for a chain without.
    """

    symbols: NDArray[np.complex64]
    header: Header
    payload: Payload | None = None

    @property
    def energy(self) -> NDArray[np.float64]:
        """Mean energy of each row's symbols, float64 [B]."""
        return (np.abs(self.symbols).astype(np.float64) ** 2).mean(axis=1)

    @property
    def papr_db(self) -> NDArray[np.float64]:
        """Peak-to-average power ratio of each row's symbols in dB, float64 [B]; NaN for a silent row."""
        peak = np.abs(self.symbols).max(axis=1).astype(np.float64) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return 10 * np.log10(peak / self.energy)


@dataclass(frozen=True)
class Reception:
    """What a chain's receiver makes of a batch of received symbols.

    Attributes:
        images: float32 [B, H, W, 3] in [0, 1].
        decoded: bool [B]; false is an outage (the image is then mid-grey).
        indices: uint8 [B, K] hard decisions; None for chains without indices.
        bits: int64 [B], source bits behind each image; None for an analog chain.
        iterations: float64 [B], mean iterations of the channel decoder a block; None without one.
        problems: See `Decoded`.
        transmissions: int64 [B], times that each image was sent; None without HARQ.
    """

    images: NDArray[np.float32]
    decoded: NDArray[np.bool_]
    indices: NDArray[np.uint8] | None = None
    bits: NDArray[np.int64] | None = None
    iterations: NDArray[np.float64] | None = None
    problems: tuple[str, ...] = ()
    transmissions: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class ErrorRates:
    """Error rates of one batch; each float64 [B], or None where it has no meaning.

    Attributes:
        ber: Bit errors / bits, over the indices in use.
        ier: Index errors / indices (not of bits).
        bler: Blocks with any bit error / blocks (with a channel code only), padding included.
    """

    ber: NDArray[np.float64] | None = None
    ier: NDArray[np.float64] | None = None
    bler: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One cell's result; None where something was not measured or has no meaning.

    Attributes:
        chain: Name of the chain.
        image: Name of the picture.
        height: Image height in pixels.
        width: Image width in pixels.
        snr_db: Es/N0 in dB.
        trial: Number of the noise realisation, from 0.
        psnr_db: PSNR in dB.
        psnr_y_db: PSNR of luma in dB.
        ssim: SSIM.
        ms_ssim: MS-SSIM.
        ms_ssim_db: MS-SSIM in dB, -10 log10(1 - MS-SSIM).
        lpips: LPIPS with AlexNet.
        lpips_vgg: LPIPS with VGG.
        st_lpips: ST-LPIPS.
        ber: Bit error rate over the source's bits.
        ier: Index error rate.
        bler: Block error rate.
        outage: 1 if nothing could be decoded, else 0.
        bits: Source bits sent.
        symbols: Complex symbols sent, padding included.
        cbr: Channel bandwidth ratio, symbols / (height * width * 3).
        energy: Mean energy of the symbols sent, E|x|^2.
        papr_db: Peak-to-average power ratio of the symbols sent, in dB.
        iterations: Mean iterations of the LDPC decoder a codeword.
        blocks: Code blocks that the block error rate of random bits counts.
        transmissions: Times that the transport block was sent (HARQ), which `symbols` counts.
    """

    chain: str
    image: str
    height: int | None
    width: int | None
    snr_db: float
    trial: int
    psnr_db: float | None = None
    psnr_y_db: float | None = None
    ssim: float | None = None
    ms_ssim: float | None = None
    ms_ssim_db: float | None = None
    lpips: float | None = None
    lpips_vgg: float | None = None
    st_lpips: float | None = None
    ber: float | None = None
    ier: float | None = None
    bler: float | None = None
    outage: int | None = None
    bits: int | None = None
    symbols: int | None = None
    cbr: float | None = None
    energy: float | None = None
    papr_db: float | None = None
    iterations: float | None = None
    blocks: int | None = None
    transmissions: int | None = None


@dataclass(frozen=True)
class GalleryPicture:
    """A received picture, kept for the gallery.

    Attributes:
        chain: Name of the chain, or "original".
        image: Name of the picture.
        snr_db: Es/N0 in dB; 0 for the original.
        png: The picture as a PNG file.
    """

    chain: str
    image: str
    snr_db: float
    png: bytes
