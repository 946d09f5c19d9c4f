"""In which precision codecs multiply: what is chosen, where it holds, and what it does to PSNR."""

import keras
import numpy as np
import pytest

from moclink import matrix_products, metrics
from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.environment import check_products, parameters_of_engine
from moclink.images import read_pictures, sample_paths, to_float
from moclink.matrix_products import (
    asked_products,
    codec_products,
    convolves_in_bfloat16,
    float32_products,
    products,
)
from moclink.phy.channels import awgn, noise_variance
from moclink.phy.modems import IndexModem

ON_TORCH = keras.backend.backend() == "torch"


@pytest.fixture
def ask(monkeypatch):
    monkeypatch.delenv("MOCLINK_PRODUCTS", raising=False)
    return lambda kind: monkeypatch.setenv("MOCLINK_PRODUCTS", kind)


def test_what_is_asked_for(ask):
    assert asked_products() is None
    assert "products" not in parameters_of_engine()
    ask("float32")
    check_products()
    assert "products" not in parameters_of_engine()
    ask("half")
    with pytest.raises(ValueError, match="'half'; there are: float32, tf32, bfloat16"):
        codec_products()
    ask("bfloat16")
    assert parameters_of_engine()["products"] == "bfloat16"
    if ON_TORCH:
        check_products()


@pytest.mark.tensorflow_only("PyTorch knows these precisions")
def test_other_backends_know_no_other_precision(ask, monkeypatch, tmp_path):
    ask("tf32")
    with pytest.raises(ValueError, match="tensorflow does not know"):
        check_products()
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr("moclink.environment.CPUINFO", cpuinfo)
    ask("bfloat16")
    for flags in (None, "fpu avx512f"):
        if flags:
            cpuinfo.write_text(f"flags\t\t: {flags}\n")
        with pytest.raises(ValueError, match="this processor has no instructions"):
            check_products()
    cpuinfo.write_text("flags\t\t: fpu avx512f amx_bf16\n")
    check_products()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(ValueError, match="jax does not know"):
        check_products()


@pytest.mark.tensorflow_only("on PyTorch it is a setting of its own")
def test_graphs_are_told_by_what_is_traced(ask):
    for kind, coarse, expected in (
        ("bfloat16", True, True),
        ("bfloat16", False, False),
        ("float32", True, False),
    ):
        ask(kind)
        with codec_products(coarse):
            assert convolves_in_bfloat16() == expected
        assert not convolves_in_bfloat16()


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def settings(torch):
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


@pytest.mark.torch_only("these are settings of PyTorch")
def test_settings_hold_inside_and_are_given_back(torch, monkeypatch):
    before = settings(torch)
    a = torch.ones(4, 4)
    with products("bfloat16"):
        assert (a @ a).dtype == torch.bfloat16
        with products("float32"):
            assert (a @ a).dtype == torch.float32
            assert settings(torch) == ("highest", False)
        assert (a @ a).dtype == torch.bfloat16
    with pytest.raises(KeyError), products("tf32"):
        assert settings(torch) == (
            "highest",
            True,
        )  # what a processor would make of "high" is not TF32
        raise KeyError
    assert settings(torch) == before and (a @ a).dtype == torch.float32
    monkeypatch.setattr(matrix_products, "on_torch_gpu", lambda: True)
    with products("tf32"):
        assert settings(torch) == ("high", True)
    assert settings(torch) == before


@pytest.mark.torch_only("these are settings of PyTorch")
def test_tf32_is_the_choice_on_a_gpu_and_bfloat16_is_for_what_may_be_coarse(
    torch, ask, monkeypatch
):
    with codec_products():
        assert settings(torch) == ("highest", False)
    monkeypatch.setattr(matrix_products, "on_torch_gpu", lambda: True)
    with codec_products():
        assert settings(torch) == ("high", True)
    with float32_products():
        assert settings(torch) == ("highest", False)
    ask("bfloat16")
    with codec_products():
        assert settings(torch) == ("high", True)
    kinds = []
    monkeypatch.setattr(matrix_products, "products", kinds.append)
    codec_products(coarse=True), codec_products(coarse=False), float32_products()
    assert kinds == ["bfloat16", "tf32", "float32"]


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_bfloat16_moves_psnr_of_the_semantic_codec_by_less_than_a_hundredth(snr_db, ask):
    image = to_float(read_pictures(sample_paths()[:1])[0].pixels)[None, :192, :256]
    codec, modem = SemanticCodec.from_preset("small"), IndexModem(8)
    indices = codec.encode(image)
    sent = modem.modulate(indices.reshape(1, -1).astype(np.uint8))
    output = awgn(sent, noise_variance([snr_db]), [(1, snr_db, "picture")])
    got = modem.demodulate(output.received, output.no).values.reshape(*indices.shape, 8)
    psnr, pictures = [], []
    for kind in ("float32", "bfloat16"):
        ask(kind)
        np.testing.assert_array_equal(codec.encode(image), indices, "the sender is not coarse")
        pictures.append(codec.decode(codec.posteriors(got), snr_db=snr_db))
        psnr.append(metrics.psnr(pictures[-1], image)[0])
    assert np.abs(pictures[0] - pictures[1]).max() > 1e-3, "the networks did compute in bfloat16"
    assert abs(psnr[1] - psnr[0]) < 0.01


def test_the_analog_codec_stays_out_of_bfloat16(ask):
    """In bfloat16 it would lose up to 0.08 dB at 30 dB."""
    image = to_float(read_pictures(sample_paths()[:1])[0].pixels)[None, :64, :64]
    codec = AnalogCodec.from_preset("small")
    expected = codec.decode(codec.encode(image), snr_db=30.0)
    ask("bfloat16")
    np.testing.assert_array_equal(codec.decode(codec.encode(image), snr_db=30.0), expected)
