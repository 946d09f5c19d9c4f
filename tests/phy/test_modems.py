"""Modems against Sionna's mapper and demapper, closed forms and published points."""

import math

import numpy as np
import pytest
from sionna.phy.mapping import Demapper, Mapper

from moclink.error_rates import count_index_errors
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.ldpc import get_code
from moclink.phy.mcs import get_mcs
from moclink.phy.modems import BitModem, IndexModem, pam_amplitudes
from moclink.phy.transport_block_modem import TransportBlockModem


def q_function(x: float) -> float:
    return 0.5 * math.erfc(x / math.sqrt(2))


def gray_qam_ber(snr_db: float, states: int) -> float:
    """Exact bit error rate of Gray square QAM over AWGN (Cho and Yoon, 2002)."""
    bits, total = int(math.log2(states)), 0.0
    snr = 10 ** (snr_db / 10)
    for k in range(1, bits + 1):
        terms = range(int((1 - 2.0**-k) * states))
        total += sum(
            (-1) ** (i * 2 ** (k - 1) // states)
            * (2 ** (k - 1) - math.floor(i * 2 ** (k - 1) / states + 0.5))
            * 2
            / states
            * q_function((2 * i + 1) * math.sqrt(3 * snr / (states**2 - 1)))
            for i in terms
        )
    return total / bits


def test_the_closed_form_gives_the_published_points():
    assert gray_qam_ber(17.78, 8) == pytest.approx(0.0265, rel=0.005)
    # A simulated point; the closed form gives 7.74e-4, as does 7/12 Q(sqrt(SNR/21)).
    assert gray_qam_ber(22.78, 8) == pytest.approx(7.44e-4, rel=0.05)


def test_labels_along_an_axis_are_those_of_3gpp():
    order = np.argsort(pam_amplitudes(8))
    assert order.tolist() == [7, 6, 4, 5, 1, 0, 2, 3]
    assert np.allclose(np.sort(pam_amplitudes(8)), np.arange(-7, 8, 2) / math.sqrt(42))
    assert np.argsort(pam_amplitudes(4)).tolist() == [3, 2, 0, 1]


@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8])
def test_modulation_equals_sionnas_mapper(bits_per_symbol):
    bits = np.random.default_rng(1).integers(0, 2, (3, 40 * bits_per_symbol), np.uint8)
    expected = Mapper("qam", bits_per_symbol)(bits.astype(np.float32)).numpy()
    assert np.allclose(BitModem(bits_per_symbol).modulate(bits), expected, atol=1e-6)


@pytest.mark.parametrize("states", [4, 8, 16])
def test_an_index_moves_its_own_axis_only(states):
    modem, points = IndexModem(states), {}
    for i in range(states):
        for q in range(states):
            points[i, q] = modem.modulate(np.array([[i, q]], np.uint8))[0, 0]
    assert len({complex(p) for p in points.values()}) == states**2
    for (i, q), point in points.items():
        assert point.real == points[i, 0].real
        assert point.imag == points[0, q].imag
    assert np.mean([abs(p) ** 2 for p in points.values()]) == pytest.approx(1, abs=1e-6)


def test_index_pairs_are_sionnas_interleaved_bits():
    """I takes bits 0, 2, 4 of a symbol and Q bits 1, 3, 5."""
    mapper = Mapper("qam", 6)
    for i in range(8):
        for q in range(8):
            bits = [(k >> (2 - place)) & 1 for place in range(3) for k in (i, q)]
            expected = mapper(np.array([bits], np.float32)).numpy()[0, 0]
            assert IndexModem(8).modulate(np.array([[i, q]], np.uint8))[0, 0] == pytest.approx(
                expected, abs=1e-6
            )


@pytest.mark.parametrize("bits_per_symbol", [2, 4, 6, 8])
@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 30.0])
def test_llrs_equal_sionnas_app_demapper(bits_per_symbol, snr_db):
    rng = np.random.default_rng(2)
    modem = BitModem(bits_per_symbol)
    x = modem.modulate(rng.integers(0, 2, (2, 500 * bits_per_symbol), np.uint8))
    no = noise_variance(snr_db)
    y = (x + np.sqrt(no / 2) * (rng.normal(size=x.shape) + 1j * rng.normal(size=x.shape))).astype(
        np.complex64
    )
    expected = Demapper("app", "qam", bits_per_symbol)(y, no).numpy()
    llr = modem.demap(y, np.repeat(no, 2))
    # float32: an LLR of 1,000 has steps of 6e-5, and both sides round the distances behind it.
    assert np.allclose(llr, expected, atol=1e-3, rtol=2e-5)


def test_index_likelihoods_are_gaussian():
    rng = np.random.default_rng(3)
    y = (rng.normal(size=(1, 6)) + 1j * rng.normal(size=(1, 6))).astype(np.complex64)
    values = IndexModem(8).demodulate(y, np.float32([0.1])).values
    axes = np.stack([y.real, y.imag], -1).reshape(-1)
    expected = -((axes[:, None] - pam_amplitudes(8)) ** 2) / (2 * 0.05)
    assert np.allclose(values[0], expected, rtol=1e-5)


@pytest.mark.parametrize("snr_db", [12.0, 17.78, 22.78])
def test_uncoded_64qam_has_the_error_rates_of_theory(snr_db):
    bits = np.random.default_rng(4).integers(0, 2, (1, 1_200_000), np.uint8)
    modem = BitModem(6)
    output = awgn(modem.modulate(bits), noise_variance(np.array([snr_db])), [(7, snr_db)])
    got = modem.demodulate(output.received, output.no).hard()
    ber = float(count_index_errors(bits, got, (bits.size,), 2, None).ber[0])
    # app's sign is bit-wise MAP, which equals the nearest point but at low SNR. Errors of one
    # symbol come together, so the deviation is that of symbols: at most sqrt(3) of that of
    # independent bits.
    expected = gray_qam_ber(snr_db, 8)
    deviation = math.sqrt(3 * expected / bits.size)
    assert abs(ber - expected) < 4 * deviation + 0.002 * expected


@pytest.mark.parametrize("snr_db", [10.0, 20.0])
def test_index_error_rate_is_that_of_8_pam(snr_db):
    indices = np.random.default_rng(5).integers(0, 8, (1, 400_000), np.uint8)
    modem = IndexModem(8)
    output = awgn(modem.modulate(indices), noise_variance(np.array([snr_db])), [(8, snr_db)])
    got = modem.demodulate(output.received, output.no).hard()
    ier = float(count_index_errors(indices, got, (indices.size,), 8, None).ier[0])
    expected = 1.75 * q_function(math.sqrt(10 ** (snr_db / 10) / 21))
    assert abs(ier - expected) < 4 * math.sqrt(expected / indices.size)
    if snr_db == 20.0:
        assert expected == pytest.approx(0.0255, abs=5e-5)


@pytest.mark.parametrize("k,bits_per_symbol", [(216, 2), (324, 6), (540, 8)])
def test_coded_bits_come_back_over_a_clean_channel(k, bits_per_symbol):
    modem = BitModem(bits_per_symbol, get_code("ldpc5g", k, 648, bits_per_symbol))
    bits = np.random.default_rng(6).integers(0, 2, (2, 3 * k + 17), np.uint8)
    x = modem.modulate(bits)
    assert x.shape[1] == modem.symbols_for(bits.shape[1]) == 4 * 648 // bits_per_symbol
    assert modem.max_indices(x.shape[1]) == 4 * k
    got = modem.demodulate(x, np.float32([1e-3, 1e-3]))
    assert np.array_equal(got.hard()[:, : bits.shape[1]], bits)
    assert got.iterations.shape == (2, 4) and set(np.unique(got.iterations)) <= {1, 2, 3}


def test_symbols_have_unit_energy():
    bits = np.random.default_rng(7).integers(0, 2, (1, 600_000), np.uint8)
    energy = np.abs(BitModem(6).modulate(bits)) ** 2
    # Deviation of |x|^2 over 64-QAM is below 0.62.
    assert abs(energy.mean() - 1) < 4 * 0.62 / math.sqrt(energy.size)


@pytest.mark.parametrize("modem", [IndexModem(2), BitModem(4), TransportBlockModem(get_mcs(5))])
def test_indices_of_another_kind_are_refused(modem):
    bits = np.random.default_rng(1).integers(0, 2, (2, 12)).astype(np.uint8)
    for same in (bits.astype(bool), bits.astype(np.int64), bits.tolist(), bits.astype(">i4")):
        assert np.array_equal(modem.modulate(same), modem.modulate(bits))
    for values, message in (
        (2 * bits, "indices are 0 to 2; this modem sends 0 to 1"),
        (2 * bits.astype(np.int8) - 1, "indices are -1 to 1; this modem sends 0 to 1"),
        (bits.astype(np.float32), r"indices are float32 \[2, 12\]; whole numbers \[B, K\]"),
        (bits[0], r"indices are uint8 \[12\]; whole numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            modem.modulate(values)


@pytest.mark.parametrize("modem", [IndexModem(8), BitModem(6), TransportBlockModem(get_mcs(5))])
def test_what_was_not_received_is_refused(modem):
    symbols, no = np.ones((2, 60), np.complex64), np.float32([0.1, 0.2])
    for wrong in (0 * no, -no, no * np.nan, no * np.inf):
        with pytest.raises(ValueError, match="noise variances are .*; positive, finite numbers"):
            modem.demodulate(symbols, wrong)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="received holds NaN or infinite symbols"):
            modem.demodulate(np.full_like(symbols, wrong), no)


def test_wrong_values_are_named():
    with pytest.raises(ValueError, match="indices are 9 to 9; this modem sends 0 to 7"):
        IndexModem(8).modulate(np.array([[9]], np.uint8))
    with pytest.raises(ValueError, match="3 bits per symbol"):
        BitModem(3)
    with pytest.raises(ValueError, match="6 states an axis"):
        pam_amplitudes(6)
