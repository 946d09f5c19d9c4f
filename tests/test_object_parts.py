"""Codecs and channels that are objects: a run folder never mixes results of two of them."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

import moclink
from moclink.object_parts import changed_part, equal_parts, object_parts
from moclink.phy.channels import get_channel
from moclink.phy.fading import RayleighFading
from moclink.results.store import RunFolderError

GAIN = 1.0


class Blocks:
    """A codec with a weight, that also keeps what it saw last."""

    def __init__(self, gain=1.0):
        self.weights = {"gain": np.array([gain])}
        self.last = 0

    def encode(self, images):
        self.last += 1
        return (images[:, ::8, ::8] - 0.5) * self.weights["gain"]

    def decode(self, received, height, width):
        images = received / self.weights["gain"] + 0.5
        return images.repeat(8, 1).repeat(8, 2)[:, :height, :width]


class Named(Blocks):
    def encode(self, images):
        return images[:, ::8, ::8] * GAIN


def photo():
    return np.random.default_rng(1).integers(0, 256, (32, 40, 3), np.uint8)


def run(out, chains="softcast@1/24", snr=(10,), **options):
    return moclink.run(
        chains, snr, photo(), out=out, metrics="psnr", progress=False, **options
    ).rows()


def test_a_codec_whose_weights_have_changed_is_another_one(tmp_path):
    run(tmp_path / "run", [Blocks(1.0)])
    with pytest.raises(RunFolderError, match=r"another chain Blocks \(changed: weights\)"):
        run(tmp_path / "run", [Blocks(2.0)], snr=[10, 20])
    assert len(run(tmp_path / "run", [Blocks(1.0)], snr=[10, 20])) == 2


def test_what_a_codec_counts_while_it_works_is_no_matter(tmp_path):
    codec = Blocks()
    run(tmp_path / "run", [codec])
    assert codec.last > 0
    assert len(run(tmp_path / "run", [codec], snr=[10, 20])) == 2
    codec.weights["gain"] *= 3
    with pytest.raises(RunFolderError, match="weights"):
        run(tmp_path / "run", [codec], snr=[30])


def test_arguments_of_a_partial_are_looked_at(tmp_path):
    run(tmp_path / "run", [functools.partial(Blocks, gain=1.0)])
    with pytest.raises(RunFolderError, match="changed: arguments"):
        run(tmp_path / "run", [functools.partial(Blocks, gain=2.0)])


def test_constants_that_the_code_names_are_looked_at(monkeypatch):
    before = object_parts(Named())
    assert object_parts(Named()) == before
    monkeypatch.setitem(globals(), "GAIN", 2.0)
    assert changed_part({"it": before}, {"it": object_parts(Named())}) == ("it", "GAIN")


def test_a_version_speaks_for_the_weights():
    one, other = Blocks(1.0), Blocks(2.0)
    one.version = other.version = "epoch 3"
    assert object_parts(one) == object_parts(other)
    other.version = "epoch 4"
    assert changed_part({"": object_parts(one)}, {"": object_parts(other)}) == ("", "version")


def test_weights_of_keras_models_are_looked_at_and_their_numbering_is_not():
    import keras

    def model():
        return keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")]
        )

    one, other = model(), model()
    parts = object_parts(one)
    assert parts["weights"] == object_parts(other)["weights"]
    other.set_weights([2 * value for value in one.get_weights()])
    assert parts["weights"] != object_parts(other)["weights"]
    noise = [keras.layers.GaussianNoise(share) for share in (0.1, 0.1, 0.2)]
    configs = [object_parts(layer)["config"] for layer in noise]
    assert configs[0] == configs[1] != configs[2]


def test_state_dicts_as_of_pytorch_are_looked_at():
    class Module:
        def __init__(self, value):
            self._parameters = object()
            self.value = value

        def state_dict(self):
            return {"layer.weight": np.full(3, self.value)}

    assert object_parts(Module(1))["weights"] == object_parts(Module(1))["weights"]
    assert object_parts(Module(1))["weights"] != object_parts(Module(2))["weights"]


def test_what_is_not_known_is_left_out_and_loops_end():
    class Odd:
        def __init__(self):
            self.file = open(os.devnull)
            self.me = self
            self.parts = {"a": [1, {2, 3}], "b": (None, 4.0)}

    odd = Odd()
    parts = object_parts(odd)
    odd.file.close()
    assert "parts" in parts and "me" not in parts
    assert equal_parts({"it": parts}, {"it": {**parts, "parts": "x"}})["it"].keys() == (
        parts.keys() - {"parts"}
    )


def test_parts_are_the_same_in_every_process(tmp_path):
    """Neither order of sets and dicts nor addresses count: a run is resumed in another process."""
    (tmp_path / "theirs.py").write_text(
        "import numpy as np\n"
        "A, B, C = 1, 'two', 3.0\n"
        "class Codec:\n"
        "    def __init__(self):\n"
        "        self.names = {'x', 'y', 'z', 'w'}\n"
        "        self.table = {'k': np.arange(5), 'l': {1.5, 'm'}}\n"
        "    def encode(self, images):\n"
        "        return images * A * C + len(B)\n"
    )
    code = "import theirs, moclink.object_parts as o; print(sorted(o.object_parts(theirs.Codec()).items()))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
                "PYTHONHASHSEED": seed,
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1] and "'table'" in printed[0] and "'A'" in printed[0]


def test_a_channel_with_another_parameter_is_another_one(tmp_path):
    channel = RayleighFading(coherence=8)
    run(tmp_path / "run", channel=channel)
    with pytest.raises(
        RunFolderError, match=r"another channel RayleighFading \(changed: _coherence"
    ):
        run(tmp_path / "run", channel=RayleighFading(coherence=16), snr=[20])
    assert len(run(tmp_path / "run", channel=channel, snr=[20])) == 2  # as it is after its use
    assert len(run(tmp_path / "run", channel=RayleighFading(coherence=8), snr=[30])) == 3


def test_a_channel_file_that_was_edited_is_another_channel(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def mine(x, no):\n    return 1.0 * x\n")
    run(tmp_path / "run", channel=f"{file}:mine")
    file.write_text("def mine(x, no):\n    return 0.5 * x\n")
    with pytest.raises(RunFolderError, match=r"mine \(changed: file"):
        run(tmp_path / "run", channel=f"{file}:mine", snr=[20])


def test_a_function_cannot_pass_for_a_channel_of_moclink():
    def awgn(x, no):
        return x

    with pytest.raises(ValueError, match="channel awgn: moclink has a channel of this name"):
        get_channel(awgn)


def test_weights_that_a_name_gives_are_looked_at(tmp_path):
    from moclink.user_codec.chain_arguments import codec_digests

    (tmp_path / "codec.py").write_text("def make(weights): ...\n")
    (tmp_path / "a.npz").write_bytes(b"1")
    name = f"{tmp_path}/codec.py:make?weights={tmp_path}/a.npz"
    (tmp_path / "trained.json").write_text("{}")
    names = [name, f"{tmp_path}/trained:l2-hard"]
    before = codec_digests(names, {})
    assert codec_digests(names, {}) == before and len(before) == 2
    (tmp_path / "a.npz").write_bytes(b"2")
    (tmp_path / "trained.json").write_text("{ }")
    after = codec_digests(names, {})
    assert [one[1] != other[1] for one, other in zip(before, after, strict=True)] == [True, True]
