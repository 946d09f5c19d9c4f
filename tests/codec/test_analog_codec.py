"""The analog codec from NumPy to NumPy: power, stripes, files."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.analog_receiver import power_normalize
from moclink.codec.tiling import PositionLimit


def test_analog_codec_sends_unit_power_and_comes_back_from_a_file(
    tmp_path, pictures, loud, copy_of
):
    codec = loud(AnalogCodec.from_size("toy"))
    images = pictures(2, 61, 45)
    reals = codec.encode(images)
    assert reals.shape == (2, 8, 6, 96)
    symbols = reals[..., ::2] + 1j * reals[..., 1::2]
    np.testing.assert_allclose((np.abs(symbols) ** 2).mean((1, 2, 3)), 1, atol=1e-5)
    z = ops.convert_to_numpy(codec.encoder(images))
    np.testing.assert_allclose(reals, ops.convert_to_numpy(power_normalize(z)), atol=1e-5)
    decoded = codec.decode(reals, 61, 45)
    assert decoded.shape == images.shape
    striped = copy_of(codec, PositionLimit(positions=48)).decode(reals, 61, 45)
    np.testing.assert_allclose(striped, decoded, atol=1e-5)
    loaded = AnalogCodec.from_preset(codec.save(tmp_path / "analog"))
    assert np.abs(loaded.decode(reals, 61, 45) - decoded).max() < 0.01
    with pytest.raises(ValueError, match=r"\[B, h, w, 96\]"):
        codec.decode(reals[..., :90])
    with pytest.raises(ValueError, match="height is 65; it must be 1 to 64"):
        codec.decode(reals, 65)
