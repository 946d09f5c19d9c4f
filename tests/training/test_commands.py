"""The stages from options to files: a toy codec from pictures to export, stopped, repeated, refused."""

import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from moclink.train import main
from moclink.training.commands import run_stage
from moclink.training.options import make_parser


def run(*args):
    return main([str(a) for a in args])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("patches", "nowhere", "--out", "x"), "no such file or folder: nowhere"),
        (
            ("stage1", "--data", "nowhere", "--out", "x"),
            "make one with `python -m moclink.train patches`",
        ),
        (("stage1", "--data", "{data}", "--out", "x", "--crop", "4096"), "as large as a crop"),
        (
            ("stage1", "--data", "{data}", "--out", "x", "--crop", "32", "--steps", "0"),
            "--steps is 0",
        ),
        (
            ("stage1", "--data", "{data}", "--out", "x", "--learning-rate", "0"),
            "--learning-rate is 0.0",
        ),
        (
            ("stage1", "--data", "{data}", "--out", "x", "--crop", "100"),
            "--crop is 100; it must",
        ),
        (
            ("stage2", "--data", "{data}", "--out", "x", "--crop", "32", "--codec", "nowhere/c"),
            "does not exist",
        ),
        (
            ("stage1", "--data", "{data}", "--out", "x", "--crop", "32", "--decoder-only"),
            "--decoder-only needs a trained codec",
        ),
        (("export", "--codec", "nowhere/codec", "--out", "x"), "does not exist"),
    ],
)
def test_a_wrong_file_or_option_is_one_line_and_status_2(
    args, words, data, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run(*(str(a).format(data=data) for a in args)) == 2
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("moclink.train:")
    ]
    assert len(lines) == 1 and words in lines[0]


def train_all_stages(folder, data, *options):
    """All stages in a process of their own: their logs, and the hashes of their weights."""
    plan = (
        "--data",
        data,
        "--crop",
        32,
        "--batch",
        4,
        "--steps",
        3,
        "--log-every",
        1,
        "--warmup",
        1,
    )
    plan = [str(option) for option in (*plan, "--no-jit", "--seed", 5, *options)]
    program = (
        "import sys; from moclink.train import main; folder, *plan = sys.argv[1:]\n"
        "status = main(['stage1', *plan, '--codec', 'toy', '--out', folder + '/s1'])\n"
        "placing = ['--crop', '32', '--method', 'greedy', '--out', folder + '/placed']\n"
        "status |= main(['reorder', *plan[:2], '--codec', folder + '/s1/codec', *placing])\n"
        "placed = ['--codec', folder + '/placed/codec']\n"
        "status |= main(['stage2', *plan, *placed, '--out', folder + '/s2'])\n"
        "plan.remove('--no-jit')  # compiled by XLA\n"
        "status |= main(['jscc', *plan, '--codec', 'toy', '--out', folder + '/jscc'])\n"
        "sys.exit(status)"
    )
    environment = dict(os.environ)
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # which JAX sets in this process
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder), *plan],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # TensorFlow's notes on the machine: oneDNN, CPU features, absl, XLA's service and clusters.
    noted = re.findall(r"(?i).*(?:onednn|cpu_feature|absl|xla|cuda|tensorflow).*", done.stderr)
    assert not noted
    logs, weights = {}, {}
    for stage in ("s1", "s2", "jscc"):
        rows = [row.split(",") for row in (folder / stage / "log.csv").read_text().splitlines()[1:]]
        logs[stage] = {
            (step, name): float(value) for step, name, value in rows if name != "seconds"
        }
        weights[stage] = json.loads((folder / stage / "codec.json").read_text())["sha256"]
    return logs, weights


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Folder of all stages, their logs, and the hashes of their weights."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, *train_all_stages(folder, data)


def test_the_same_seed_gives_the_same_training_of_every_stage_in_either_precision(
    trained, data, tmp_path
):
    first = trained[1:]
    assert train_all_stages(tmp_path / "again", data) == first
    mixed, _ = train_all_stages(tmp_path / "mixed", data, "--mixed-precision")
    for stage, plain in first[0].items():
        assert mixed[stage].keys() == plain.keys()
        # bfloat16 has 8 bits: the PSNR of the first step differs by a few parts in a hundred at
        # most.
        assert mixed[stage]["1", "psnr"] == pytest.approx(plain["1", "psnr"], rel=0.05)


def test_a_toy_codec_from_pictures_to_export(trained, pictures, tmp_path, capsys):
    from moclink.codec.analog_codec import AnalogCodec
    from moclink.codec.semantic_codec import SemanticCodec

    s2, jscc, out = trained[0] / "s2", trained[0] / "jscc", tmp_path / "out"
    picture = sorted(pictures.glob("*.png"))[0]
    capsys.readouterr()
    assert (
        run(
            "export",
            "--codec",
            s2 / "codec",
            "--out",
            out / "moc",
            "--test",
            picture,
            "--test-crop",
            64,
        )
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    # Principal components alone are worth this much on these pictures; noise is 6 levels strong.
    psnr = report["psnr"]
    assert 18 < psnr["l1 without noise"] < psnr["l4 without noise"] < 40
    assert psnr["l4 0 dB, soft"] < psnr["l4 20 dB, soft"] < psnr["l4 without noise"]
    codec = SemanticCodec.from_preset(out / "moc")
    assert set(codec.notes) == {"stage1", "reorder", "stage2", "psnr"}
    assert codec.notes["stage1"]["steps"] == 3
    assert (
        run("export", "--codec", jscc / "codec", "--out", out / "jscc", "--note", "data=toy") == 0
    )
    assert AnalogCodec.from_preset(out / "jscc").notes["data"] == "toy"
    image = np.zeros((1, 20, 12, 3), np.float32)
    assert codec.decode(codec.encode(image), height=20, width=12).shape == image.shape


def test_a_decoder_is_trained_alone(trained, data, tmp_path):
    from moclink.codec.semantic_codec import SemanticCodec

    plan = (
        "--data",
        data,
        "--crop",
        32,
        "--batch",
        4,
        "--no-jit",
        "--warmup",
        1,
        "--learning-rate",
        1e-2,
    )
    s1, decoder = trained[0] / "s1" / "codec", tmp_path / "decoder" / "codec"
    assert (
        run("stage1", *plan, "--codec", s1, "--out", decoder.parent, "--steps", 2, "--decoder-only")
        == 0
    )
    before, after = SemanticCodec.from_preset(s1), SemanticCodec.from_preset(decoder)
    assert set(after.notes) == {"stage1", "decoder"}
    assert (before.quantizer.codebooks == after.quantizer.codebooks).all()
    assert all(
        (a == b).all()
        for a, b in zip(*(c.encoder.get_weights() for c in (before, after)), strict=True)
    )
    moved = [
        (a != b).any()
        for a, b in zip(*(c.decoder.get_weights() for c in (before, after)), strict=True)
    ]
    assert sum(moved) > len(moved) / 2
    more = tmp_path / "more" / "codec"
    assert run("stage1", *plan, "--codec", s1, "--out", more.parent, "--steps", 2) == 0
    notes = SemanticCodec.from_preset(more).notes["stage1"]
    assert (notes["steps"], notes["continues"]["steps"]) == (2, 3)


@pytest.mark.parametrize("stage", ["all", "patches", "stage1", "link", "link-classes", "link-gpu"])
@pytest.mark.parametrize("seed", ["-1", "4294967296", "1e3", "x"])
def test_a_seed_that_no_generator_takes_is_refused_by_name(stage, seed, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(stage, "--out", tmp_path / "out", "--seed", seed)
    assert stop.value.code == 2
    message = f"moclink: argument --seed: {seed} is no whole number from 0 to 4294967295"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "stage",
    ["patches", "stage1", "reorder", "stage2", "jscc", "channel", "link", "link-gpu", "all"],
)
def test_a_folder_that_another_process_writes_to_is_refused(
    stage, tmp_path, held_by_another_process
):
    options = {
        "reorder": ["--codec", "toy", "--data", "d"],
        "stage2": ["--codec", "toy", "--data", "d"],
        **dict.fromkeys(("stage1", "jscc", "channel"), ["--data", "d"]),
    }.get(stage, ["a picture"])
    with held_by_another_process(tmp_path):
        args = make_parser().parse_args([stage, *options, "--out", str(tmp_path)])
        with pytest.raises(ValueError, match="is in use by another process; wait for it or choose"):
            run_stage(args)
    with pytest.raises(ValueError) as other:  # and then what is wrong with the options
        run_stage(args)
    assert "in use" not in str(other.value)


def test_two_trainings_at_a_time_do_not_share_a_folder(data, tmp_path, capsys):
    """The second is refused in one line; the first, stopped while the folder is its own, saves."""
    out = tmp_path / "s1"
    command = [
        *(sys.executable, "-m", "moclink.train", "stage1", "--codec", "toy", "--no-jit"),
        *("--data", data, "--crop", 32, "--batch", 1, "--log-every", 1, "--out", out),
    ]
    with subprocess.Popen([str(a) for a in command], stderr=subprocess.PIPE, text=True) as first:
        while not (out / "log.csv").exists():
            assert first.poll() is None, first.stderr.read()
            time.sleep(0.05)
        before = (out / "log.csv").stat().st_ino
        assert run(*command[3:]) == 2
        assert f"{out} is in use by another process" in capsys.readouterr().err
        first.terminate()
        assert first.wait(120) == 130
    assert (out / "log.csv").stat().st_ino == before
    steps = [int(row.split(",")[0]) for row in (out / "log.csv").read_text().splitlines()[1:]]
    assert steps == sorted(steps)


def test_a_tilde_is_the_home_folder_in_every_path(pictures, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "home" / "pics").symlink_to(pictures)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    assert run("patches", "~/pics", "--out=~/td", "--size", 64) == 0
    assert (tmp_path / "home" / "td" / "source.json").is_file()
    assert list((tmp_path / "work").iterdir()) == []
