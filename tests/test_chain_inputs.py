"""What chains are given to transmit: arrays of the right shape, and the state of the channel."""

from dataclasses import replace

import numpy as np
import pytest

from moclink.chain_factory import make_chain
from moclink.chain_inputs import check_lengths, check_sent
from moclink.presets import ChainOptions
from moclink.types import ChannelState, Header

IMAGE = np.linspace(0, 1, 8 * 16 * 3, dtype=np.float32).reshape(1, 8, 16, 3)


def test_lists_and_tensors_become_arrays():
    class Tensor:  # as those of TensorFlow and PyTorch
        def __array__(self, dtype=None, copy=None):
            return IMAGE

    for images in (IMAGE, IMAGE.tolist(), Tensor()):
        assert np.allclose(check_sent(images, ChannelState(np.float32(3))), IMAGE)


@pytest.mark.parametrize(
    "images", [IMAGE[0], IMAGE[None], IMAGE[..., :1], IMAGE[:0], np.dstack([IMAGE[0]] * 2)[None], 3]
)
def test_other_shapes_are_refused(images):
    with pytest.raises(
        ValueError, match=r"they must be \[B, H, W, 3\], of one image image\[None\]"
    ):
        check_sent(images, None)


def test_the_mask_of_an_array_is_not_dropped():
    with pytest.raises(ValueError, match=r"images is a masked array; .*\.filled\(0\)"):
        check_sent(np.ma.masked_array(IMAGE, IMAGE > 0.5), None)


@pytest.mark.parametrize(
    "csi",
    [
        10.0,
        "10",
        {"snr_db": 10},
        ChannelState("10"),
        ChannelState([1]),
        ChannelState(np.nan),
        ChannelState(np.inf),
    ],
)
def test_a_number_of_db_is_no_channel_state(csi):
    with pytest.raises(ValueError, match=r"csi is .*; give .*ChannelState\(snr_db=10.0\)"):
        check_sent(IMAGE, csi)


@pytest.mark.parametrize(
    "name", ["softcast", "jpeg-ldpc", "jpeg-capacity", "jscc-96-paper", "moc-rvq-l1"]
)
def test_every_kind_of_chain_looks_at_what_it_is_given(name):
    chain = make_chain(name)
    with pytest.raises(ValueError, match="ChannelState"):
        chain.transmit(IMAGE, 10.0)
    sent = chain.transmit(IMAGE.tolist(), ChannelState(10.0))
    assert np.array_equal(sent.symbols, chain.transmit(IMAGE, ChannelState(10.0)).symbols)
    assert sent.header.symbols == sent.symbols.shape[1]
    with pytest.raises(ValueError, match="the transmission of this header"):
        chain.receive(sent.symbols[:, 1:], np.float32([0.1]), sent.header)
    with pytest.raises(ValueError, match="no holds what is no noise variance"):
        chain.receive(sent.symbols, np.float32([0]), sent.header)
    with np.errstate(all="raise"):  # as a program may have set while it looks for a fault
        flat = chain.transmit(np.full_like(IMAGE, 1.0), ChannelState(10.0))
        images = chain.receive(flat.symbols, np.float32([1e-3]), flat.header).images
    assert images.shape == IMAGE.shape and np.isfinite(images).all()


def test_an_ideal_code_has_no_infinite_capacity():
    chain = make_chain("jpeg-capacity")
    with pytest.raises(ValueError, match=r"the capacity at 1e\+09 dB is not finite; give up to"):
        chain.transmit(IMAGE, ChannelState(1e9))


@pytest.mark.parametrize("lengths", [(), (-1,), (10**9,)])
def test_lengths_of_another_header_are_refused(lengths):
    chain = make_chain("jpeg-ldpc")
    sent = chain.transmit(IMAGE)
    with pytest.raises(ValueError, match="give the header of what was received"):
        chain.receive(sent.symbols, [0.1], replace(sent.header, lengths=lengths))


def test_lengths_are_those_of_the_indices_received():
    check_lengths(Header(8, 8, (0, 99)), 99)
    with pytest.raises(ValueError, match=r"lengths \[3, 100\], and 99 indices were received"):
        check_lengths(Header(8, 8, (3, 100)), 99)


def test_errors_are_counted_of_one_transmission():
    files, learned = make_chain("jpeg-ldpc"), make_chain("moc-rvq-l1")
    bits, indices = files.transmit(IMAGE), learned.transmit(IMAGE)
    received = files.receive(bits.symbols, [0.01], bits.header)
    assert files.count_errors(bits, received).ber == 0
    with pytest.raises(ValueError, match="indices up to 7 were sent, and .* below 2 received"):
        files.count_errors(indices, received)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"match": "bits"}, {"code": "LDPC"}, {"ldpc": "quick"}, {"receiver": "Soft"}),
        *({"outage": "gray"}, {"harq": 0}, {"harq": 1.5}),
    ],
)
def test_options_of_chains_are_looked_at_when_they_are_made(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name} {value!r}: "):
        ChainOptions(**wrong)
