"""Error rates and distributions in closed form, which the channels are compared with."""

import math

import numpy as np
from scipy.special import comb, erfc
from scipy.stats import kstwo, ncx2

from moclink.phy.modems import pam_amplitudes

# Powers in dB of CDL-D, TDL-D and CDL-E, TDL-E, the specular path first: TR 38.901, tables 7.7.1-4
# and 5.
D = [-0.2, -13.5, -18.8, -21, -22.8, -17.9, -20.1, -21.9, -22.9, -27.8, -23.6, -24.8, -30.0, -27.7]
E = [
    -0.03,
    -22.03,
    -15.8,
    -18.1,
    -19.8,
    -22.9,
    -22.4,
    -18.6,
    -20.8,
    -22.6,
    -22.3,
    -25.6,
    -20.2,
    -29.8,
    -29.2,
]


def k_factor(powers_db: list[float]) -> float:
    """Power of the specular path over that of all others."""
    powers = 10 ** (np.array(powers_db) / 10)
    return float(powers[0] / powers[1:].sum())


# Rician K of the whole channel; 0 is Rayleigh fading.
K_FACTORS = {"a": 0.0, "b": 0.0, "c": 0.0, "d": k_factor(D), "e": k_factor(E)}


def rician_cdf(k: float):
    """CDF of |h|^2 of unit mean: (2 / (2 (K + 1))) times noncentral chi-square with 2 degrees, 2 K."""
    return lambda gain: ncx2.cdf(2 * (k + 1) * np.asarray(gain), 2, 2 * k)


def mmse_cdf(antennas: int, streams: int, snr: float):
    """CDF of the SINR behind an LMMSE receiver, all streams of equal mean SNR, Rayleigh fading.

    Reference: Gao, Smith, Clark, "Theoretical reliability of MMSE linear diversity combining in
    Rayleigh-fading additive interference channels", IEEE Trans. Commun., 1998, eq. (11).
    """

    def cdf(z):
        z = np.asarray(z, np.float64)
        total = np.zeros_like(z)
        for n in range(1, antennas + 1):
            share = 1.0
            if antennas < streams - 1 + n:
                terms = [comb(streams - 1, i) * z**i for i in range(antennas - n + 1)]
                share = sum(terms) / (1 + z) ** (streams - 1)
            total += share / math.factorial(n - 1) * (z / snr) ** (n - 1)
        return 1 - np.exp(-z / snr) * total

    return cdf


def tail_awgn(distance, no):
    """P(noise on one axis exceeds a distance), variance no / 2."""
    return 0.5 * erfc(distance / np.sqrt(no))


def tail_rayleigh(distance, no):
    """The same, averaged over |h|^2 ~ Exp(1)."""
    return 0.5 * (1 - distance / np.sqrt(distance**2 + no))


def qam_ber(bits_per_symbol: int, snr_db: float, tail) -> float:
    """Bit error rate of Gray QAM with nearest-neighbour decisions, exact."""
    states = 2 ** (bits_per_symbol // 2)
    amplitudes, no = pam_amplitudes(states).astype(np.float64), 10 ** (-snr_db / 10)
    order = np.argsort(amplitudes)
    middle = (amplitudes[order][1:] + amplitudes[order][:-1]) / 2
    wrong = 0.0
    for sent in range(states):
        above = np.concatenate([[1.0], tail(middle - amplitudes[sent], no), [0.0]])
        for place, decided in enumerate(order):
            wrong += (above[place] - above[place + 1]) * bin(sent ^ int(decided)).count("1")
    return wrong / states / math.log2(states)


def ks_distance(values, cdf) -> float:
    """Largest distance of the empirical distribution from a CDF."""
    values = np.sort(np.ravel(values))
    expected, steps = cdf(values), np.arange(len(values) + 1) / len(values)
    return float(max(np.max(expected - steps[:-1]), np.max(steps[1:] - expected)))


def ks_bound(count: int) -> float:
    """What independent samples exceed once in 10^4 times."""
    return float(kstwo.isf(1e-4, count))
