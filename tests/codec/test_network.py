"""All parts as one Keras network: on TensorFlow and JAX, saved, trained, whatever Keras is set to."""

import contextlib
import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.blocks import macs_per_pixel
from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder
from moclink.codec.network import analog_network, semantic_network
from moclink.codec.sizes import analog_size, size

SCRIPT = Path(__file__).with_name("layer_contract.py")
GOLDEN = Path(__file__).parents[1] / "refs" / "codec" / "layers.npz"
# Compiled quickly rather than for speed: each layer runs a few times only.
JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
}
CONTRACT = runpy.run_path(str(SCRIPT))
LIGHT = {"normalization": "none", "patch": 4}


PROGRAM = """
import sys
import keras
import numpy as np
if sys.argv[1] != "-":
    keras.config.set_dtype_policy(sys.argv[1])
from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.linear.codec import Estimate
from moclink.linear.restoration import Restoration
from moclink.link import SemanticLink
from moclink.perceptual.backbones import Backbone
codec, analog = SemanticCodec.from_preset("semantic"), AnalogCodec.from_preset("analog")
images = np.random.default_rng(0).random((2, 37, 29, 3)).astype(np.float32)
indices, reals = codec.encode(images), analog.encode(images)
link = SemanticLink(codec, "sionna.phy.channel.AWGN")
snr = np.float32([60, 60])
found = {
    "indices": indices,
    "decoded": codec.decode(indices, snr_db=7.0, height=37, width=29),
    "posteriors": codec.posteriors(np.random.default_rng(1).normal(size=(*indices.shape, 8))),
    "reals": reals,
    "analog": analog.decode(reals, 37, 29, snr_db=9.0),
    "link": keras.ops.convert_to_numpy(link((images, snr))),
}
picture = images[:1, :1, :1] + np.linspace(0, 0.1, 64 * 64 * 3, dtype=np.float32).reshape(1, 64, 64, 3)
errors = np.full((1, 2, 2, 6), 1e-3, np.float32)
found["restored"] = Restoration.load()(Estimate(picture, errors, np.float32([10])))
keras.utils.set_random_seed(1)
for net, shift_tolerant in (("alex", False), ("alex", True)):
    backbone = Backbone(net, shift_tolerant=shift_tolerant, dtype="float32")
    taps = backbone(picture)
    found[f"taps {shift_tolerant}"] = keras.ops.convert_to_numpy(taps[-1])
codec.save("again")
found["again"] = SemanticCodec.from_preset("again").decode(indices)
link.compile("sgd", "mse", jit_compile=False)
found["loss"] = np.float32(link.train_on_batch([images, snr], images))
np.savez(sys.argv[2], **found)
"""


def compare(name, outputs, reference):
    for i, value in enumerate(outputs):
        np.testing.assert_allclose(value, reference[f"{name}/{i}"], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", CONTRACT["CASES"])
def test_layer_is_rebuilt_from_its_config_and_gives_the_stored_output(name):
    with np.load(GOLDEN) as reference:
        compare(name, CONTRACT["check_config"](name), reference)


def test_layers_save_load_and_train_as_parts_of_a_model(tmp_path):
    CONTRACT["check_as_parts_of_a_model"](tmp_path)


def test_layers_do_all_this_on_jax(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed (pip install moclink[jax])")
    out = tmp_path / "jax.npz"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(out)],
        env={**os.environ, **JAX, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(out) as outputs, np.load(GOLDEN) as reference:
        assert sorted(outputs) == sorted(reference)
        for name in CONTRACT["CASES"]:
            compare(
                name,
                [outputs[key] for key in sorted(outputs) if key.startswith(f"{name}/")],
                reference,
            )


@pytest.mark.tensorflow_only("torch.compile takes a minute for it")
def test_gradient_reaches_every_weight_through_the_compiler():
    images = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
    inputs = keras.Input((16, 16, 3))
    z = Encoder(4, (8, 8), (1, 1), stem_kernel=3, **LIGHT)(inputs)
    outputs = Decoder(4, (8, 8), (1, 1), upsampling="shuffle", **LIGHT)(z)
    model = keras.Model(inputs, outputs)
    before = [weight.copy() for weight in model.get_weights()]
    model.compile(keras.optimizers.Adam(1e-2), "mae", jit_compile=True)
    losses = [model.train_on_batch(images, images) for _ in range(20)]
    assert losses[-1] < losses[0]
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


def test_small_stays_within_its_budget_of_operations():
    network = semantic_network(size("small"))
    assert 20e3 < macs_per_pixel(network.encoder, network.decoder, network.nrb) < 150e3


def outputs(folder, name, policy="-", settings=None):
    """What the codecs and the link give with a dtype policy and a keras.json."""
    home = folder / f"{name}-home"
    home.mkdir()
    if settings:
        (home / "keras.json").write_text(json.dumps(settings))
    environment = {
        **os.environ,
        "KERAS_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, policy, f"{name}.npz"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / f"{name}.npz") as found:
        return dict(found)


@pytest.fixture(scope="module")
def expected(codec, tmp_path_factory):
    """The folder of the codecs, and what they give in this process, where nothing is set."""
    folder = tmp_path_factory.mktemp("settings")
    codec.save(folder / "semantic")
    AnalogCodec.from_size("toy").save(folder / "analog")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["-c", "-", "plain.npz"])
        exec(PROGRAM, {})
    with np.load(folder / "plain.npz") as found:
        return folder, dict(found)


@pytest.mark.parametrize(
    ("name", "policy", "settings"),
    [
        ("policy", "mixed_bfloat16", None),
        (
            "json",
            "-",
            {"floatx": "float16", "image_data_format": "channels_first", "backend": "tensorflow"},
        ),
    ],
)
def test_policies_and_settings_of_the_user_change_nothing(expected, name, policy, settings):
    folder, plain = expected
    found = outputs(folder, name, policy, settings)
    assert found.keys() == plain.keys()
    for key, value in plain.items():
        assert found[key].dtype == value.dtype, key
        # The loss is handed over in the user's float type.
        np.testing.assert_allclose(
            found[key], value, atol=1e-3 if key == "loss" else 1e-6, err_msg=key
        )


@pytest.mark.parametrize("dtype", ["float32", "float16", "mixed_bfloat16"])
def test_precision_of_the_parts(dtype):
    """Distances between latents and code vectors and powers stay float32, but in files."""
    semantic, analog = (
        semantic_network(size("toy"), dtype),
        analog_network(analog_size("toy"), dtype),
    )
    exact = "float16" if dtype == "float16" else "float32"
    for part in (semantic.quantizer, analog.receiver):
        assert {weight.dtype for weight in part.weights} == {exact}
        assert part.compute_dtype == exact
    for part in (semantic.encoder, semantic.nrb, analog.decoder):
        assert {weight.dtype for weight in part.weights} == {exact}
        assert part.compute_dtype == dtype.removeprefix("mixed_")


def test_the_analog_network_has_a_receiver_only_if_its_config_has():
    config = analog_size("toy", 16)
    assert analog_network(config).receiver.log_power.shape == (16,)
    del config["receiver"]
    assert not hasattr(analog_network(config), "receiver")
