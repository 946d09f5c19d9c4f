"""Runs with codecs of a user's own: beside named chains, in workers, resumed, with bad pictures."""

import inspect
import sys
import threading

import cloudpickle
import numpy as np
import pytest

import moclink
from moclink.chain_factory import make_chain
from moclink.images import Picture, read_image, sample_paths
from moclink.results.store import RunFolderError, read_rate_fits
from moclink.simulate import main

FILE = """
import numpy as np

class Pixels:
    def __init__(self, options):
        self.rng = np.random.default_rng(options.seed)

    def encode(self, images):
        if images.shape[1] == 40:
            raise RuntimeError("forty lines")
        return images[:, ::8, ::8] - 0.5

    def decode(self, received, height, width, snr_db):
        if snr_db.max() < 3:
            raise RuntimeError("too noisy")
        if (snr_db < 3).any():
            return None
        return (received.repeat(8, 1).repeat(8, 2) + 0.5)[:, :height, :width]
"""


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[80:149, 100:203]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


class Shades:
    """A codec that is made in a notebook, say."""

    name = "shades"

    def encode(self, images):
        return images.mean(axis=(1, 2)) - 0.5

    def decode(self, received, height, width):
        shape = (len(received), height, width, 3)
        return np.broadcast_to(received[:, None, None] + 0.5, shape)


def test_codecs_run_beside_named_chains_and_in_workers(file, photo, tmp_path):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    chains = [f"{file}:Pixels", "jpeg-ldpc", Shades()]
    options = {"images": photo, "snr": [0, 20], "progress": False}
    one = moclink.run(chains, out=tmp_path / "a", **options)
    two = moclink.run(chains, out=tmp_path / "b", workers=2, **options)
    assert one.rows() == two.rows() and len(one.rows()) == 6
    assert [name for name, _ in one.parameters["codecs"]] == [f"{file}:Pixels", "shades"]
    rows = {(row.chain, row.snr_db): row for row in one.rows()}
    lost, seen = rows[f"{file}:Pixels", 0], rows[f"{file}:Pixels", 20]
    assert (lost.outage, seen.outage) == (1, 0) and seen.psnr_db > 12
    assert seen.symbols == -(-69 // 8) * -(-103 // 8) * 3 // 2 + 1 and seen.energy == pytest.approx(
        1
    )
    assert rows["shades", 20].symbols == 2 and rows["shades", 20].psnr_db > 10
    reasons = {fit[:3]: fit[-1] for fit in read_rate_fits(tmp_path / "a") if fit[-1]}
    assert list(reasons.values()) == ["decode failed: RuntimeError: too noisy"]


def test_a_bad_picture_does_not_end_a_run(file, photo, tmp_path, capsys):
    pictures = [Picture("good", photo), Picture("bad", photo[:40])]
    run = moclink.run(f"{file}:Pixels", [10, 20], pictures, out=tmp_path / "a", progress=False)
    rows = {(row.image, row.snr_db): row for row in run.rows()}
    assert [row.outage for row in rows.values()] == [0, 0, 1, 1]
    bad = rows["bad", 20]
    assert bad.symbols is None and bad.cbr is None and bad.psnr_db > 5 and bad.height == 40
    assert "forty lines" in str(read_rate_fits(tmp_path / "a"))
    assert "MIMO" not in run.table()  # it is drawn and tabulated as any other
    assert len(run.plot().axes) == 2


def test_what_never_works_is_said_before_anything_is_written(file, photo, tmp_path):
    with pytest.raises(ValueError, match="encode failed: RuntimeError: forty lines .picture a."):
        moclink.run(
            f"{file}:Pixels", 20, [Picture("a", photo[:40])], out=tmp_path / "r", progress=False
        )
    assert not (tmp_path / "r").exists()


def test_a_codec_that_has_changed_does_not_go_on(file, photo, tmp_path):
    def go(*chains):
        return moclink.run(chains, 20, photo, out=tmp_path / "r", progress=False)

    go("jpeg-ldpc")
    before = go(f"{file}:Pixels").rows()
    go("jpeg-ldpc")
    assert go(f"{file}:Pixels").rows() == before
    file.write_text(FILE.replace("8", "4"))
    with pytest.raises(RunFolderError, match="another version of .*mine.py:Pixels; choose another"):
        go(f"{file}:Pixels")


@pytest.mark.parametrize(
    "chains,message",
    [
        ("nowhere.py:C", "there is no file nowhere.py"),
        ("no_such:C", "there is no module no_such"),
        ("exec:no-such-program", "there is no program no-such-program"),
    ],
)
def test_the_command_line_says_what_is_wrong(chains, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--chains", chains, "--snr", "20"]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_what_was_wrong_with_a_picture_is_told_at_the_end(file, photo, tmp_path, capsys):
    from PIL import Image

    for name, pixels in (("good", photo), ("short", photo[:40])):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    arguments = ["--chains", f"{file}:Pixels,jpeg-ldpc", "--snr", "20", "--workers", "1"]
    images = ["--images", str(tmp_path), "--out", str(tmp_path / "r")]
    assert main([*arguments, *images]) == 0
    error = capsys.readouterr().err
    assert "Pixels, short at 20 dB: an outage, since encode failed: RuntimeError: forty" in error


def test_an_object_whose_source_has_changed_does_not_go_on(photo, tmp_path, monkeypatch):
    def go():
        return moclink.run([Shades()], 20, photo, out=tmp_path / "r", progress=False).rows()

    assert go() == go()
    source = inspect.getsource(Shades)
    monkeypatch.setattr(inspect, "getsource", lambda kind: source.replace("0.5", "0.4"))
    with pytest.raises(RunFolderError, match="another version of shades; choose another --out"):
        go()


def test_an_object_cannot_pass_for_a_chain_of_moclink(photo, tmp_path):
    class Mine(Shades):
        name = "softcast"

    with pytest.raises(ValueError, match="chain softcast: moclink has a chain of this name"):
        moclink.run([Mine()], 20, photo, out=tmp_path / "r", progress=False)
    made = make_chain("softcast@1/24")  # one of moclink's own may have it
    rows = moclink.run([made], 20, photo, out=tmp_path / "r", progress=False).rows()
    assert [row.chain for row in rows] == ["softcast@1/24"]


def test_what_cannot_be_sent_to_workers_is_said(photo, tmp_path):
    codec = Shades()
    codec.lock = threading.Lock()
    with pytest.raises(ValueError, match=r"sent to worker processes \(.*lock.*workers=1"):
        moclink.run([codec], [0, 20], photo, out=tmp_path / "r", workers=2, progress=False)


def test_a_codec_that_ends_the_program_is_an_error(tmp_path, photo, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "late.py").write_text(
        "class C:\n    def __init__(self):\n        raise SystemExit\n"
    )
    for name, message in (
        ("ends.py:C", "ends.py cannot be imported: SystemExit: 0"),
        ("late.py:C", "making it failed: SystemExit"),
    ):
        assert main(["--chains", name, "--snr", "20", "--workers", "1"]) == 2
        assert message in capsys.readouterr().err


def test_a_file_imports_what_lies_beside_it(tmp_path, photo):
    for name, gain in (("one", 1.0), ("two", 0.5)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "moclink_test_helper.py").write_text(f"GAIN = {gain}\n")
        (folder / "moclink_test_lazy.py").write_text("SHIFT = 0.5\n")
        (folder / "my-model.py").write_text(
            "from moclink_test_helper import GAIN\n"
            "class C:\n"
            "    def encode(self, images):\n"
            "        from moclink_test_lazy import SHIFT\n"
            "        return images[:, ::8, ::8] - SHIFT\n"
            "    def decode(self, received, height, width):\n"
            "        large = received.repeat(8, 1).repeat(8, 2)[:, :height, :width]\n"
            "        return GAIN * (large + 0.5)\n"
        )
    options = {"snr": 20, "images": photo, "progress": False}
    first = f"{tmp_path / 'one' / 'my-model.py'}:C"
    assert moclink.run(first, out=tmp_path / "r", **options).rows()[0].psnr_db > 12
    with pytest.raises(ValueError, match="both have a module moclink_test_helper"):
        moclink.run(f"{tmp_path / 'two' / 'my-model.py'}:C", out=tmp_path / "s", **options)


class Remembering(Shades):
    """Its decoder takes the mean colour from the encoder, past the channel."""

    name = "remembering"

    def encode(self, images):
        self.size, self.mean = images.shape[1:3], images.mean(axis=(1, 2))
        return images[:, :2, :2] - 0.5

    def decode(self, received):
        shape = (len(received), *self.size, 3)
        return np.broadcast_to(self.shown(received)[:, None, None], shape)

    def shown(self, received):
        return np.repeat(self.mean, len(received), axis=0)


class RememberingItsSize(Remembering):
    name = "sized"

    def shown(self, received):
        return received.mean(axis=(1, 2)) + 0.5


def test_what_a_decoder_takes_past_the_channel_is_said(photo, tmp_path, capsys):
    codecs = [Remembering(), RememberingItsSize(), Shades()]
    moclink.run(codecs, [0, 9], photo, out=tmp_path / "run", progress=False)
    notes = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("note: chain")
    ]
    assert len(notes) == 1 and notes[0].startswith(
        "note: chain remembering: decode gives another picture after encode was called on another"
    )
