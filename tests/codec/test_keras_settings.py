"""Keras set up by its user in another way: nothing breaks, and nothing comes out differently."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moclink.codec.analog_codec import AnalogCodec

PROGRAM = """
import sys
import keras
import numpy as np
if sys.argv[1] != "-":
    keras.config.set_dtype_policy(sys.argv[1])
from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.semantic_codec import SemanticCodec
from moclink.link import SemanticLink
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
    "link": np.asarray(link((images, snr))),
}
codec.save("again")
found["again"] = SemanticCodec.from_preset("again").decode(indices)
link.compile("sgd", "mse", jit_compile=False)
found["loss"] = np.float32(link.train_on_batch([images, snr], images))
np.savez(sys.argv[2], **found)
"""


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
    folder = tmp_path_factory.mktemp("settings")
    codec.save(folder / "semantic")
    AnalogCodec.from_size("toy").save(folder / "analog")
    return folder, outputs(folder, "plain")


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
