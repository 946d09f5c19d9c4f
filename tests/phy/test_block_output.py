"""What a block returned, read and checked."""

import numpy as np
import pytest

from moclink.phy.block_output import equalized

COUNT, NO = 6000, 0.02


def draw(*shape) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    return ((rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)).astype(
        np.complex64
    )


SENT = (np.sign(draw(2, COUNT)[0].real) + 1j * np.sign(draw(2, COUNT)[1].real)) / np.sqrt(2)
NOISE = np.sqrt(NO) * draw(1, COUNT)


def assert_calibrated(x_hat, no_eff):
    """Errors have the variance that is claimed: mean of Exp(1) over 6000, at 5 deviations."""
    assert (x_hat.dtype, no_eff.dtype, x_hat.shape, no_eff.shape) == (
        "complex64",
        "float32",
        (COUNT,),
        (COUNT,),
    )
    assert abs(np.mean(np.abs(x_hat - SENT) ** 2 / no_eff) - 1) < 5 / np.sqrt(COUNT)


def test_received_symbols():
    for returns in ("auto", "y"):
        x_hat, no_eff = equalized(SENT + NOISE, SENT, NO, returns)
        assert np.allclose(x_hat, (SENT + NOISE)[0]) and np.allclose(no_eff, NO)
    assert_calibrated(x_hat, no_eff)


@pytest.mark.parametrize("shape", [(COUNT,), (1, COUNT), (COUNT, 1, 1), (1,), (1, 1)], ids=str)
def test_a_gain_a_symbol_or_one_for_all_is_divided_out(shape):
    h = draw(*shape)
    y = np.reshape(SENT * np.ravel(h), (1, COUNT)) + NOISE
    x_hat, no_eff = equalized((y, h), SENT, NO, "auto")
    assert_calibrated(x_hat, no_eff)
    assert np.allclose(no_eff, NO / np.abs(np.ravel(h)) ** 2, rtol=1e-5)


def test_antennas_are_combined_by_maximum_ratio():
    h = draw(1, COUNT, 3)
    y = h * SENT[None, :, None] + np.sqrt(NO) * draw(COUNT, 3)
    x_hat, no_eff = equalized((y, h), SENT, NO, "gains")
    assert_calibrated(x_hat, no_eff)
    assert np.allclose(no_eff, NO / np.sum(np.abs(h[0]) ** 2, axis=1), rtol=1e-5)


def test_matrices_of_gains_are_detected_by_lmmse():
    h = draw(COUNT // 2, 3, 2)
    y = (h @ SENT.reshape(-1, 2, 1))[..., 0] + np.sqrt(NO) * draw(COUNT // 2, 3)
    x_hat, no_eff = equalized((y, h), SENT, NO, "gains", vectors=2)
    assert_calibrated(x_hat, no_eff)
    inverse = np.linalg.inv(np.eye(2) + h.conj().transpose(0, 2, 1) @ h / NO)
    m = np.real(np.einsum("nkk->nk", inverse)).ravel()
    assert np.allclose(no_eff, m / (1 - m), rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, COUNT), (COUNT, 1), (1,), ()], ids=str)
def test_equalised_symbols_keep_their_variances(shape):
    variances = np.full(shape, NO)
    x_hat, no_eff = equalized((SENT + NOISE, variances), SENT, NO, "auto")
    assert_calibrated(x_hat, no_eff)
    assert np.allclose(no_eff, NO)


def test_real_gains_have_to_be_declared():
    h = np.abs(draw(1, COUNT))
    with pytest.raises(
        ValueError, match="fit gains h of y = h x \\+ w, not noise variances; declare them"
    ):
        equalized((h * SENT + NOISE, h), SENT, NO, "auto")
    assert_calibrated(*equalized((h * SENT + NOISE, h), SENT, NO, "gains"))
    # A receiver that is too sure of itself is somebody's experiment, not a mistake.
    equalized((SENT + 5 * NOISE, np.full(COUNT, NO)), SENT, NO, "auto")


@pytest.mark.parametrize(
    ("output", "returns", "message"),
    [
        (SENT[:-1], "auto", r"received symbols of shape \[5999\] for 6000 symbols"),
        (SENT.real, "auto", "symbols of type float64; complex symbols are wanted"),
        (
            (SENT, SENT, SENT),
            "auto",
            r"returned 3 of .*; y, \(y, h\) or \(x_hat, no_eff\) is wanted",
        ),
        (None, "auto", r"it returned NoneType; y, \(y, h\) or \(x_hat, no_eff\) is wanted"),
        ({"y": SENT}, "auto", r"it returned dict; y, \(y, h\) or"),
        ((SENT, None), "auto", r"it returned NoneType; y, \(y, h\) or"),
        ((SENT, SENT), "y", "returned 2 of .*; returns=y is set"),
        (SENT, "gains", "returned 1 of .*; returns=gains is set"),
        ((SENT, SENT), "equalized", "noise variances of type complex128; they are real"),
        ((SENT, SENT[:7]), "auto", r"received symbols \[6000\] and gains \[7\] for 6000 symbols"),
        ((SENT, np.ones(7)), "auto", r"noise variances of shape \[7\] for 6000 symbols"),
        ((SENT, np.zeros(COUNT)), "auto", "noise variance of 0; it must be positive"),
        ((SENT, -np.ones(COUNT)), "equalized", "noise variance of -1; it must be positive"),
        ((SENT, np.full(COUNT, np.nan)), "auto", "6000 of the 6000 noise variances .* not finite"),
        ((SENT, np.full(COUNT, np.nan + 0j)), "auto", "6000 of the 6000 gains .* not finite"),
        (
            np.where(np.arange(COUNT) < 3, np.inf, SENT),
            "auto",
            "3 of the 6000 received symbols .* not finite",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(output, returns, message):
    with pytest.raises(ValueError, match=message):
        equalized(output, SENT, NO, returns)


def test_wrong_matrices_are_refused():
    with pytest.raises(ValueError, match=r"y \[3000, M\] and h \[3000, M, 2\] are wanted"):
        equalized((draw(3000, 2), draw(3000, 2)), SENT, NO, "gains", vectors=2)


def test_a_gain_of_zero_stays_finite():
    h = np.where(np.arange(COUNT) == 5, 0, 1).astype(np.complex64)
    x_hat, no_eff = equalized((h * SENT + NOISE[0], h), SENT, NO, "auto")
    assert np.isfinite(x_hat).all() and no_eff[5] > 1e9


@pytest.mark.parametrize("shape", [(1, COUNT), (COUNT, 1)], ids=str)
def test_gains_before_the_received_symbols_are_refused(shape):
    h = draw(*shape)
    y = np.reshape(SENT * np.ravel(h), shape) + np.reshape(NOISE, shape)
    for returns in ("auto", "gains"):
        with pytest.raises(ValueError, match=r"gains h before .*; \(y, h\) is the order"):
            equalized((h, y), SENT, NO, returns)
    # Ten times the noise that the receiver knows of, or as much noise as signal: the order is right.
    equalized((y + 3 * np.reshape(NOISE, shape), h), SENT, NO, "auto")
    equalized((y + np.reshape(NOISE, shape) / np.sqrt(NO), h), SENT, 1.0, "auto")
