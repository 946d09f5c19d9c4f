"""Numbers and choice lists that several packages share."""

LATENT_STRIDE = 8  # pixels from one position of the learned codecs' latent grid to the next
GREY = 0.5  # level of the image that an outage is scored as

MATCHES = ("source-bits", "symbols")  # what the classical chains' budget is made equal to
CODES = ("ldpc5g", "wifi648")  # channel codes of the *-ldpc chains
BACKENDS = ("tensorflow", "jax", "torch")  # of Keras
ENGINES = ("tensorflow", "torch")  # Sionna 1.2 on TensorFlow, Sionna 2 on PyTorch
LDPC_DECODERS = ("auto", "fast", "sionna", "device")
RECEIVERS = ("soft", "hard")  # retrieval of code vectors in the semantic chains
OFDM_CSI = ("perfect", "ls")  # how the receiver knows the channel: exactly, by least squares
FIGURE_STYLES = ("screen", "ieee")
PAPER_FIGURES = ("fig3", "fig4", "fig5")
TABLE_FORMATS = ("latex", "markdown", "csv")
METRICS = ("psnr", "psnr-y", "ssim", "ms-ssim", "ms-ssim-db", "lpips", "lpips-vgg", "st-lpips")
OUTAGES = (
    "grey",
    "mean",
    "exclude",
)  # how a lost picture is scored: mid-grey, mean colour, not at all
CSI = ("instantaneous", "average")  # what adaptive chains are told on fading channels
BATCH_BITS = 64_800  # random bits sent at once: 200 codewords of 324 bits
MAX_BITS = 100 * BATCH_BITS  # at which chains of random bits stop
# Of files that are written: a folder of such a name is none that anybody wants.
FILE_SUFFIXES = (".csv", ".tex", ".md", ".txt", ".png", ".jpg", ".pdf", ".svg", ".eps")
LEAST_GALLERY_SIDE = 64  # pixels a side of the gallery's picture, if there is one so large
MAX_SNR_POINTS = 1000  # of a run
CHOICES = {  # of ChainOptions
    "match": MATCHES,
    "code": CODES,
    "ldpc": LDPC_DECODERS,
    "receiver": RECEIVERS,
    "outage": OUTAGES,
}
