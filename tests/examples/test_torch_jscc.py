"""The adapter around a PyTorch model: padding and power with modules of NumPy, and the model itself."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.types import ChannelState

EXAMPLE = Path(__file__).parents[2] / "examples" / "torch_jscc.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("torch_jscc_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def photo():
    return to_float(read_image(sample_paths()[0])[None, 60:125, 100:199])


def shrink(images, *snr_db):
    """[B, 3, H, W] -> [B, 3, H / 16, W / 16], the means of blocks."""
    assert images.shape[2] % 16 == 0 and images.shape[3] % 16 == 0
    batch, channels, height, width = images.shape
    return images.reshape(batch, channels, height // 16, 16, width // 16, 16).mean(axis=(3, 5))


def enlarge(latent, *snr_db):
    return latent.repeat(16, 2).repeat(16, 3)


@pytest.fixture
def adapted(example):
    """The adapter with modules that are functions of NumPy, so that PyTorch is not needed."""

    class WithoutTorch(example.TorchJSCC):
        def run(self, module, *arrays):
            self.snr = arrays[1:]
            return module(*arrays)

    return WithoutTorch


def test_sides_are_padded_with_the_edge_and_cut_off_again(adapted, photo):
    codec = adapted(shrink, enlarge, stride=16, normalise=False)
    chain = ChainFactory().from_object("torch", codec)
    sent = chain.transmit(photo)
    assert sent.symbols.shape == (1, -(-3 * 5 * 7 // 2))
    got = chain.receive(sent.symbols, np.float32([1e-6]), sent.header)
    padded = np.pad(photo, ((0, 0), (0, 15), (0, 13), (0, 0)), "edge")
    blocks = shrink(padded.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    expected = blocks.repeat(16, 1).repeat(16, 2)[:, :65, :99]
    assert np.allclose(got.images, expected, atol=1e-5)


def test_the_latent_has_the_power_of_training_in_each_picture(adapted, photo):
    """DeepJSCC: k complex symbols have the energy k; the decoder is handed that scale back."""
    codec = adapted(lambda x: 7 * shrink(x), lambda z: enlarge(z) * 0 + 0.5, stride=16)
    batch = np.concatenate([photo, photo * 0.1])
    latent = codec.encode(batch)
    assert np.allclose((latent.reshape(2, -1) ** 2).sum(axis=1), latent[0].size / 2, rtol=1e-5)
    seen = []
    codec.decoder = lambda z: seen.append(z) or enlarge(z) * 0 + 0.5
    chain = ChainFactory().from_object("torch", codec)
    sent = chain.transmit(photo)
    assert sent.energy == pytest.approx(1, abs=1e-5)
    chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert np.allclose(seen[0], latent[:1], atol=1e-4)


def test_a_model_that_is_told_the_snr_gets_it_at_both_ends(adapted, photo):
    codec = adapted(shrink, enlarge, stride=16, normalise=False, with_snr=True)
    chain = ChainFactory().from_object("torch", codec)
    assert chain.adaptive
    sent = chain.transmit(photo, ChannelState(7.0))
    assert codec.snr[0].tolist() == [[7.0]]
    chain.receive(sent.symbols.repeat(2, 0), np.float32([0.1, 0.01]), sent.header)
    assert np.allclose(codec.snr[0], [[10], [20]], atol=1e-4)


def test_the_model_of_the_example_is_a_chain(photo, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; the example needs it")
    factory = ChainFactory()
    chain = factory.make(f"{EXAMPLE}:make?channels=16")
    sent = chain.transmit(photo)
    assert sent.symbols.shape == (1, 9 * 13 * 8) and sent.energy == pytest.approx(1, abs=1e-5)
    clean = chain.receive(sent.symbols, np.float32([1e-6]), sent.header)
    assert psnr(clean.images, photo)[0] > 20 and not clean.problems
    model = chain.codec
    state = {"encoder": model.encoder.state_dict(), "decoder": model.decoder.state_dict()}
    torch.save(state, tmp_path / "a.pt")
    again = factory.make(f"{EXAMPLE}:make?channels=16&weights={tmp_path / 'a.pt'}")
    assert np.array_equal(again.transmit(photo).symbols, sent.symbols)
    # Twice the channels, half the loss or less: coefficients are kept by their energy.
    more = factory.make(f"{EXAMPLE}:make?channels=32")
    sent = more.transmit(photo)
    better = more.receive(sent.symbols, np.float32([1e-6]), sent.header)
    assert psnr(better.images, photo)[0] > psnr(clean.images, photo)[0] + 1
