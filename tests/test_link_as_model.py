"""The semantic link as a Keras model: what it takes, and how it is saved, loaded and embedded."""

import keras
import numpy as np
import pytest
from sionna.phy import Block
from sionna.phy.channel import AWGN

from moclink.codec.codebook_initialization import initialize_codebooks
from moclink.codec.index_channel import IndexChannel
from moclink.codec.semantic_codec import SemanticCodec
from moclink.link import SemanticLink
from moclink.phy.engine import ON_TORCH
from moclink.phy.fading import RayleighFading
from moclink.phy.tensors import to_numpy

AWGN_PATH = "sionna.phy.channel.AWGN"


@pytest.fixture(scope="module")
def codec() -> SemanticCodec:
    """An untrained codec whose codebooks fit its latents."""
    keras.utils.set_random_seed(7)
    codec = SemanticCodec.from_size("toy")
    initialize_codebooks(
        codec.quantizer, keras.ops.convert_to_numpy(codec.encoder(pictures(8))), seed=1
    )
    return codec


def pictures(count: int, height: int = 37, width: int = 50) -> np.ndarray:
    """Smooth random pictures of odd size."""
    coarse = np.random.default_rng(5).uniform(size=(count, 6, 8, 3)).astype(np.float32)
    return np.clip(
        keras.ops.convert_to_numpy(keras.ops.image.resize(coarse, (height, width))), 0, 1
    )


def decibels(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


class Clean(Block):
    """No channel at all."""

    def call(self, x, no):
        return x


def test_images_are_floats_in_0_to_1_or_uint8(codec):
    link, snr = SemanticLink(codec, Clean()), decibels(60, 60)
    whole = np.rint(255 * pictures(2)).astype(np.uint8)
    expected = to_numpy(link((whole.astype(np.float32) / 255, snr)))
    assert np.allclose(to_numpy(link((whole, snr))), expected, atol=1e-6)
    assert np.allclose(link.predict([whole, snr], verbose=0), expected, atol=1e-5)
    for one in (decibels(60), 60, 60.0, [60, 60]):  # one SNR for all, or a list
        assert np.allclose(to_numpy(link((whole, one))), expected, atol=1e-6)
    link.compile("sgd", "mse", jit_compile=True)
    wrong = whole.astype(np.float32)
    calls = [
        lambda: link((wrong, snr)),
        lambda: link.encode(wrong),
        lambda: link.fit([wrong, snr], whole / 255, verbose=0),
        lambda: link.evaluate([wrong, snr], whole / 255, verbose=0),
        lambda: link.predict([wrong, snr], verbose=0),
        lambda: link.train_on_batch([wrong, snr], whole / 255),
        lambda: link.test_on_batch([wrong, snr], whole / 255),
        lambda: link.predict_on_batch([wrong, snr]),
    ]
    for call in calls:
        with pytest.raises(
            ValueError, match=r"images are float32 in 0\.\.255|in \d+\.\.25\d; give floats"
        ):
            call()
    with pytest.raises(ValueError, match=r"shape \(37, 50, 3\); they must be \[B, H, W, 3\]"):
        link((whole[0], snr[:1]))
    with pytest.raises(ValueError, match="int64"):
        link((whole.astype(np.int64), snr))


def test_what_a_dataset_brings_is_looked_at_in_the_graph(codec):
    link, wrong, snr = SemanticLink(codec, Clean()), 255 * pictures(2), decibels(60, 60)
    link.compile("sgd", "mse", jit_compile=False)
    if ON_TORCH:
        import torch

        batches, error, message = [((wrong, snr), wrong)], ValueError, "images are float32"
        batches = torch.utils.data.DataLoader(batches, batch_size=None)
    else:
        import tensorflow as tf

        batches = tf.data.Dataset.from_tensors(((wrong, snr), wrong))
        error, message = tf.errors.InvalidArgumentError, "images reach beyond 1"
    with pytest.raises(error, match=message):
        link.evaluate(batches, verbose=0)


def test_it_stands_in_a_functional_model(codec):
    images, snr_db = keras.Input((32, 32, 3)), keras.Input(())
    model = keras.Model([images, snr_db], SemanticLink(codec, Clean())((images, snr_db)))
    batch = [pictures(2, 32, 32), decibels(20, 20)]
    expected = to_numpy(SemanticLink(codec, Clean())(batch))
    assert np.allclose(to_numpy(model(batch)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("channel", "code"),
    [(AWGN_PATH, None), (AWGN, (100, 204)), (IndexChannel(8, seed=1), None)],
    ids=["awgn", "coded", "training"],
)
def test_a_link_is_saved_and_loaded_whole(codec, tmp_path, channel, code):
    images, snr = pictures(2), decibels(60, 60)
    link = SemanticLink(codec, channel, levels=3, code=code, train=("decoder",))
    expected = to_numpy(link((images, snr)))
    link.save(tmp_path / "link.keras")
    again = keras.models.load_model(tmp_path / "link.keras")
    assert np.allclose(to_numpy(again((images, snr))), expected, atol=1e-5)
    mine, theirs = link.get_config(), again.get_config()
    assert mine.pop("channel")["config"] == theirs.pop("channel")["config"] and mine == theirs
    assert [again.encoder.trainable, again.decoder.trainable] == [False, True]


def test_where_moclink_is_not_imported_keras_names_the_class(codec, tmp_path, monkeypatch):
    """What docs/limits.md says: the message names class and module, and HDF5 needs the class."""
    images, snr = pictures(1), decibels(60)
    link = SemanticLink(codec, AWGN_PATH)
    expected = to_numpy(link((images, snr)))
    link.save(tmp_path / "link.keras")
    link.save(tmp_path / "link.h5")
    given = {"SemanticLink": SemanticLink}
    again = keras.models.load_model(tmp_path / "link.h5", custom_objects=given, compile=False)
    assert np.allclose(to_numpy(again((images, snr))), expected, atol=1e-5)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "moclink>SemanticLink")
    with pytest.raises(TypeError, match=r"class 'SemanticLink'.*'module': 'moclink\.link'"):
        keras.models.load_model(tmp_path / "link.keras")
    with pytest.raises(ValueError, match="Unknown layer: 'SemanticLink'"):
        keras.models.load_model(tmp_path / "link.h5")


def test_checkpoints_are_kept_while_it_trains(codec, tmp_path):
    images, snr = pictures(4, 24, 24), np.full(4, 20, np.float32)
    link = SemanticLink(codec, AWGN_PATH)
    link.compile("adam", "mse", run_eagerly=True)
    keep = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="loss", save_best_only=True
    )
    link.fit([images, snr], images, epochs=1, verbose=0, callbacks=[keep])
    again = keras.models.load_model(tmp_path / "best.keras")
    for mine, theirs in zip(link.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_made_block_is_named_when_a_link_is_saved(codec, tmp_path):
    with pytest.raises(ValueError, match="made RayleighFading cannot be saved"):
        SemanticLink(codec, RayleighFading()).save(tmp_path / "link.keras")
    assert not list(tmp_path.iterdir())


def test_weights_are_saved_and_loaded_across_channels(codec, tmp_path):
    images, snr = pictures(2), decibels(60, 60)
    expected = to_numpy(SemanticLink(codec, Clean())((images, snr)))
    SemanticLink(codec, AWGN_PATH).save_weights(tmp_path / "link.weights.h5")
    for channel in (AWGN_PATH, RayleighFading(), IndexChannel(8, seed=1)):
        again = SemanticLink(SemanticCodec.from_size("toy"), channel)
        again.load_weights(tmp_path / "link.weights.h5")
        assert np.allclose(to_numpy(again((images, snr))), expected, atol=1e-4)


@pytest.mark.skipif(ON_TORCH, reason="of TensorFlow: tf.data, SavedModel, XLA")
def test_other_inputs_than_a_pair_are_one_line(codec):
    import tensorflow as tf

    link = SemanticLink(codec, AWGN_PATH)
    images, snrs = pictures(4), decibels(20, 20, 20, 20)
    pipeline = tf.data.Dataset.from_tensor_slices((images, snrs)).batch(2)  # Keras: (x, y)
    for call in (
        lambda: link(images, snrs),
        lambda: link({"images": images, "snr_db": snrs}),
        lambda: link.predict(pipeline, verbose=0),
    ):
        with pytest.raises(ValueError, match="inputs are no pair; give"):
            call()
    with pytest.raises(ValueError, match=r"snr_db is of shape \(3,\)"):
        link((images, snrs[:3]))


@pytest.mark.skipif(ON_TORCH, reason="of TensorFlow: tf.data, SavedModel, XLA")
@pytest.mark.parametrize("code", [None, (300, 600)])
def test_a_link_is_exported_for_pictures_of_any_size(codec, tmp_path, code):
    import tensorflow as tf

    link = SemanticLink(codec, Clean(), code=code)
    link((pictures(1), decibels(40)))
    link.export(str(tmp_path / "exported"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "exported"))
    for images in (pictures(2), pictures(1, 24, 19)):
        inputs = images, decibels(*[40] * len(images))
        np.testing.assert_allclose(served.serve(inputs), link(inputs), atol=1e-6)


@pytest.mark.parametrize("nested", [False, True])
def test_a_link_is_cloned(codec, nested):
    """clone_model makes a model with weights of its own, as Keras has it."""
    model = SemanticLink(codec, AWGN_PATH)
    inputs = pictures(2), decibels(20, 20)
    if nested:
        symbolic = keras.Input((37, 50, 3)), keras.Input((1,))
        model = keras.Model(list(symbolic), model(symbolic))
        inputs = [inputs[0], inputs[1][:, None]]
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert clone(inputs).shape == (2, 37, 50, 3)
    for one, other in zip(model.weights, clone.weights, strict=True):
        assert one is not other
        np.testing.assert_array_equal(to_numpy(one.value), to_numpy(other.value))


def test_a_training_goes_on_from_its_backup(codec, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    def fit(*callbacks):
        link = SemanticLink(codec, AWGN_PATH)
        link.compile("adam", "mse")
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
        inputs = [pictures(2), decibels(20, 20)]
        return link.fit(inputs, inputs[0], epochs=3, verbose=0, callbacks=[backup, *callbacks])

    before = codec.network.get_weights()
    try:
        with pytest.raises(InterruptedError):
            fit(Stop())
        assert fit().epoch == [2]
    finally:
        codec.network.set_weights(before)


@pytest.mark.skipif(ON_TORCH, reason="of TensorFlow: tf.data, SavedModel, XLA")
def test_a_coded_link_is_compiled_by_xla(codec):
    link = SemanticLink(codec, AWGN_PATH, code=(300, 600), train=())
    link.compile("adam", "mse", jit_compile=True)
    inputs = [pictures(2), decibels(30, 30)]
    compiled = link.predict(inputs, verbose=0)
    np.testing.assert_allclose(compiled, link(inputs), atol=2e-5)
