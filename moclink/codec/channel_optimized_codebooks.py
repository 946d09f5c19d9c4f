"""Channel-optimised MOC-RVQ: codebooks and search for a channel of known SNR.

One axis, code k at amplitude g a_k, noise variance no/2, the soft receiver's posterior w_k(y). Its
mean vector is v(y) = sum_k w_k(y) c_k. For a code i that is sent,

    m_i = E[v(y) | i],   t_i = E[|v(y)|^2 | i] - |m_i|^2

Noise of the axes is independent, so codes i_1 .. i_L of a head with latent z have the expected
distortion

    |z - sum_d m_{i_d}|^2 + sum_d t_{i_d}

which is the search among sums of code vectors with m in their place and a penalty for each code.
Energy has a price, the Lagrange multiplier lambda: lambda g^2 a_k^2 is added to t_k. The gain g
scales to unit power, so codes of low amplitude, if used more often, let all amplitudes grow.
Without noise m = c and t = 0: the search of the noiseless codec.

A sender that is not told the SNR minimises the mean over several, sum_s q_s (|z - sum_d m_s|^2 +
sum_d t_s): the same search on vectors that join sqrt(q_s) m_s of all SNRs.

Reference: Farvardin and Vaishampayan, "On the performance and complexity of channel-optimized
vector quantizers", IEEE Trans. Inf. Theory, 1991.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from moclink.codec.constellation import amplitudes
from moclink.codec.receiver import log_likelihoods, noise_variance, posterior
from moclink.codec.search import joint_search
from moclink.snr import from_decibels
from moclink.types import ChannelState

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
        price: lambda, the Lagrange multiplier of the energy on an axis, in squared error.
        over: (SNR in dB, weight) of each SNR that search and design average over, weights adding up
            to 1, for a sender that is not told the SNR; empty for `snr_db` alone.
    """

    snr_db: float
    codebooks: NDArray[np.float32]
    priors: NDArray[np.float32]
    price: float = 0.0
    over: tuple[tuple[float, float], ...] = ()

    @property
    def states(self) -> tuple[tuple[float, float], ...]:
        """(SNR in dB, weight) of all SNRs that are averaged over, one at least."""
        return self.over or ((self.snr_db, 1.0),)

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


def power_price(variance: float, snr_db: float) -> float:
    """What a unit of energy on an axis saves in squared error: 2 v SNR / (1 + SNR)^2.

    The slope -dD/dE at E = 1/2 of D = v / (1 + 2 E / no), the least distortion of one real Gaussian
    of variance v on one real axis of energy E (OPTA, reached by linear transmission).

    Args:
        variance: v, the variance that one axis carries.
        snr_db: Es/N0 in dB.
    """
    snr = from_decibels(snr_db)
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
    spots = ops.convert_to_tensor(nodes.astype(np.float32))
    y = ops.convert_to_tensor(levels)[:, None] + ops.sqrt(no) * spots  # [N sent, Q]
    prior = ops.convert_to_tensor(prior, "float32")[..., None, None, :]
    found = posterior(log_likelihoods(y, no, levels), prior)  # [..., N sent, Q, N]
    retrieved = ops.matmul(found, codebook[..., None, :, :])  # [..., N sent, Q, c]
    mean = ops.sum(share[:, None] * retrieved, axis=-2)
    # About the mean and not as a difference of squares, which float32 would round at high SNR.
    spread = ops.sum((retrieved - mean[..., None, :]) ** 2, axis=-1)
    return mean, ops.sum(share * spread, axis=-1)


def averaged_moments(
    codebook: Any, prior: Any, levels: Any, states: Sequence[tuple[Any, float]]
) -> tuple[Any, Any]:
    """Moments of several noise variances together, for a search that minimises the mean distortion.

    Args:
        codebook: c_k, float [L, P, N, c].
        prior: p(k), float [L, P, N].
        levels: Amplitude of each code, float32 [N].
        states: (noise variance no_s, weight q_s) of each; the weights add up to 1.

    Returns:
        (sqrt(q_s) m_s side by side, float32 [L, P, N, S*c]; sum_s q_s t_s, float32 [L, P, N]).
    """
    means, spread = [], 0.0
    for no, weight in states:
        mean, each = retrieval_moments(codebook, prior, levels, no)
        means.append(float(np.sqrt(weight)) * mean)
        spread = spread + weight * each
    return ops.concatenate(means, axis=-1), spread


def joined_latents(z: Any, heads: int, weights: Sequence[float]) -> Any:
    """Latents [..., P*c] as averaged moments are: sqrt(q_s) z side by side in each head, [..., P*S*c]."""
    shape, width = ops.shape(z), z.shape[-1] // heads
    roots = np.sqrt(np.asarray(weights)).astype(np.float32)
    split = ops.reshape(ops.cast(z, "float32"), (*shape[:-1], heads, 1, width))
    return ops.reshape(split * roots[:, None], (*shape[:-1], heads * len(roots) * width))


def _moments(books: ChannelCodebooks) -> tuple[Any, Any]:
    states = [(noise_variance(snr_db), weight) for snr_db, weight in books.states]
    return averaged_moments(books.codebooks, books.priors, books.amplitudes, states)


def _joined(z: Any, books: ChannelCodebooks) -> Any:
    return joined_latents(z, books.codebooks.shape[1], [weight for _, weight in books.states])


def search_tables(books: ChannelCodebooks) -> tuple[Any, Any]:
    """What the search uses in the place of code vectors.

    Returns:
        (m, float32 [L, P, N, S*c] with S SNRs side by side; penalties t + lambda g^2 a^2, float32
        [L, P, N]).
    """
    means, spread = _moments(books)
    return means, spread + books.price * books.amplitudes**2


def search(z: Any, books: ChannelCodebooks, method: str = "joint") -> Any:
    """The codes of least expected distortion and price.

    Args:
        z: Latents, float32 [B, h, w, P*c].
        books: Codebooks of the channel.
        method: "joint": all levels of a head together; "greedy": level by level.

    Returns:
        int32 [B, h, w, L, P].

    Raises:
        ValueError: If the method is unknown.
    """
    if method not in ("joint", "greedy"):
        raise ValueError(f"method is {method!r}; it must be 'joint' or 'greedy'")
    means, penalties = search_tables(books)
    count, heads, _, width = means.shape
    z = _joined(z, books)
    means, penalties = list(ops.unstack(means, count)), list(ops.unstack(penalties, count))
    if method == "joint":
        return joint_search(z, means, penalties)
    residual, found = z, []
    for mean, penalty in zip(means, penalties, strict=True):
        code = joint_search(residual, [mean], [penalty])[:, :, :, 0]  # [B, h, w, P]
        chosen = ops.stack([ops.take(mean[p], code[..., p], axis=0) for p in range(heads)], axis=3)
        residual = residual - ops.reshape(chosen, (*ops.shape(code)[:3], heads * width))
        found.append(code)
    return ops.stack(found, axis=3)


def expected_distortion(z: Any, codes: Any, books: ChannelCodebooks) -> Any:
    """|z - sum_d m|^2 + sum_d t of every head, averaged over SNRs: float32 [B, h, w, P]."""
    means, spreads = _moments(books)
    heads, states, width = means.shape[1:]
    sent = ops.one_hot(codes, states, dtype="float32")  # [B, h, w, L, P, N]
    mean = ops.einsum("bhwdpn,dpnc->bhwpc", sent, means)
    wanted = ops.reshape(_joined(z, books), (*ops.shape(codes)[:3], heads, width))
    error = ops.sum((wanted - mean) ** 2, axis=-1)
    return error + ops.einsum("bhwdpn,dpn->bhwp", sent, spreads)


def send(
    codes: NDArray[np.integer],
    books: ChannelCodebooks,
    rng: np.random.Generator,
    snr_db: float | None = None,
) -> NDArray[np.float32]:
    """Posteriors p(k|y) of codes [..., L, P] sent over the channel: float32 [..., L, P, N].

    The channel has the SNR of the codebooks, or `snr_db`.
    """
    no = np.float32(ChannelState(books.snr_db if snr_db is None else snr_db).no)
    noise = rng.standard_normal(codes.shape, np.float32) * np.sqrt(no / 2)
    received = books.amplitudes[codes] + noise
    return posterior(log_likelihoods(received, no, books.amplitudes), books.priors)


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
    _, heads, _, width = start.codebooks.shape
    z, rng, books = np.asarray(samples, np.float32), np.random.default_rng(seed), start
    targets = z.reshape(-1, heads, width).astype(np.float64)
    for _ in range(rounds):
        codes = ops.convert_to_numpy(search(z[:, None, None], books))[:, 0, 0]  # [M, L, P]
        books = _with_use(books, codes)
        books = replace(books, codebooks=_solved(targets, codes, books, rng))
    for _ in range(SETTLING):  # use moves with the gain that follows from it
        books = _with_use(books, ops.convert_to_numpy(search(z[:, None, None], books))[:, 0, 0])
    return books


def _solved(
    targets: NDArray[np.float64],
    codes: NDArray[np.integer],
    books: ChannelCodebooks,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Code vectors by least squares over targets [M, P, c] and what arrives of codes [M, L, P]."""
    count, heads, states, _ = books.codebooks.shape
    size = count * states
    normal, right = np.zeros((heads, size, size)), np.zeros((heads, size, targets.shape[2]))
    for snr_db, weight in books.states:
        known = send(codes, books, rng, snr_db).astype(np.float64)  # [M, L, P, N]
        flat = known.transpose(2, 0, 1, 3).reshape(heads, len(targets), size)
        normal += weight * flat.transpose(0, 2, 1) @ flat
        right += weight * flat.transpose(0, 2, 1) @ targets.transpose(1, 0, 2)
    solved = np.linalg.solve(normal + RIDGE * np.eye(size), right)  # [P, L*N, c]
    vectors = solved.reshape(heads, count, states, -1).transpose(1, 0, 2, 3)
    return np.ascontiguousarray(vectors, np.float32)


def _with_use(books: ChannelCodebooks, codes: NDArray[np.integer]) -> ChannelCodebooks:
    """The codebooks with the priors that codes [M, L, P] show."""
    use = (
        np.stack([(codes == k).mean(0) for k in range(books.codebooks.shape[2])], axis=-1)
        + PRIOR_FLOOR
    )
    priors = (use / use.sum(-1, keepdims=True)).astype(np.float32)
    return replace(books, priors=priors)
