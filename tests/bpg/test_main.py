import numpy as np
import pytest
from PIL import Image

from moclink import bpg
from moclink.bpg.__main__ import main


def test_encode_info_decode(tmp_path, vector, capsys):
    Image.fromarray(vector.source).save(tmp_path / "in.png")
    coded, out = str(tmp_path / "a.bpg"), str(tmp_path / "out.png")
    options = ["--qp", str(vector.qp), "--chroma", vector.chroma, "--preset", "ultrafast", "--md5"]
    assert main(["encode", str(tmp_path / "in.png"), coded, *options]) == 0
    assert main(["info", coded]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert (shown["width"], shown["height"]) == tuple(str(side) for side in vector.source.shape[1::-1])
    assert (shown["chroma"], shown["supported"]) == (vector.chroma, "yes")
    assert main(["decode", coded, out, "--strict"]) == 0
    data = (tmp_path / "a.bpg").read_bytes()
    with Image.open(out) as image:
        np.testing.assert_array_equal(np.asarray(image), bpg.decode(data))


def test_decode_of_a_reference_file(tmp_path, vector):
    assert main(["decode", str(vector.path), str(tmp_path / "out.png")]) == 0
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), vector.decoded)


def test_info_says_why_a_file_is_refused(rdpcm_vector, capsys):
    assert main(["info", str(rdpcm_vector.path)]) == 0
    assert "implicit_rdpcm" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["decode", "{png}", "{out}"],
        ["decode", "{missing}", "{out}"],
        ["decode", "{bpg}", "{out}", "--max-pixels", "100"],
        ["encode", "{bpg}", "{out}"],
        ["encode", "{png}", "{out}", "--qp", "60"],
        ["info", "{png}"],
    ],
)
def test_errors_are_one_line_and_status_1(tmp_path, small_vector, capsys, arguments):
    names = {
        "png": tmp_path / "in.png",
        "bpg": small_vector.path,
        "missing": tmp_path / "no",
        "out": tmp_path / "o.png",
    }
    Image.fromarray(small_vector.source).save(names["png"])
    assert main([argument.format(**names) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("bpg: ") and error.count("\n") == 1
    assert not names["out"].exists()


def test_a_wrong_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["transcode"])
    assert "usage" in capsys.readouterr().err
