"""The semantic codec as a source: indices, receivers, the SNR that the decoder is told, own weights."""

import math

import numpy as np
import pytest

from moclink.chain import DigitalChain
from moclink.chain_factory import make_chain
from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.codebooks import record_priors
from moclink.codec.constellation import amplitudes
from moclink.codec.semantic_codec import SemanticCodec
from moclink.images import read_image, sample_paths, to_float
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.modems import IndexModem, pam_amplitudes
from moclink.phy.tensors import to_numpy
from moclink.presets import ChainOptions, check_name
from moclink.sources.semantic import SemanticSource, load_semantic
from moclink.types import Header


@pytest.fixture(scope="module")
def codec() -> SemanticCodec:
    """An untrained toy codec with codebooks that are told apart."""
    codec = SemanticCodec.from_size("toy")
    rng = np.random.default_rng(1)
    initialize_codebooks(codec.quantizer, rng.normal(size=(4096, 16)).astype(np.float32))
    record_priors(codec.quantizer, rng.integers(1, 200, codec.priors.shape))
    return codec


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return to_float(read_image(sample_paths()[0])[None, 60:133, 100:231])  # 73 x 131: odd


@pytest.fixture(scope="module")
def saved(codec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    codec.save(folder / "toy")
    AnalogCodec.from_size("toy").save(folder / "jscc")
    return folder


def test_codec_and_modem_agree_on_the_constellation():
    for states in (4, 8, 16):
        assert np.allclose(amplitudes(states), pam_amplitudes(states), atol=1e-6)


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_indices_are_the_first_levels_and_their_cost_is_specified(codec, photo, levels):
    source = SemanticSource(codec, levels)
    payload = source.encode(photo)
    positions = math.ceil(73 / 8) * math.ceil(131 / 8)
    assert payload.indices.shape == (1, positions * 4 * levels)
    assert IndexModem(8).symbols_for(payload.indices.shape[1]) == 2 * levels * positions
    indices = codec.encode(photo, levels)
    assert np.array_equal(payload.indices[0], indices[0, :, :, :levels].ravel())


@pytest.mark.parametrize("receiver", ["hard", "soft"])
def test_without_noise_the_chain_gives_the_codecs_own_picture(codec, photo, receiver):
    chain = DigitalChain("x", SemanticSource(codec, 4, receiver, use_nrb=False), IndexModem(8))
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-4]), sent.header)
    expected = codec.decode(codec.encode(photo), height=73, width=131)
    assert got.images.shape == photo.shape
    assert np.allclose(got.images, expected, atol=1e-5)
    assert chain.count_errors(sent, got).ier[0] == 0 and got.decoded.all()
    assert got.bits[0] == 48 * 10 * 17


def test_the_soft_receiver_retrieves_the_posterior_mean(codec, photo):
    """Independent NumPy: Bayes over the eight amplitudes with the measured use of codes as prior."""
    source = SemanticSource(codec, 4, "soft", use_nrb=False)
    modem, no = IndexModem(8), noise_variance(np.array([8.0]))
    payload = source.encode(photo)
    received = awgn(modem.modulate(payload.indices), no, [(1,)]).received
    values = modem.demodulate(received, no).values
    rows, columns = 10, 17
    y = received.view(np.float32).reshape(rows, columns, 4, 4)
    books, priors = codec.quantizer.codebooks, codec.priors
    z = np.zeros((rows, columns, 4, 4))
    for d in range(4):
        for p in range(4):
            likelihood = (
                np.exp(-((y[..., d, p, None] - pam_amplitudes(8)) ** 2) / no[0]) * priors[d, p]
            )
            z[:, :, p] += likelihood / likelihood.sum(-1, keepdims=True) @ books[d, p]
    posteriors = codec.posteriors(values.reshape(1, rows, columns, 4, 4, 8))
    got = to_numpy(codec.quantizer.expected(posteriors, np.int32([4])))
    assert np.allclose(got[0], z.reshape(rows, columns, 16), atol=1e-4)


@pytest.mark.parametrize(
    ("no", "expected"),
    [([0.1, 1.0], [10, 0]), ([[0.1] * 8, [0.2, 1.0] * 4], [10, 10 * math.log10(3)])],
)
def test_the_noise_reduction_is_told_the_mean_snr_of_the_symbols(codec, no, expected):
    given = []

    class Recording:
        quantizer = codec.quantizer

        def decode_likelihoods(self, log_likelihoods, snr_db, **options):
            given.extend(snr_db)
            return np.zeros((len(log_likelihoods), 8, 8, 3), np.float32)

    received = np.zeros((2, 8), np.complex64)
    got = IndexModem(8).demodulate(received, np.array(no, np.float32))
    SemanticSource(Recording(), 4).decode(got, Header(8, 8, (16, 16)))
    assert given == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("states", [4, 16])
def test_other_alphabets_work_end_to_end(states, photo):
    from moclink.codec.sizes import size

    config = size("toy")
    config["quantizer"]["states"] = states
    codec = SemanticCodec(config)
    chain = DigitalChain("x", SemanticSource(codec), IndexModem(states))
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([1e-5]), sent.header)
    assert got.images.shape == photo.shape
    assert chain.count_errors(sent, got).ber[0] == 0
    assert got.bits[0] == 16 * 170 * math.log2(states)


def test_own_weights_are_chains(saved, photo):
    sent = {}
    for scheme in (
        "",
        ":l1",
        ":l4-no-cr",
        ":l4-greedy-hard",
        ":l4-no-nrb-soft",
        ":l4-no-requantize",
    ):
        chain = make_chain(f"{saved}/toy{scheme}")
        sent[scheme] = chain.transmit(photo)
        assert chain.name == f"{saved}/toy{scheme}"
        expected = "hard" if "hard" in scheme else "soft"
        assert chain.source.receiver == expected and chain.source.use_nrb == (
            "no-nrb" not in scheme
        )
        assert chain.source.requantize == ("no-requantize" not in scheme)
    assert sent[":l1"].symbols.shape[1] * 4 == sent[""].symbols.shape[1]
    assert not np.array_equal(sent[":l4-no-cr"].symbols, sent[""].symbols)
    assert make_chain(f"{saved}/toy", ChainOptions(receiver="hard")).source.receiver == "hard"


def test_index_assignments_change_the_indices_and_not_the_picture(saved, photo):
    reference = load_semantic(saved / "toy")
    picture = reference.decode(reference.encode(photo))
    for index_assignment in ("random", "greedy", "greedy-paper", "exact"):
        codec = load_semantic(saved / "toy", index_assignment)
        indices = codec.encode(photo)
        assert not np.array_equal(indices, reference.encode(photo))
        assert np.array_equal(codec.decode(indices), picture)


def test_the_analog_chain_spends_48_symbols_a_position_of_unit_energy(saved, photo):
    chain = make_chain(f"{saved}/jscc")
    sent = chain.transmit(photo)
    assert sent.symbols.shape == (1, 48 * 170)
    assert np.mean(np.abs(sent.symbols) ** 2) == pytest.approx(1, abs=1e-3)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert got.images.shape == photo.shape and got.indices is None and got.bits is None
    expected = chain.codec.decode(chain.codec.encode(photo), 73, 131, 10.0)
    assert np.allclose(got.images, np.clip(expected, 0, 1), atol=1e-6)


def test_wrong_names_and_damaged_weights_are_named(saved, tmp_path):
    with pytest.raises(ValueError, match="no codec at nowhere/codec"):
        check_name("nowhere/codec")
    with pytest.raises(ValueError, match="after the colon comes l1 to l4"):
        check_name(f"{saved}/toy:nrb")
    with pytest.raises(ValueError, match="5 levels: this codec has 1 to 4"):
        make_chain(f"{saved}/toy:l5")
    with pytest.raises(ValueError, match="did you mean moc-rvq-l4-no-nrb"):
        check_name("moc-rvq-l4-no-nbr")
    for name in ("toy.json", "toy.weights.h5"):
        (tmp_path / name).write_bytes((saved / name).read_bytes())
    with open(tmp_path / "toy.weights.h5", "r+b") as file:
        file.seek(2000)
        file.write(b"damage")
    with pytest.raises(ValueError, match="does not match the sha256"):
        make_chain(str(tmp_path / "toy"))
    (tmp_path / "toy.json").write_text("{}")
    with pytest.raises(ValueError, match="does not describe exported weights"):
        make_chain(str(tmp_path / "toy"))


def test_hard_indices_are_the_nearest_amplitudes():
    rng = np.random.default_rng(3)
    y = (rng.normal(size=(1, 500)) + 1j * rng.normal(size=(1, 500))).astype(np.complex64)
    got = IndexModem(8).demodulate(y, np.float32([0.5])).hard()
    nearest = np.abs(y.view(np.float32)[..., None] - pam_amplitudes(8)).argmin(-1)
    assert np.array_equal(got, nearest)
