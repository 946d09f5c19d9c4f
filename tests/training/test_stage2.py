"""Stage 2: the noise reduction block is trained, and nothing else."""

import numpy as np

from moclink.training.stage2 import Stage2, Stage2Options


def test_stage_2_trains_the_nrb_alone(started, feeder, held_out):
    fixed = (started.encoder, started.quantizer, started.decoder)
    frozen = [np.array(v) for part in fixed for v in part.weights]
    nrb = [np.array(v) for v in started.nrb.weights]
    parts = (*fixed, started.nrb)
    stage = Stage2(*parts, feeder, held_out, Stage2Options(jit=False))
    for step in range(2):
        found = stage.train(step, 1e-3)
    assert {"loss", "style", "feature", "pixel", "psnr"} == set(found)
    now = [np.array(v) for part in fixed for v in part.weights]
    assert all(np.array_equal(a, b) for a, b in zip(frozen, now, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(nrb, started.nrb.weights, strict=True))
    figures, pictures = stage.validate()
    assert figures["plain_20dB"] > figures["plain_0dB"] and pictures["0"].dtype == np.uint8
