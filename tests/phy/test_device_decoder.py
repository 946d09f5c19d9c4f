import numpy as np
import pytest

from moclink.phy.belief_propagation import BeliefPropagation
from moclink.phy.engine import ON_TORCH
from moclink.phy.ldpc import get_code, get_decoder
from moclink.phy.ldpc_graph import TannerGraph

if not ON_TORCH:
    pytest.skip("of torch only: this decoder runs on PyTorch", allow_module_level=True)

import torch
from sionna.phy.fec.ldpc import LDPC5GDecoder

from moclink.phy import device_decoder
from moclink.phy.device_decoder import DeviceDecoder


def assert_same(a, b):
    np.testing.assert_array_equal(a.bits, b.bits)
    np.testing.assert_array_equal(a.converged, b.converged)
    np.testing.assert_array_equal(a.iterations, b.iterations)


# Float32 rounds differently in exp and log of another library: 0 of 6,144 codewords at 5, 11 and
# 20 dB were decided otherwise, and Sionna's own modes differ in 17 of 4,096 at 11 dB.
MOST_DIFFERENCES = 10


@pytest.mark.parametrize("snr_db", [5.0, 10.5, 11.0, 20.0])
def test_decisions_are_those_of_the_cpu_decoder(snr_db, standard_code, standard_blocks):
    blocks = standard_blocks(snr_db, 512)
    ours = get_decoder(standard_code, "device").decode(blocks.llr)
    theirs = get_decoder(standard_code, "fast").decode(blocks.llr)
    assert ours.bits.dtype == np.uint8 and ours.iterations.dtype == np.int32
    differ = (ours.bits != theirs.bits).any(axis=1) | (ours.iterations != theirs.iterations)
    assert differ.sum() <= MOST_DIFFERENCES
    assert ours.converged.mean() == pytest.approx(theirs.converged.mean(), abs=10 / 512)


def test_decisions_are_those_of_stock_sionna(standard_code, standard_blocks):
    blocks = standard_blocks(11.0, 512)
    stock = LDPC5GDecoder(standard_code.encoder_5g)(torch.from_numpy(blocks.llr)).numpy()
    ours = DeviceDecoder(standard_code.graph).decode(blocks.llr)
    assert 0.05 < (stock != blocks.bits).any(axis=1).mean() < 0.3
    assert (ours.bits != stock).any(axis=1).sum() <= MOST_DIFFERENCES


@pytest.mark.parametrize(
    ("code", "bits_per_symbol", "snr_db"),
    [
        (("ldpc5g", 600, 632, 4), 4, 15.0),
        (("ldpc5g", 20, 100), 2, -4.0),
        (("ldpc5g", 2000, 3000, 2), 2, 3.0),
        (("wifi648", 324, 648), 4, 7.0),
    ],
)
def test_other_codes(code, bits_per_symbol, snr_db, over_awgn):
    code = get_code(*code)
    blocks = over_awgn(code, bits_per_symbol, snr_db, 96, seed=11)
    ours = DeviceDecoder(code.graph).decode(blocks.llr)
    theirs = BeliefPropagation(code.graph).decode(blocks.llr)
    assert 0 < theirs.converged.sum()
    assert (ours.bits != theirs.bits).any(axis=1).sum() <= 2
    assert (ours.iterations != theirs.iterations).sum() <= 2


def test_a_codeword_is_decoded_alike_in_any_company(standard_code, standard_blocks, monkeypatch):
    llr = standard_blocks(11.0, 512).llr[:201]
    together = DeviceDecoder(standard_code.graph).decode(llr)
    assert len(set(together.iterations)) > 5, "codewords leave at different times"
    order = np.random.default_rng(5).permutation(len(llr))
    shuffled = DeviceDecoder(standard_code.graph).decode(llr[order])
    np.testing.assert_array_equal(shuffled.bits, together.bits[order])
    np.testing.assert_array_equal(shuffled.iterations, together.iterations[order])
    for word in range(0, len(llr), 40):
        alone = DeviceDecoder(standard_code.graph).decode(llr[word : word + 1])
        np.testing.assert_array_equal(alone.bits[0], together.bits[word])
        assert alone.iterations[0] == together.iterations[word]
    monkeypatch.setattr(device_decoder, "MOST_MESSAGES", {"cpu": 1})  # batches of one vector
    monkeypatch.setattr(device_decoder, "STAGE", 5)
    monkeypatch.setattr(device_decoder, "SHRINK", 1.0)
    assert_same(DeviceDecoder(standard_code.graph).decode(llr), together)


def test_the_host_waits_once_a_stage_and_columns_become_fewer(
    standard_code, standard_blocks, monkeypatch
):
    """The questions to the device are `torch.nonzero`; the columns of each iteration are counted."""
    asked, widths = [], []
    nonzero, advance = torch.nonzero, DeviceDecoder.advance
    monkeypatch.setattr(torch, "nonzero", lambda x: asked.append(len(x)) or nonzero(x))
    monkeypatch.setattr(
        DeviceDecoder, "advance", lambda self, b: widths.append(b.width) or advance(self, b)
    )
    decoded = DeviceDecoder(standard_code.graph).decode(standard_blocks(11.0, 512).llr)
    assert len(asked) == -(-len(widths) // device_decoder.STAGE) == 10
    assert widths == sorted(widths, reverse=True) and widths[0] == 512
    # Columns still there are at most those not done, in whole vectors, over the share that shrinks.
    for iteration in range(2, 20, 2):
        left = (decoded.iterations > iteration).sum() + (
            ~decoded.converged & (decoded.iterations == iteration)
        ).sum()
        assert widths[iteration] <= (left + device_decoder.VECTOR) / device_decoder.SHRINK


def test_no_codewords_and_wrong_input(standard_code):
    decoder = DeviceDecoder(standard_code.graph)
    assert decoder.decode(np.zeros((0, 648), np.float32)).bits.shape == (0, 324)
    with pytest.raises(ValueError, match=r"\[B, 648\]"):
        decoder.decode(np.zeros((2, 324), np.float32))
    with pytest.raises(ValueError, match="num_iter is 0"):
        DeviceDecoder(standard_code.graph, num_iter=0)


@pytest.fixture
def small_graph():
    """Checks of three bits, which compile in seconds."""
    rng = np.random.default_rng(6)
    nodes = np.stack([rng.choice(24, 3, replace=False) for _ in range(16)])
    return TannerGraph(
        num_vns=24,
        cn_start=np.arange(0, 49, 3, dtype=np.int32),
        cn_vn=nodes.ravel().astype(np.int32),
        received=np.arange(24, dtype=np.int32),
        shortened=np.zeros(0, np.int32),
        k=24,
    )


def test_compiled_iterations_decide_the_same(small_graph, monkeypatch):
    """One graph of all widths, run by the compiler's own interpreter of it: no C++ is compiled."""
    graphs = []

    def backend(module, inputs):
        graphs.append(module)
        return module.forward

    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **kw: real(f, backend=backend, **kw))
    llr = np.random.default_rng(7).normal(-1, 1.5, (300, 24)).astype(np.float32)
    fused = DeviceDecoder(small_graph, compile=True)
    assert_same(fused.decode(llr), DeviceDecoder(small_graph, compile=False).decode(llr))
    fused.decode(llr[:70])
    assert len(graphs) == 1
