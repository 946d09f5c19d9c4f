import io
import os
import subprocess
import sys
from pathlib import Path

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
    assert (shown["width"], shown["height"]) == tuple(
        str(side) for side in vector.source.shape[1::-1]
    )
    assert (shown["chroma"], shown["supported"]) == (vector.chroma, "yes")
    assert main(["decode", coded, out]) == 0
    data = (tmp_path / "a.bpg").read_bytes()
    with Image.open(out) as image:
        np.testing.assert_array_equal(np.asarray(image), bpg.decode(data))


def test_decode_of_a_reference_file(tmp_path, vector):
    assert main(["decode", str(vector.path), str(tmp_path / "out.png")]) == 0
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image), vector.decoded)


def test_decode_of_alpha_keeps_it(tmp_path, further, capsys):
    if bpg.decode(further.path.read_bytes()).shape[-1] == 4:
        assert main(["decode", str(further.path), str(tmp_path / "out.jpg")]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "JPEG cannot hold this picture" in line and "such as .png" in line
    assert main(["decode", str(further.path), str(tmp_path / "out.png")]) == 0
    with Image.open(tmp_path / "out.png") as image:
        assert np.asarray(image).shape == further.shape


def coded(tmp_path, picture: Image.Image, **options: object) -> np.ndarray:
    """What the command line makes of a picture."""
    picture.save(tmp_path / "in.png", **options)
    arguments = [
        "encode",
        str(tmp_path / "in.png"),
        str(tmp_path / "a.bpg"),
        "--qp",
        "5",
        "--chroma",
        "444",
    ]
    assert main(arguments) == 0
    return bpg.decode((tmp_path / "a.bpg").read_bytes(), strict=True).astype(int)


def test_encode_scales_16_bits(tmp_path):
    grey = np.linspace(0, 65535, 32 * 48).reshape(32, 48).astype(np.uint16)
    image = coded(tmp_path, Image.fromarray(grey))
    assert np.abs(image - grey[..., None] / 257).max() < 4


def test_encode_lays_alpha_on_white(tmp_path):
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 8:, 3] = 255
    image = coded(tmp_path, Image.fromarray(pixels))
    assert image[:, :4].min() > 250 and image[:, 12:].max() < 5


def test_encode_turns_the_picture_upright(tmp_path, small_vector):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = coded(tmp_path, Image.fromarray(small_vector.source), exif=exif)
    assert np.abs(image - np.rot90(small_vector.source, -1)).mean() < 3


def test_a_truncated_file_is_refused_and_shown_on_demand(tmp_path, vector, capsys):
    """The reference files do not state their length."""
    (tmp_path / "cut.bpg").write_bytes(vector.data[:-40])
    arguments = ["decode", str(tmp_path / "cut.bpg"), str(tmp_path / "out.png")]
    assert main(arguments) == 1
    assert "truncated" in capsys.readouterr().err and not (tmp_path / "out.png").exists()
    assert main([*arguments, "--damaged"]) == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == vector.decoded.shape[1::-1]


def test_info_says_why_a_file_is_refused(rdpcm_vector, capsys):
    assert main(["info", str(rdpcm_vector.path)]) == 0
    assert "implicit_rdpcm" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["decode", "{png}", "{out}"],
        ["decode", "{missing}", "{out}"],
        ["decode", "{bpg}", "{out}", "--max-pixels", "100"],
        ["encode", "{text}", "{out}"],
        ["encode", "{png}", "{out}", "--qp", "60"],
        ["info", "{png}"],
    ],
)
def test_errors_are_one_line_and_status_1(tmp_path, small_vector, capsys, arguments):
    names = {
        "png": tmp_path / "in.png",
        "bpg": small_vector.path,
        "missing": tmp_path / "no",
        "text": tmp_path / "text.png",
        "out": tmp_path / "o.png",
    }
    Image.fromarray(small_vector.source).save(names["png"])
    names["text"].write_text("no picture")
    assert main([argument.format(**names) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("bpg: ") and error.count("\n") == 1
    assert not names["out"].exists()


def test_a_wrong_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["transcode"])
    assert "usage" in capsys.readouterr().err


def test_what_is_read_is_not_written_over(tmp_path, small_vector, capsys):
    picture, coded = tmp_path / "in.png", tmp_path / "a.bpg"
    Image.fromarray(small_vector.source).save(picture)
    coded.write_bytes(small_vector.path.read_bytes())
    (tmp_path / "link.png").symlink_to(picture)
    kept = picture.read_bytes(), coded.read_bytes()
    for arguments, problem in (
        (["encode", picture, picture], "that is the file to read"),
        (["encode", picture, tmp_path / "link.png"], "that is the file to read"),
        (["encode", picture, tmp_path / "b.png"], "give it the ending .bpg"),
        (["decode", coded, coded], "that is the file to read"),
        (["decode", coded, tmp_path / "no" / "x.png"], "there is no folder"),
        (["decode", coded, tmp_path / "x.psd"], "name a picture file with an ending such as .png"),
        (["encode", picture, tmp_path / "no" / "x.bpg"], "there is no folder"),
        (["decode", tmp_path / "-", tmp_path / "x.png"], "-: No such file"),
    ):
        assert main(list(map(str, arguments))) == 1
        error = capsys.readouterr().err
        assert problem in error and error.count("\n") == 1 and ".part" not in error
    assert kept == (picture.read_bytes(), coded.read_bytes()) and not (tmp_path / "b.png").exists()


def test_standard_streams_may_be_read_and_written(tmp_path, small_vector):
    picture, coded = tmp_path / "in.png", small_vector.path.read_bytes()
    Image.fromarray(small_vector.source).save(picture)
    assert main(["encode", str(picture), str(tmp_path / "a.bpg"), "--preset", "ultrafast"]) == 0

    def run(words: str, given: bytes) -> bytes:
        command = [sys.executable, "-m", "moclink.bpg", *words.split()]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, input=given, capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    expected = (tmp_path / "a.bpg").read_bytes()
    assert run("encode - - --preset ultrafast", picture.read_bytes()) == expected
    if os.path.exists("/dev/stdin"):
        words = "encode /dev/stdin /dev/stdout --preset ultrafast"
        assert run(words, picture.read_bytes()) == expected
    with Image.open(io.BytesIO(run("decode - -", coded))) as image:
        np.testing.assert_array_equal(np.asarray(image), small_vector.decoded)
    assert b"supported                yes" in run("info -", coded)


def test_a_tilde_is_the_home_folder(tmp_path, small_vector, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(small_vector.source).save(tmp_path / "in.png")
    assert main(["encode", "~/in.png", "~/a.bpg", "--preset", "ultrafast"]) == 0
    assert main(["decode", "~/a.bpg", "~/out.png"]) == 0 and (tmp_path / "out.png").is_file()
    assert main(["info", "~/a.bpg"]) == 0 and "420" in capsys.readouterr().out
