"""What encoder and decoder share: geometry, stages, and a network that starts as nothing."""

import numpy as np
import pytest
from keras import ops

from moclink.codec.decoder import Decoder
from moclink.codec.encoder import Encoder

HALVES = pytest.mark.parametrize("half", [Encoder, Decoder])


@HALVES
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((8, 8, 8), (0, 0, 0), 1), "patch 1 with 3 widths reduces by 4; .* must be 8"),
        (((8, 8), (0, 0), 8), "reduces by 16"),
        (((8, 8), (0,), 4), r"widths \(8, 8\) and depths \(0,\) must be of one length"),
    ],
)
def test_geometry_that_does_not_change_by_eight_is_refused(half, arguments, message):
    widths, depths, patch = arguments
    with pytest.raises(ValueError, match=message):
        half(4, widths, depths, patch=patch)
    with pytest.raises(ValueError, match="'batch'.*none, rms, group"):
        half(4, (8, 8), (0, 0), patch=4, normalization="batch")


@HALVES
def test_blocks_belong_to_the_stages_of_their_widths(half):
    layer = half(4, (4, 8, 12, 16), (2, 0, 1, 3), patch=1, normalization="none")
    layer.build((None, None, None, 3 if half is Encoder else 4))
    assert [len(layer.stage(i)) for i in range(4)] == [2, 0, 1, 3]
    assert [block for i in range(4) for block in layer.stage(i)] == layer.blocks
    for i, width in enumerate((4, 8, 12, 16)):
        for block in layer.stage(i):
            assert {conv.kernel.shape for conv in block.convs} == {(3, 3, width, width)}


@HALVES
def test_beside_a_linear_path_the_network_starts_as_nothing(half):
    options = {"patch": 4, "normalization": "none", "linear_path": True}
    layer, shape = (
        half(4, (8, 8), (1, 1), **options),
        (1, 2, 3, 4) if half is Decoder else (1, 16, 24, 3),
    )
    x = np.random.default_rng(1).random(shape).astype(np.float32)
    layer.build((None, None, None, shape[-1]))
    layer.linear.assign(np.zeros(layer.linear.shape))
    found = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(found, np.full_like(found, 0.5 if half is Decoder else 0))
    plain = half(4, (8, 8), (1, 1), **{**options, "linear_path": False})
    assert np.ptp(ops.convert_to_numpy(plain(x))) > 0.01
