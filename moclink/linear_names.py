"""Names of chains of `moclink.linear`, and of the file codec on the same blocks."""

from fractions import Fraction

# Name -> what it is: codecs of moclink.linear, at any channel bandwidth ratio.
LINEAR_CODECS = {
    "softcast": "SoftCast: DCT of the whole picture, power by water-filling, the sender told the SNR",
    "softcast-robust": "SoftCast for a sender that is not told the SNR",
    "moc-rvq-linear": "block transform, octonary codebooks, the sender told the SNR; no network",
    "moc-rvq-linear-robust": "the same with codebooks for -5 to 20 dB, the sender not told the SNR",
    "hybrid-linear": "octonary codebooks or analog amplitudes, the better one; the sender told the SNR",
    "hybrid-linear-robust": "the same for -5 to 20 dB, the sender not told the SNR",
    "moc-rvq-adaptive": "a transform codec (moc-rvq-adaptive-l4: the learned one): moc-rvq-linear and a"
    " restoration network",
    "hybrid-adaptive": "hybrid-linear and the restoration network",
    "jscc-adaptive": "jscc-linear and the restoration network",
    "moc-rvq-adaptive-perceptual": "moc-rvq-adaptive, its network trained for LPIPS, not PSNR",
    "hybrid-adaptive-perceptual": "hybrid-adaptive with that network",
    "jscc-adaptive-perceptual": "jscc-adaptive with that network",
    "jscc-linear": "block transform, analog amplitudes, the sender told the SNR; no network",
    "jscc-linear-robust": "the same for a sender that is not told the SNR",
    "moc-rvq-robust": "a transform codec (moc-rvq-robust-l4: the learned one): moc-rvq-linear-robust"
    " and that network",
    "hybrid-robust": "hybrid-linear-robust and the restoration network",
    "jscc-robust": "jscc-linear-robust and the restoration network",
}

# Names of file codecs -> what they are.
LAPPED = {
    "lapped": "lapped block transform, entropy-coded",
    "lapped-restored": "lapped block transform, entropy-coded, restoration network",
    "lapped-perceptual": "lapped block transform, entropy-coded, restoration network trained for LPIPS",
}

# Names of linear codecs at the ratio that they are called by -> the codec and the ratio.
FIXED_LINEAR = {f"jscc-{reals}": ("jscc-adaptive", Fraction(reals, 2 * 192)) for reals in (16, 96)}
# Of `LINEAR_CODECS` where no ratio is given: that of the semantic chain at L4.
LINEAR_CBR = Fraction(1, 24)
