"""Error rate, detection and posteriors of the index channel, against theory and Sionna."""

import math

import numpy as np
import pytest
from keras import ops

from moclink.codec.constellation import amplitudes
from moclink.codec.index_channel import IndexChannel


def q_function(x):
    return 0.5 * math.erfc(x / math.sqrt(2))


@pytest.mark.parametrize("snr_db", [5.0, 14.0, 20.0])
def test_index_error_rate_follows_the_formula(snr_db):
    channel = IndexChannel(8, "hard", seed=4)
    count = 400_000
    sent = np.random.default_rng(0).integers(8, size=(1, count, 1, 1, 1)).astype(np.int32)
    received = ops.convert_to_numpy(channel(sent, np.array([snr_db]))).argmax(-1)
    rate = 1.75 * q_function(math.sqrt(10 ** (snr_db / 10) / 21))
    assert (received != sent).mean() == pytest.approx(
        rate, abs=4 * math.sqrt(rate * (1 - rate) / count)
    )


def test_detection_is_the_nearest_amplitude():
    channel = IndexChannel(8, "hard")
    y = np.linspace(-1.5, 1.5, 301).astype(np.float32)
    nearest = [min(range(8), key=lambda k: abs(value - amplitudes(8)[k])) for value in y]
    np.testing.assert_array_equal(ops.convert_to_numpy(channel.detect(y)), nearest)


def test_posterior_is_bayes_rule():
    channel = IndexChannel(8)
    rng = np.random.default_rng(1)
    y = rng.normal(size=(2, 3, 2, 2, 2)).astype(np.float32)
    priors = rng.dirichlet(np.ones(8), size=(2, 2)).astype(np.float32)
    variance = np.array([10**-0.3, 10**-1.2])[:, None, None, None, None, None] / 2
    joint = np.exp(-((y[..., None] - amplitudes(8)) ** 2) / (2 * variance)) * priors
    expected = joint / joint.sum(-1, keepdims=True)
    found = channel.posteriors(y, np.array([3.0, 12.0]), priors)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-5)


def test_posterior_equals_sionnas_symbol_demapper():
    from sionna.phy.mapping import Constellation, SymbolDemapper

    constellation = Constellation("pam", 3)
    demapper = SymbolDemapper(constellation=constellation)
    y = np.random.default_rng(2).normal(size=(1, 64)).astype(np.float32)
    no = 10**-0.9
    # Sionna's PAM has energy 1 on its axis, an index 1/2: amplitudes and noise grow together.
    logits = demapper((np.sqrt(2) * y).astype(np.complex64), np.float32(2 * no)).numpy()
    order = [
        int(np.abs(constellation.points.numpy().real / np.sqrt(2) - a).argmin())
        for a in amplitudes(8)
    ]
    found = ops.convert_to_numpy(IndexChannel(8).posteriors(y, np.array([9.0])))
    np.testing.assert_allclose(found, np.exp(logits[..., order]), atol=1e-4)


def test_soft_mean_errs_less_than_the_hard_decision():
    """The posterior mean is the MMSE estimate of any value carried by the index."""
    values = np.random.default_rng(3).normal(size=8)
    sent = np.random.default_rng(4).integers(8, size=(1, 50_000, 1, 1, 1)).astype(np.int32)
    errors = {}
    for receiver in ("hard", "soft"):
        weights = ops.convert_to_numpy(IndexChannel(8, receiver, seed=5)(sent, np.array([8.0])))
        errors[receiver] = np.mean((weights @ values - values[sent]) ** 2)
    assert errors["soft"] < 0.8 * errors["hard"]


def test_noise_has_the_variance_of_its_sample():
    channel = IndexChannel(8, seed=6)
    count = 100_000
    noise = ops.convert_to_numpy(
        channel.add_noise(np.zeros((2, count), np.float32), np.array([0.0, 10.0]))
    )
    for row, no in zip(noise, (1.0, 0.1), strict=True):
        assert row.var() == pytest.approx(no / 2, rel=4 * math.sqrt(2 / count))


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="'middling'"):
        IndexChannel(8, "middling")
