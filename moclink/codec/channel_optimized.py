"""Search and codebooks made for a channel of known SNR: channel-optimised MOC-RVQ.

One axis, code k at amplitude g a_k, noise variance no/2, the soft receiver's posterior w_k(y). Its
mean vector is v(y) = sum_k w_k(y) c_k. For a code i that is sent,

    m_i = E[v(y) | i],   t_i = E[|v(y)|^2 | i] - |m_i|^2

Noise of the axes is independent, so codes i_1 .. i_L of a head with latent z have the expected
distortion

    |z - sum_d m_{i_d}|^2 + sum_d t_{i_d}

which is the search among sums of code vectors with m in their place and a penalty for each code.
Power has a price, lambda g^2 a_k^2 beside t_k; g then scales what is used to unit power, so codes
of low amplitude, if used more often, let all amplitudes grow. Without noise m = c and t = 0: the
search of the noiseless codec.

Reference: Farvardin and Vaishampayan, "On the performance and complexity of channel-optimized
vector quantizers", IEEE Trans. Inf. Theory, 1991.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.constellation import amplitudes
from moclink.codec.receiver import log_likelihoods, noise_variance, posterior
from moclink.codec.search import joint_search

NODES = 24  # of the Gauss-Hermite quadrature over the noise of an axis
SETTLING = 5  # counts of use at last, with the code vectors as they are
RIDGE = 0.1  # of the least-squares codebooks
PRIOR_FLOOR = 1e-4  # share of a code that is not used, so that the receiver never rules it out


@dataclass(frozen=True)
class ChannelCodebooks:
    """Codebooks for one SNR.

    Attributes:
        snr_db: Es/N0 in dB that they are made for.
        codebooks: c_k, float32 [L, P, N, c].
        priors: p(k), float32 [L, P, N].
        price: lambda, what a unit of energy on an axis costs in squared error.
    """

    snr_db: float
    codebooks: NDArray[np.float32]
    priors: NDArray[np.float32]
    price: float = 0.0

    @property
    def gain(self) -> float:
        """The scale g = 1 / sqrt(2 mean_axes sum_k p(k) a_k^2), with which E|x|^2 = 1 over all axes."""
        energy = (
            (self.priors.astype(np.float64) * amplitudes(self.priors.shape[-1]) ** 2).sum(-1).mean()
        )
        return float(1 / np.sqrt(2 * energy))

    @property
    def amplitudes(self) -> NDArray[np.float32]:
        """The amplitudes g a_k that are sent, float32 [N]."""
        return (self.gain * amplitudes(self.priors.shape[-1])).astype(np.float32)


def price_of_power(variance: float, snr_db: float) -> float:
    """What a unit of energy on an axis saves in squared error: 2 v SNR / (1 + SNR)^2.

    The slope -dD/dE at E = 1/2 of D = v / (1 + 2 E / no), the least distortion of one real Gaussian
    of variance v on one real axis of energy E (OPTA, reached by linear transmission).

    Args:
        variance: v, the variance that one axis carries.
        snr_db: Es/N0 in dB.
    """
    snr = 10 ** (snr_db / 10)
    return 2 * variance * snr / (1 + snr) ** 2


def retrieval_moments(
    codebook: Any, prior: Any, levels: NDArray[np.float32], no: Any
) -> tuple[Any, Any]:
    """Moments m and t of codebooks: mean and spread of what the soft receiver retrieves for each code sent.

    Args:
        codebook: c_k, float [..., N, c].
        prior: p(k), float [..., N].
        levels: Amplitude of each code, float32 [N].
        no: Noise variance per complex symbol, scalar.

    Returns:
        (m, float32 [..., N, c]; t, float32 [..., N]).
    """
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)
    codebook = ops.convert_to_tensor(codebook, "float32")
    share = ops.convert_to_tensor((weights / np.sqrt(np.pi)).astype(np.float32))
    y = levels[:, None] + ops.sqrt(no) * nodes.astype(np.float32)  # [N sent, Q]
    prior = ops.convert_to_tensor(prior, "float32")[..., None, None, :]
    found = posterior(log_likelihoods(y, no, levels), prior)  # [..., N sent, Q, N]
    retrieved = ops.matmul(found, codebook[..., None, :, :])  # [..., N sent, Q, c]
    mean = ops.sum(share[:, None] * retrieved, axis=-2)
    # About the mean and not as a difference of squares, which float32 would round at high SNR.
    spread = ops.sum((retrieved - mean[..., None, :]) ** 2, axis=-1)
    return mean, ops.sum(share * spread, axis=-1)


def search_tables(made: ChannelCodebooks) -> tuple[Any, Any]:
    """What the search uses in the place of code vectors.

    Returns:
        (m, float32 [L, P, N, c]; penalties t + lambda g^2 a^2, float32 [L, P, N]).
    """
    levels = made.amplitudes
    mean, spread = retrieval_moments(
        made.codebooks, made.priors, levels, noise_variance(made.snr_db)
    )
    return mean, spread + made.price * levels**2


def search(z: Any, made: ChannelCodebooks, method: str = "joint") -> Any:
    """The codes of least expected distortion and price.

    Args:
        z: Latents, float32 [B, h, w, P*c].
        made: Codebooks of the channel.
        method: "joint": all levels of a head together; "greedy": level by level.

    Returns:
        int32 [B, h, w, L, P].

    Raises:
        ValueError: If the method is unknown.
    """
    if method not in ("joint", "greedy"):
        raise ValueError(f"method is {method!r}; it must be 'joint' or 'greedy'")
    means, penalties = search_tables(made)
    count, heads, _, width = made.codebooks.shape
    means, penalties = list(ops.unstack(means, count)), list(ops.unstack(penalties, count))
    if method == "joint":
        return joint_search(z, means, penalties)
    residual, found = ops.cast(z, "float32"), []
    for mean, penalty in zip(means, penalties, strict=True):
        code = joint_search(residual, [mean], [penalty])[:, :, :, 0]  # [B, h, w, P]
        chosen = ops.stack([ops.take(mean[p], code[..., p], axis=0) for p in range(heads)], axis=3)
        residual = residual - ops.reshape(chosen, (*ops.shape(code)[:3], heads * width))
        found.append(code)
    return ops.stack(found, axis=3)


def expected_distortion(z: Any, codes: Any, made: ChannelCodebooks) -> Any:
    """|z - sum_d m|^2 + sum_d t of every head: float32 [B, h, w, P]."""
    means, spreads = retrieval_moments(
        made.codebooks, made.priors, made.amplitudes, noise_variance(made.snr_db)
    )
    count, heads, states, width = made.codebooks.shape
    sent = ops.one_hot(codes, states, dtype="float32")  # [B, h, w, L, P, N]
    mean = ops.einsum("bhwdpn,dpnc->bhwpc", sent, means)
    error = ops.sum((ops.reshape(z, (*ops.shape(codes)[:3], heads, width)) - mean) ** 2, axis=-1)
    return error + ops.einsum("bhwdpn,dpn->bhwp", sent, spreads)


def send(
    codes: NDArray[np.integer], made: ChannelCodebooks, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Posteriors p(k|y) of codes [..., L, P] sent over the channel: float32 [..., L, P, N]."""
    no = np.float32(10 ** (-made.snr_db / 10))
    noise = rng.standard_normal(codes.shape, np.float32) * np.sqrt(no / 2)
    received = made.amplitudes[codes] + noise
    return posterior(log_likelihoods(received, no, made.amplitudes), made.priors)


def fit_codebooks(
    samples: NDArray[np.floating], start: ChannelCodebooks, rounds: int = 10, seed: int = 0
) -> ChannelCodebooks:
    """Make codebooks for a channel, in turns: search, count, send, and solve for the code vectors.

    The code vectors of a head are the least-squares solution of z ~ sum_d sum_k w_dk c_dk over what
    the receiver knows, so retrieval is best for the codes as they are chosen and received.

    Args:
        samples: Latents, float [M, P*c].
        start: Codebooks, priors, SNR and price to start from.
        rounds: Turns.
        seed: Seed of the noise.

    Returns:
        Codebooks for the SNR of `start`.
    """
    count, heads, states, width = start.codebooks.shape
    z, rng, made = np.asarray(samples, np.float32), np.random.default_rng(seed), start
    targets = z.reshape(-1, heads, width).astype(np.float64)
    for _ in range(rounds):
        codes = ops.convert_to_numpy(search(z[:, None, None], made))[:, 0, 0]  # [M, L, P]
        made = _with_use(made, codes)
        known = send(codes, made, rng).astype(np.float64)  # [M, L, P, N]
        books = np.empty(start.codebooks.shape, np.float32)
        for p in range(heads):
            flat = known[:, :, p].reshape(len(z), count * states)
            normal = flat.T @ flat + RIDGE * np.eye(count * states)
            solved = np.linalg.solve(normal, flat.T @ targets[:, p])
            books[:, p] = solved.reshape(count, states, width)
        made = ChannelCodebooks(made.snr_db, books, made.priors, made.price)
    for _ in range(SETTLING):  # use moves with the gain that follows from it
        made = _with_use(made, ops.convert_to_numpy(search(z[:, None, None], made))[:, 0, 0])
    return made


def _with_use(made: ChannelCodebooks, codes: NDArray[np.integer]) -> ChannelCodebooks:
    """The codebooks with the priors that codes [M, L, P] show."""
    use = (
        np.stack([(codes == k).mean(0) for k in range(made.codebooks.shape[2])], axis=-1)
        + PRIOR_FLOOR
    )
    priors = (use / use.sum(-1, keepdims=True)).astype(np.float32)
    return ChannelCodebooks(made.snr_db, made.codebooks, priors, made.price)
