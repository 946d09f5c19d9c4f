"""The decoder that stops early against Sionna's own."""

import doctest
from pathlib import Path

import numpy as np
import pytest
from sionna.phy import config
from sionna.phy.channel import AWGN
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
from sionna.phy.mapping import BinarySource, Demapper, Mapper

from moclink.phy.early_stopping import EarlyStoppingLDPC5GDecoder
from moclink.phy.engine import ON_TORCH
from moclink.phy.tensors import tensor


@pytest.fixture(scope="module")
def encoder():
    return LDPC5GEncoder(60, 120, num_bits_per_symbol=2)


@pytest.fixture(scope="module")
def llr(encoder):
    """Codewords over a Gaussian channel at Eb/N0 = 2 dB: float32 [150, 120], a few of which fail."""
    rng = np.random.default_rng(8)
    codewords = encoder(tensor(rng.integers(0, 2, (150, 60)), "float32")).numpy()
    variance = 10**-0.2
    received = 2 * codewords - 1 + rng.normal(scale=np.sqrt(variance), size=codewords.shape)
    return tensor(2 * received / variance, "float32")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_infobits": False},
        {"cn_update": "boxplus"},
        {"cn_update": "minsum", "prune_pcm": False},
    ],
    ids=str,
)
def test_hard_outputs_equal_those_of_sionnas_block(encoder, llr, options):
    expected = LDPC5GDecoder(encoder, **options)(llr).numpy()
    decoded = EarlyStoppingLDPC5GDecoder(encoder, lanes=32, **options)(llr).numpy()
    assert decoded.dtype == expected.dtype and decoded.shape == expected.shape
    # A word that satisfies its checks halfway and loses them again is decided differently.
    assert (decoded != expected).any(axis=1).sum() <= 2


@pytest.mark.parametrize("cn_update", ["boxplus-phi", "minsum"])
def test_an_llr_that_is_no_number_spoils_its_codeword_as_in_sionnas_block(encoder, cn_update):
    bits = np.random.default_rng(12).integers(0, 2, (3, 60))
    llr = 8 * (2 * encoder(tensor(bits, "float32")).numpy() - 1)
    llr[0, 5] = llr[1, 70] = np.nan  # an information bit, a parity bit
    for hard_out, spoilt in ((True, 0.0), (False, np.nan)):
        options = {"cn_update": cn_update, "hard_out": hard_out}
        expected = LDPC5GDecoder(encoder, **options)(tensor(llr, "float32")).numpy()
        decoder = EarlyStoppingLDPC5GDecoder(encoder, **options)
        decoded = decoder(tensor(llr, "float32")).numpy()
        np.testing.assert_array_equal(decoded[:2], expected[:2])
        np.testing.assert_array_equal(decoded[:2], np.full((2, 60), spoilt))
        np.testing.assert_array_equal(decoded[2] > 0, bits[2])


@pytest.mark.tensorflow_only("PyTorch runs eagerly")
def test_eager_graph_and_xla_agree_for_any_leading_shape(encoder, llr):
    import tensorflow as tf

    decoder = EarlyStoppingLDPC5GDecoder(encoder, lanes=32)
    eager = decoder(llr).numpy()
    shaped = tf.reshape(llr, [3, 50, 120])
    graph = tf.function(lambda x: decoder(x))(shaped)
    assert graph.shape == (3, 50, 60)
    np.testing.assert_array_equal(graph.numpy().reshape(150, 60), eager)
    compiled = tf.function(lambda x: decoder(x), jit_compile=True)(shaped)
    assert (compiled.numpy().reshape(150, 60) != eager).any(axis=1).sum() <= 2


def test_any_leading_shape_is_decoded(encoder, llr):
    decoder = EarlyStoppingLDPC5GDecoder(encoder, lanes=32)
    flat = decoder(llr).numpy()
    shaped = decoder(tensor(llr.numpy().reshape(3, 50, 120)))
    assert shaped.shape == (3, 50, 60)
    np.testing.assert_array_equal(shaped.numpy().reshape(150, 60), flat)
    np.testing.assert_array_equal(decoder(llr[0]).numpy(), flat[0])


def test_words_that_never_converge_get_every_iteration(encoder):
    # All-zero LLRs but for noise far below the code's threshold: nothing stops, so all is equal.
    noise = tensor(np.random.default_rng(9).normal(scale=0.3, size=(40, 120)), "float32")
    options = {"num_iter": 6, "hard_out": False, "return_state": True}
    expected, expected_state = LDPC5GDecoder(encoder, **options)(noise)
    logits, state = EarlyStoppingLDPC5GDecoder(encoder, lanes=16, **options)(noise)
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(state.numpy(), expected_state.numpy(), atol=1e-5)


def test_a_state_is_resumed_and_num_iter_can_be_given_at_the_call(encoder):
    noise = tensor(np.random.default_rng(10).normal(scale=0.3, size=(20, 120)), "float32")
    stock = LDPC5GDecoder(encoder, num_iter=4, hard_out=False, return_state=True)
    _, state = stock(noise)
    expected, _ = stock(noise, num_iter=3, msg_v2c=state)
    ours = EarlyStoppingLDPC5GDecoder(
        encoder, num_iter=4, hard_out=False, return_state=True, lanes=16
    )
    _, own_state = ours(noise)
    resumed, _ = ours(noise, num_iter=3, msg_v2c=own_state)
    np.testing.assert_allclose(resumed.numpy(), expected.numpy(), atol=1e-4)
    ours.num_iter = 3
    np.testing.assert_array_equal(ours(noise, msg_v2c=own_state)[0].numpy(), resumed.numpy())


@pytest.mark.parametrize("return_infobits", [True, False])
def test_no_iteration_gives_the_llrs_back_as_sionnas_block_does(encoder, llr, return_infobits):
    options = {"hard_out": False, "return_state": True, "return_infobits": return_infobits}
    expected, expected_state = LDPC5GDecoder(encoder, num_iter=0, **options)(llr)
    logits, state = EarlyStoppingLDPC5GDecoder(encoder, num_iter=0, lanes=32, **options)(llr)
    np.testing.assert_array_equal(logits.numpy(), expected.numpy())
    np.testing.assert_array_equal(state.numpy(), expected_state.numpy())
    # The LLRs themselves, clipped; the systematic bits come from the LLRs' own places.
    assert logits.numpy().std() > 1
    at_the_call = EarlyStoppingLDPC5GDecoder(encoder, num_iter=7, lanes=32, **options)(
        llr, num_iter=0
    )[0]
    np.testing.assert_array_equal(at_the_call.numpy(), expected.numpy())


def graph_of(function, jit):
    """A graph of TensorFlow; PyTorch runs the function as it is."""
    if ON_TORCH:
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=jit)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_the_number_of_iterations_may_be_a_tensor(encoder, jit):
    noise = tensor(np.random.default_rng(11).normal(scale=0.3, size=(40, 120)), "float32")
    decoder = EarlyStoppingLDPC5GDecoder(encoder, hard_out=False, lanes=16)
    stock = LDPC5GDecoder(encoder, hard_out=False)
    decode = graph_of(lambda llr, most: decoder(llr, num_iter=most), jit)
    for most in (0, 1, 2, 5, 6):
        expected = stock(noise, num_iter=most).numpy()
        np.testing.assert_allclose(decode(noise, tensor(most)).numpy(), expected, atol=1e-4)
        np.testing.assert_allclose(
            decoder(noise, num_iter=tensor(most)).numpy(), expected, atol=1e-4
        )


def test_the_example_of_the_docstring_runs():
    examples = doctest.DocTestParser().get_examples(EarlyStoppingLDPC5GDecoder.__doc__)
    names = {
        "BinarySource": BinarySource,
        "AWGN": AWGN,
        "Mapper": Mapper,
        "Demapper": Demapper,
        "LDPC5GEncoder": LDPC5GEncoder,
        "EarlyStoppingLDPC5GDecoder": EarlyStoppingLDPC5GDecoder,
    }
    config.seed = 12
    assert len(examples) == 8  # all of them
    for example in examples:
        exec(example.source, names)
    # 4 dB above the waterfall of QPSK at rate 1/2: five iterations are enough, too.
    np.testing.assert_array_equal(names["decoded"].numpy(), names["bits"].numpy())


def test_the_example_of_the_documentation_runs():
    page = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    (example,) = page.split("```python\n")[1:]
    names = {}
    config.seed = 13
    exec(example.split("```")[0], names)
    np.testing.assert_array_equal(names["decoded"].numpy(), names["bits"].numpy())


def test_double_precision(encoder, llr):
    decoder = EarlyStoppingLDPC5GDecoder(encoder, precision="double", lanes=32)
    llr = tensor(llr.numpy(), "float64")
    decoded = decoder(llr)
    assert decoded.numpy().dtype == np.float64
    expected = LDPC5GDecoder(encoder, precision="double")(llr)
    assert (decoded.numpy() != expected.numpy()).any(axis=1).sum() <= 2


def test_what_cannot_be_staged_is_refused(encoder):
    with pytest.raises(ValueError, match="flooding"):
        EarlyStoppingLDPC5GDecoder(encoder, cn_schedule="layered")
    with pytest.raises(ValueError, match="callbacks"):
        EarlyStoppingLDPC5GDecoder(encoder, c2v_callbacks=[lambda message, it: message])
    with pytest.raises(ValueError, match="num_iter is -1"):
        EarlyStoppingLDPC5GDecoder(encoder, num_iter=-1)
    with pytest.raises(ValueError, match="num_iter is 2.0"):
        EarlyStoppingLDPC5GDecoder(encoder, num_iter=2.0)
    decoder = EarlyStoppingLDPC5GDecoder(encoder)
    with pytest.raises(ValueError, match="num_iter is -3; a whole number from 0 up"):
        decoder(tensor(np.zeros([2, 120], np.float32)), num_iter=-3)
    with pytest.raises(ValueError, match="a whole number from 0 up"):
        decoder(tensor(np.zeros([2, 120], np.float32)), num_iter=tensor([1, 2]))
    with pytest.raises(ValueError, match="a whole number from 0 up"):
        decoder(tensor(np.zeros([2, 120], np.float32)), num_iter=1.5)
    with pytest.raises(ValueError, match="n = 120"):
        EarlyStoppingLDPC5GDecoder(encoder)(tensor(np.zeros([2, 60], np.float32)))


def test_every_public_attribute_of_sionnas_decoder_is_there():
    encoder = LDPC5GEncoder(40, 80)
    ours, theirs = EarlyStoppingLDPC5GDecoder(encoder), LDPC5GDecoder(encoder)
    public = [name for name in dir(theirs) if not name.startswith("_")]
    assert not [name for name in public if not hasattr(ours, name)]
    for name in ("n", "coderate", "num_cns", "num_vns", "num_edges"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert (ours.pcm != theirs.pcm).nnz == 0
    for decoder in (ours, theirs):
        decoder.llr_max = 7.0
        assert float(decoder.llr_max) == 7.0
    with pytest.raises(ValueError, match="encoder is 'LDPC'; one of Sionna's LDPC5GEncoder"):
        EarlyStoppingLDPC5GDecoder("LDPC")
