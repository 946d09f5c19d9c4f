"""The arguments of `moclink.run`: text or lists, and each wrong one named."""

import numpy as np
import pytest

import moclink
from moclink.images import read_image, sample_paths


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[80:149, 100:203]


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"chains": []}, "chains is empty"),
        ({"chains": "jpeg-lpdc"}, "did you mean jpeg-ldpc"),
        ({"chains": [3]}, "neither a chain's name nor a chain"),
        ({"channel": "agwn"}, "did you mean awgn"),
        ({"channel": 3}, "channel 3: a name, a Sionna block"),
        ({"channel": None}, "channel None: a name, a Sionna block"),
        ({"channel": "ch.py"}, "channel 'ch.py': say what in the file"),
        ({"metrics": ["psnr", "vmaf"]}, "metrics 'vmaf': there are psnr"),
        ({"chains": 3}, "chains 3: give names"),
        ({"chains": "moc-rvq-l9"}, "'moc-rvq-l9': there is no level 9; give l1 to l4"),
        ({"chains": "jpeg-ldpc-qpsk-r13", "code": "wifi648"}, "chain 'jpeg-ldpc-qpsk-r13': --code"),
        ({"snr": "4:0"}, "snr 4:0: the stop lies below the start"),
        ({"snr": "loud"}, "snr loud: not a number of dB"),
        ({"cbr": 2}, "CBR 2: give symbols per value, above 0 and up to 1"),
        ({"cbr": [None]}, "cbr None: give a ratio"),
        ({"images": 3}, "images 3: give files or folders, uint8 arrays"),
        ({"images": [3]}, "image 1 is 3; give uint8"),
        ({"images": b"photo.png"}, "images b'photo.png': give files"),
        ({"channel": object}, "channel object: an object of it cannot be called as block"),
        ({"cluster": 3}, "cluster 3: an address is wanted"),
        ({"images": np.zeros((8, 8, 5), np.uint8)}, "image 1 is uint8 .8, 8, 5.; give uint8"),
        ({"workers": 0}, "workers 0: a whole number of at least 1"),
        ({"memory": "much"}, "--memory much: give an amount such as 4G"),
        ({"out": 3}, "out 3: the path of a folder"),
        ({"seed": None}, "seed None: a whole number"),
        (
            {
                "chains": "jpeg-ldpc-adaptive",
                "cbr": "1/100000",
                "images": np.zeros((8, 24, 3), np.uint8),
            },
            "chain jpeg-ldpc-adaptive@1/100000, pictures of 24 x 8 pixels: 1 symbols carry no transport",
        ),
        ({"match": "bits"}, "match 'bits': there are source-bits, symbols"),
        ({"trials": 0}, "trials 0: a whole number of at least 1"),
        ({"trials": 1.5}, "trials 1.5: a whole number"),
        ({"images": np.zeros((8, 8, 3))}, "give uint8"),
        ({"images": []}, "images is empty"),
        ({"images": "nowhere.png"}, "no such image or folder: nowhere.png"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_written(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        moclink.run(**{"chains": "jpeg-ldpc", "snr": 5, "out": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_a_chain_named_twice_runs_once(photo, tmp_path):
    run = moclink.run(["softcast@1/24", "softcast@2/48"], 5, [photo], out=tmp_path, progress=False)
    assert len(run.rows()) == 1


def test_arguments_are_what_the_command_line_takes(photo, tmp_path):
    """Text for lists, and pictures of every kind: the same rows."""
    from PIL import Image

    options = {"out": tmp_path, "progress": False}
    rows = moclink.run("jpeg-ldpc,softcast", "10:20:10", photo, metrics="psnr", **options).rows()
    assert len(rows) == 4 and all(row.ssim is None and row.psnr_db for row in rows)
    again = moclink.run(
        ["jpeg-ldpc", "softcast"], [10, 20], Image.fromarray(photo), metrics="psnr", **options
    )
    assert again.rows() == rows
