"""The stage of the analog codec."""

import keras
import numpy as np

from moclink.codec.analog_codec import AnalogCodec
from moclink.codec.sizes import analog_size
from moclink.training.jscc import JSCC, JSCCOptions


def test_the_analog_stage_gains_with_snr(feeder, held_out):
    keras.utils.set_random_seed(3)
    codec = AnalogCodec(analog_size("toy", 16))
    parts = (codec.encoder, codec.decoder, codec.receiver)
    stage = JSCC(*parts, feeder, held_out, JSCCOptions(jit=False))
    assert np.isfinite(stage.train(0, 1e-4)["loss"])
    figures, _ = stage.validate()
    assert figures["20dB"] > figures["10dB"] > figures["0dB"]
