"""Frames: energy, header and payload as the receiver reads them."""

import numpy as np
import pytest

from moclink.linear import frame
from moclink.linear.side_information import SideInformationHeader

UNIT_GAIN_STEP = 2 ** (32 / 2**16) - 1  # the header has the gain's logarithm in 16 bits


def built(model, image, snr_db, amplitudes, symbols=600):
    """A frame whose payload is the given amplitudes, and its header as it was parsed."""
    made = frame.build(model, image, symbols, snr_db, lambda description, uses: amplitudes[:uses])
    header = SideInformationHeader(*image.shape[:2], (made.bits,), (made.header_symbols,))
    return made, frame.parse_header(model, header, 0)


@pytest.mark.parametrize(
    ("snr_db", "said"),
    [(None, None), (7.1, 7.0), (7.13, 7.25), (-30.0, -20.0), (100.0, 43.5), (-20.0, -20.0)],
)
def test_the_snr_is_told_in_quarters_of_a_decibel(snr_db, said, models, photo):
    assert frame.rounded_snr_db(snr_db) == said
    amplitudes = np.ones(1000)
    _, parsed = built(models["whole"], photo[:40, :60], said, amplitudes)
    assert parsed.snr_db == said


@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
def test_a_payload_of_any_energy_is_sent_at_energy_1_and_read_in_order(scale, models, photo):
    amplitudes = scale * np.random.default_rng(2).standard_normal(1200)
    made, parsed = built(models["whole"], photo[:40, :60], 10.0, amplitudes)
    np.testing.assert_allclose(np.mean(np.abs(made.symbols) ** 2), 1, rtol=1e-6)
    np.testing.assert_allclose(np.abs(made.symbols[: made.header_symbols]), 1, rtol=1e-6)
    axes, _ = frame.payload_axes(made.symbols, np.full(600, 0.1), made.header_symbols)
    sent = amplitudes[: len(axes)] * parsed.gain
    np.testing.assert_allclose(axes, sent, rtol=UNIT_GAIN_STEP, atol=1e-6)


def test_the_header_gives_the_levels_of_the_picture(models, photo):
    picture = photo[:160, :200]
    description = models["whole"].describe(picture, 8000, 10.0)
    made, parsed = built(models["whole"], picture, 10.0, np.ones(8000), symbols=4000)
    assert len(made.bits) == frame.FRAME_BITS + len(description.bits)
    np.testing.assert_array_equal(parsed.variance_levels, description.variance_levels)


def test_a_header_that_would_take_most_of_the_frame_gives_way_to_a_plain_one(models, photo):
    picture = photo[:160, :200]
    made, parsed = built(models["whole"], picture, 10.0, np.ones(600), symbols=300)
    assert len(made.bits) == frame.FRAME_BITS
    np.testing.assert_array_equal(
        parsed.variance_levels, models["whole"].describe_with_defaults(picture).variance_levels
    )


def test_a_picture_with_nothing_to_send_still_has_unit_energy(models, photo):
    made, parsed = built(models["whole"], photo[:40, :60], 10.0, np.zeros(1200))
    assert parsed.gain == 0
    np.testing.assert_allclose(np.abs(made.symbols), 1, rtol=1e-6)


def test_each_use_keeps_the_noise_variance_of_its_symbol():
    noise = np.random.default_rng(3).random(50)
    axes, variance = frame.payload_axes(noise * (1 + 1j), noise, 7)
    np.testing.assert_allclose(variance, axes / 2)
    assert not np.allclose(axes, np.repeat(noise[7:], 2))  # they were interleaved


def test_a_header_that_is_too_short_is_refused(models):
    header = SideInformationHeader(8, 8, (np.zeros(23, np.uint8),), (3,))
    with pytest.raises(ValueError, match="header 0 has 23 bits; .* at least 24"):
        frame.parse_header(models["whole"], header, 0)
