"""What a codec of a user's own returns is checked, row by row."""

import re

import numpy as np
import pytest

from moclink.errors import ChainError

OUT = np.full((1, 64, 96, 3), 0.25, np.float32)


@pytest.mark.parametrize(
    "sent,attributes,message",
    [
        (np.uint8([[1, 2]]), {}, "encode returned uint8; real or complex floats"),
        (np.float32([1, 2]), {}, r"encode returned \[2\]; \[1, ...\]"),
        (np.ones((2, 5)), {}, r"encode returned \[2, 5\]"),
        (np.float32([[1, np.nan]]), {}, "NaN or infinite"),
        (np.float32([[np.inf, 1]]), {}, "NaN or infinite"),
        (
            (np.ones((1, 8)), 0.3),
            {},
            r"returned tuple of ndarray \[1, 8\], 0.3; one array \[1, ...\]",
        ),
        ([np.ones((1, 8)), np.ones((1, 4))], {}, r"returned list of ndarray \[1, 8\], ndarray"),
        ({"y": np.ones((1, 8))}, {}, "encode returned dict; one array"),
        ([[[1], [0, 1]]], {"alphabet": 2}, "one array rows of whole numbers|rows of whole numbers"),
        (np.zeros((1, 8)), {}, "zeros alone, which have no power"),
        (np.ones((1, 4000)), {"cbr": "1/96"}, "made 2000 symbols of 64 x 96 pixels.* allows 192"),
        ([[0, 1, 2]], {"alphabet": 2}, "indices from 0 to 2; its alphabet is 2: 0 to 1"),
        ([[0.0, 1.0]], {"alphabet": 2}, "indices of float64; whole numbers"),
        (np.zeros((1, 0), int), {"alphabet": 2}, "0 indices"),
        (3, {"alphabet": 2}, r"encode returned 3; \[1, K\]"),
        (np.zeros((1, 9999), int), {"alphabet": 2, "cbr": 1 / 96}, "symbols of 64 x 96 pixels"),
    ],
)
def test_what_encode_returns_is_checked(photo, sent, attributes, message, fixed_codec, build_chain):
    with pytest.raises(ChainError, match=f"^chain mine: .*{message}") as error:
        build_chain(fixed_codec(sent, OUT, **attributes)).transmit(photo)
    assert "\n" not in str(error.value)


def test_padding_is_allowed_for_if_it_is_stated(fixed_codec, build_chain):
    """A picture of 65 x 97 pixels becomes 72 x 104, whole blocks of 8 pixels."""
    image = np.full((1, 65, 97, 3), 0.5, np.float32)
    reals = np.ones((1, 9 * 13 * 2 * 8))  # eight symbols per block, CBR 1/24
    with pytest.raises(ChainError, match="936 symbols of 65 x 97 pixels.*multiple"):
        build_chain(fixed_codec(reals, OUT, cbr=1 / 24)).transmit(image)
    assert (
        build_chain(fixed_codec(reals, OUT, cbr=1 / 24, multiple=8)).transmit(image).symbols.size
        == 936
    )


@pytest.mark.parametrize(
    "got,message",
    [
        (OUT[0], "decode returned 64 pictures of 1"),
        (OUT[:, :32], r"decode returned a picture \[32, 96, 3\]; \[64, 96, 3\]"),
        ((OUT * 255).astype(np.uint8), "decode returned uint8; floats"),
        (OUT * np.nan, "NaN or infinite"),
        (OUT * 255, "values from 63.8 to 63.8; .*divide by 255"),
        (3, "decode returned 3; pictures"),
        ([[OUT[0], 1]], "decode returned list of .*; one array a picture"),
        (lambda received: 1 / 0, "decode failed: ZeroDivisionError: division by zero"),
    ],
)
def test_what_decode_returns_is_checked_row_by_row(photo, got, message, fixed_codec, build_chain):
    chain = build_chain(fixed_codec(np.ones((1, 8)), got))
    sent = chain.transmit(photo)
    got = chain.receive(sent.symbols, np.float32([0.1]), sent.header)
    assert got.decoded.tolist() == [False] and (got.images == 0.5).all()
    assert len(got.problems) == 1 and np.char.find(got.problems[0], "decode") == 0
    assert re.search(message, got.problems[0])


@pytest.mark.parametrize("alphabet", [None, 8])
def test_one_row_that_fails_leaves_the_others(photo, alphabet, fixed_codec, build_chain):
    def decode(received):
        if (
            (np.asarray(received)[:, 0] < 0).any()
            if alphabet is None
            else (received[:, 0] == 7).any()
        ):
            raise RuntimeError("first value")
        return OUT.repeat(len(received), 0)

    attributes = {} if alphabet is None else {"alphabet": alphabet}
    values = np.ones((1, 8), np.float32) if alphabet is None else np.full((1, 8), 3)
    chain = build_chain(fixed_codec(values, decode, **attributes))
    sent = chain.transmit(photo)
    received = sent.symbols.repeat(3, 0)
    other = fixed_codec(np.array([[7] * 8]), decode, alphabet=8)
    received[1] = -received[1] if alphabet is None else build_chain(other).transmit(photo).symbols
    if alphabet:  # the scale is that of the first transmission
        scale = sent.header.scale[0] / build_chain(other).transmit(photo).header.scale[0]
        received[1] *= np.float32(scale)
    got = chain.receive(received, np.float32([1e-3] * 3), sent.header)
    assert got.decoded.tolist() == [True, False, True]
    assert got.problems == ("", "decode failed: RuntimeError: first value", "")
    assert np.allclose(got.images[[0, 2]], 0.25) and (got.images[1] == 0.5).all()
    if alphabet:
        assert chain.count_errors(sent, got).ier.tolist() == [0, 1, 0]


def test_overshoot_is_clipped_and_a_scale_of_minus_one_to_one_is_not(
    photo, fixed_codec, build_chain
):
    chain = build_chain(
        fixed_codec(np.ones((1, 8)), OUT * 4 * np.where(np.arange(96) % 2, 1, -1)[:, None])
    )
    sent = chain.transmit(photo)
    noisy = chain.receive(sent.symbols, np.float32([1.0]), sent.header)
    assert noisy.decoded.all() and set(np.unique(noisy.images)) == {0, 1}
    clean = chain.receive(sent.symbols, np.float32([1e-6]), sent.header)
    assert "values from -1 to 1" in clean.problems[0]
