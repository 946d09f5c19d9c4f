"""The adaptive chain: file and MCS follow the sender's SNR."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.link_adaptation import LinkAdaptation
from moclink.sources.adaptive_files import AdaptiveFileChain
from moclink.sources.file_source import fit_file
from moclink.sources.pillow_codecs import JPEG
from moclink.sources.rate import semantic_symbols
from moclink.types import ChannelState, Header


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return to_float(read_image(sample_paths()[0])[None, 60:316, 100:484])


@pytest.fixture(scope="module")
def chain() -> AdaptiveFileChain:
    return AdaptiveFileChain("jpeg-ldpc-adaptive", JPEG, semantic_symbols, LinkAdaptation())


def through(chain, sent, snr_db, trials=3):
    keys = [(1, snr_db, trial) for trial in range(trials)]
    output = awgn(sent.symbols, noise_variance(np.full(trials, snr_db)), keys)
    return chain.receive(output.received, output.no, sent.header)


def test_quality_and_rate_grow_with_the_snr(chain, photo):
    qualities, efficiency = [], []
    for snr_db in (2.0, 8.0, 14.0, 20.0, 26.0):
        sent = chain.transmit(photo, ChannelState(snr_db))
        got = through(chain, sent, snr_db)
        errors = chain.count_errors(sent, got)
        # The scheme was chosen to fail rarely; with these seeds nothing is lost.
        assert got.decoded.all() and not errors.ber.any() and not errors.bler.any()
        assert sent.symbols.shape[1] <= semantic_symbols(256, 384)
        assert (got.bits == sent.header.lengths[0]).all()
        qualities.append(psnr(got.images, photo).mean())
        efficiency.append(sent.header.mcs.spectral_efficiency)
    assert qualities == sorted(qualities) and qualities[-1] - qualities[0] > 8
    assert efficiency == sorted(efficiency) and len(set(efficiency)) == 5


def test_the_scheme_is_the_best_of_all(chain, photo):
    """Expected quality of every scheme with real files; the chain's choice has the greatest."""
    snr_db, symbols = 9.0, semantic_symbols(256, 384)
    grey = psnr(np.full_like(photo, 0.5), photo)[0]
    expected = {}
    for candidate in chain.adaptation.candidates(snr_db, symbols):
        data, fit = fit_file(JPEG, photo[0], candidate.bits)
        quality = grey
        if fit.fits:
            quality = psnr(to_float(JPEG.decode_file(data, 256 * 384))[None], photo)[0]
        expected[candidate.mcs] = quality * (1 - candidate.failure) + grey * candidate.failure
    sent = chain.transmit(photo, ChannelState(snr_db))
    assert expected[sent.header.mcs] == pytest.approx(max(expected.values()), abs=1e-9)


def test_damage_is_counted_where_the_channel_is_worse_than_known(chain, photo):
    sent = chain.transmit(photo, ChannelState(14.0))
    got = through(chain, sent, 5.0)
    errors = chain.count_errors(sent, got)
    assert (errors.ber > 0.01).all() and (errors.bler == 1).all()
    assert got.iterations == pytest.approx(25)


def test_where_no_file_fits_the_symbols_are_still_kept(photo):
    chain = AdaptiveFileChain(
        "jpeg-ldpc-adaptive", JPEG, lambda height, width: 200, LinkAdaptation()
    )
    sent = chain.transmit(photo, ChannelState(0.0))
    assert 0 < sent.symbols.shape[1] <= 200
    assert not sent.payload.rate_fits[0].fits
    assert np.mean(np.abs(sent.symbols) ** 2) == pytest.approx(1, abs=1e-5)  # QPSK
    got = through(chain, sent, 30.0)
    assert not got.decoded.any() and (got.images == 0.5).all()


def test_a_batch_shares_one_scheme(chain, photo):
    pair = np.concatenate([photo, photo[:, ::-1]])
    sent = chain.transmit(pair, ChannelState(12.0))
    assert len(sent.header.lengths) == 2 and len(sent.payload.rate_fits) == 2
    output = awgn(sent.symbols, noise_variance(np.full(2, 12.0)), [(1,), (2,)])
    got = chain.receive(output.received, output.no, sent.header)
    assert got.decoded.all() and (psnr(got.images, pair) > 20).all()


def test_what_is_missing_is_named(chain, photo):
    assert chain.adaptive
    with pytest.raises(ValueError, match="adapts to the SNR"):
        chain.transmit(photo)
    with pytest.raises(ValueError, match="does not say which MCS"):
        chain.receive(
            np.zeros((1, 10), np.complex64), np.ones(1, np.float32), Header(256, 384, (8,))
        )


def test_told_the_average_of_a_fading_channel_the_sender_is_more_careful(chain):
    """Over block Rayleigh fading an average SNR allows a lower rate than the SNR of the transmission."""
    symbols = semantic_symbols(256, 384)
    adaptations = {
        kind: chain.adaptation.with_csi(ChannelState(18.0, kind)) for kind in ("none", "rayleigh")
    }
    assert adaptations["none"] is chain.adaptation and adaptations["rayleigh"].fading == "rayleigh"
    careful, bold = (
        adaptations[k].choose(18.0, symbols, lambda b: b**0.3, 0.0) for k in ("rayleigh", "none")
    )
    assert careful.bits < bold.bits and careful.failure > bold.failure
