"""Objects as bytes for worker processes: Keras layers of classes that Keras does not know."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import moclink
from moclink.sweep.object_pickles import dumps, loads


def own_model():
    class Halving(layers.Layer):
        def call(self, x):
            return x / 2

    class Model(keras.Model):
        """An analog codec: means of 8x8 blocks."""

        def __init__(self, **options):
            super().__init__(**options)
            self.halving = Halving()
            self.down = layers.AveragePooling2D(8)
            self.up = layers.UpSampling2D(8)

        def call(self, images):
            return self.decode(self.encode(images))

        def encode(self, images):
            return self.down(self.halving(images))

        def decode(self, y):
            return 2 * self.up(y)

    made = Model()
    made(np.zeros((1, 16, 16, 3), np.float32))
    return made


class Holder:
    """A codec that is no layer and holds one."""

    def __init__(self, model):
        self.model = model

    def encode(self, images):
        return self.model.encode(images)

    def decode(self, y):
        return self.model.decode(y)


def test_a_process_that_does_not_know_the_class_reads_it(tmp_path):
    images = np.random.default_rng(0).random((1, 16, 16, 3)).astype(np.float32)
    functional = keras.Sequential([keras.Input((16, 16, 3)), type(own_model().halving)()])
    made = {"model": own_model(), "within": [own_model()], "functional": functional}
    (tmp_path / "made").write_bytes(dumps(made))
    np.save(tmp_path / "images.npy", images)
    program = (
        "import sys, numpy as np; from moclink.sweep.object_pickles import loads\n"
        "made = loads(open(sys.argv[1] + '/made', 'rb').read())\n"
        "images = np.load(sys.argv[1] + '/images.npy')\n"
        "found = [f(images) for f in (made['model'], made['within'][0], made['functional'])]\n"
        "np.savez(sys.argv[1] + '/found.npz', *map(np.asarray, found))"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    found = np.load(tmp_path / "found.npz")
    for name, model in zip(
        found.files, (made["model"], made["within"][0], functional), strict=True
    ):
        np.testing.assert_array_equal(found[name], np.asarray(model(images)))


def test_what_has_no_layer_in_it_is_read_back():
    assert loads(dumps({"a": [1, (2.5, None)]})) == {"a": [1, (2.5, None)]}


@pytest.mark.parametrize(
    "wrap", [lambda model: model, Holder], ids=["a model", "a class that holds it"]
)
def test_rows_are_the_same_whoever_computes_them(wrap, tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)

    def rows(workers):
        out = tmp_path / str(workers)
        codec = wrap(own_model())
        run = moclink.run(
            [codec], [10], image, metrics="psnr", workers=workers, out=out, progress=False
        )
        return run.rows()

    assert rows(2) == rows(1)


def test_a_layer_as_channel_reaches_worker_processes(tmp_path):
    class Halved(layers.Layer):
        def call(self, x, no):
            return x / 2

    image = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)

    def rows(workers):
        out = tmp_path / str(workers)
        options = dict(channel=Halved(), metrics="psnr", workers=workers, out=out, progress=False)
        return moclink.run("softcast@1/24", [10], image, **options).rows()

    assert rows(2) == rows(1)
