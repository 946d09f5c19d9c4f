"""Power at the sender, scale and Wiener filter at the receiver, against their closed forms."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.analog_receiver import PILOT, AnalogReceiver, power_normalize

POWERS = np.array([2.0, 0.5, 0.1, PILOT**2], np.float32)  # of the channels; the last is the pilot


@pytest.fixture
def receiver():
    receiver = AnalogReceiver()
    receiver.build((None, None, None, 4))
    np.testing.assert_allclose(np.exp(ops.convert_to_numpy(receiver.log_power)), 0.5, rtol=1e-6)
    receiver.log_power.assign(np.log(POWERS))
    return receiver


def latents(positions, seed=0):
    z = np.random.default_rng(seed).normal(size=(1, positions, positions, 4)) * np.sqrt(POWERS)
    z[..., -1] = PILOT
    return z.astype(np.float32)


def test_two_reals_are_a_symbol_of_mean_energy_1():
    z = (
        np.random.default_rng(1).normal(size=(3, 4, 5, 6))
        * np.array([1e-3, 1, 50])[:, None, None, None]
    )
    sent = ops.convert_to_numpy(power_normalize(z.astype(np.float32)))
    np.testing.assert_allclose((sent**2).mean((1, 2, 3)), 0.5, rtol=1e-4)
    # Only the scale of a picture changes.
    ratio = sent / z
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1, :1], ratio.shape), rtol=1e-4)


def test_without_noise_the_scale_is_undone(receiver):
    z = latents(4)
    sent = power_normalize(z)
    found, error = (ops.convert_to_numpy(part) for part in receiver(sent, np.float32([80.0])))
    np.testing.assert_allclose(found, z, rtol=1e-3, atol=1e-5)
    assert error[0] < 1e-3


@pytest.mark.parametrize("snr_db", [0.0, 10.0])
def test_the_error_is_that_of_the_wiener_filter(receiver, snr_db):
    """Against its closed form, and against what is measured over 160,000 positions."""
    z, no = latents(400), 10 ** (-snr_db / 10)
    sent = ops.convert_to_numpy(power_normalize(z))
    scale = sent[0, 0, 0, -1] / PILOT
    noise = np.random.default_rng(2).normal(size=z.shape) * np.sqrt(no / 2)
    received = (sent + noise).astype(np.float32)
    found, error = (ops.convert_to_numpy(part) for part in receiver(received, np.float32([snr_db])))
    variance = no / 2 / scale**2
    expected = np.sum(POWERS * variance / (POWERS + variance)) / POWERS.sum()
    assert error[0] ** 2 == pytest.approx(expected, rel=1e-2)
    squared = ((found - z) ** 2).mean((0, 1, 2))
    # A mean over 160,000 squares of normals errs by 0.35 %; five of these, and the scale's error.
    theory = POWERS * variance / (POWERS + variance)
    np.testing.assert_allclose(squared[:3], theory[:3], rtol=0.02)


def test_a_lost_pilot_does_not_amplify_noise_without_bound(receiver):
    received = latents(4)
    received[..., -1] = -1.0
    found, error = (ops.convert_to_numpy(part) for part in receiver(received, np.float32([0.0])))
    assert np.isfinite(found).all() and 0 < error[0] < 1
    assert np.abs(found).max() <= 10 * np.abs(received).max()
