"""One command from pictures to a codec, which continues where it was stopped."""

import os
import shlex
import signal

import keras
import numpy as np
import pytest
from PIL import Image

from moclink.train import main
from moclink.training import loop
from moclink.training.command_all import run_all
from moclink.training.command_common import loop_options
from moclink.training.commands import run_stage
from moclink.training.options import make_parser


def run(*args):
    return main([str(a) for a in args])


def test_one_command_makes_a_codec_of_a_folder_and_goes_on_where_it_was(tmp_path, capsys):
    from PIL import Image

    from moclink.codec.semantic_codec import SemanticCodec
    from moclink.images import read_image, sample_paths

    for i, path in enumerate(sample_paths()):
        Image.fromarray(read_image(path)[:192, :256]).save(tmp_path / f"{i}.png")
    out = tmp_path / "my out"
    command = ("all", tmp_path, "--out", out, "--minutes", 0.05, "--codec", "toy")
    assert run(*command) == 0
    advice = next(line for line in capsys.readouterr().out.splitlines() if "--chains" in line)
    assert shlex.split(advice)[-2:] == ["--chains", f"{out / 'codec'},jpeg-ldpc"]
    codec = SemanticCodec.from_preset(out / "codec")
    first = codec.notes["stage1"]["steps"]
    image = np.full((1, 16, 16, 3), 0.5, np.float32)
    assert codec.encode(image).shape == (1, 2, 2, 4, 4)
    assert run(*command) == 0
    again = SemanticCodec.from_preset(out / "codec")
    assert again.notes["stage1"]["steps"] == first
    assert "-- patches" not in capsys.readouterr().out
    assert run("all", tmp_path / "nowhere", "--out", tmp_path / "none") == 2
    Image.fromarray(np.uint8(np.random.default_rng(0).integers(0, 255, (130, 130, 3)))).save(
        tmp_path / "new.png"
    )
    capsys.readouterr()
    assert run(*command) == 2
    assert (
        "other pictures, or of these in another state; name another --out"
        in capsys.readouterr().err
    )


def test_small_pictures_and_a_single_one_are_trained_on_if_asked_for(tmp_path, capsys):
    from PIL import Image

    from moclink.images import read_image, sample_paths

    (tmp_path / "one").mkdir()
    Image.fromarray(read_image(sample_paths()[0])[:70, :90]).save(tmp_path / "one" / "a.png")
    command = ("all", tmp_path / "one", "--out", tmp_path / "out", "--minutes", 0.02)
    assert run(*command) == 2
    assert "sides under 128 pixels (--min-side)" in capsys.readouterr().err
    assert run(*command, "--min-side", 64) == 0
    assert (
        "no picture was held out: validation is on patches that are trained on"
        in capsys.readouterr().err
    )
    assert (tmp_path / "out" / "codec.json").is_file()


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_a_plan_is_looked_at_before_anything_is_written(minutes, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["all", str(tmp_path), "--out", str(out), "--minutes", minutes]) == 2
    assert f"--minutes is {minutes}; it must be above 0" in capsys.readouterr().err
    assert not out.exists()


def test_patches_are_not_put_among_the_pictures(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert main(["patches", str(tmp_path), "--out", str(tmp_path), "--min-side", "8"]) == 2
    assert "is a folder of the pictures; choose another" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


class Counter:
    """A stage whose steps take a second each, which a signal stops behind one of them."""

    config: dict = {}

    def __init__(self, clock, stop_at=None):
        self.steps, self.clock, self.stop_at = keras.Variable(0.0), clock, stop_at

    def variables(self):
        return {"steps": self.steps}

    def train(self, step, learning_rate):
        self.steps.assign(float(self.steps) + 1)
        self.clock[0] += 1.0
        if step == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": 1.0}

    def validate(self):
        return {"steps": float(self.steps)}, {}


def test_stopped_in_either_stage_it_goes_on_to_the_end_of_the_plan(
    pictures, tmp_path, monkeypatch, capsys
):
    """65 s of stage 1, which is stopped after 10; 35 s of stage 2, which is stopped after 20."""
    clock = [0.0]
    monkeypatch.setattr("moclink.training.loop.time.monotonic", lambda: clock[0])
    command = ["all", str(pictures), "--out", str(tmp_path), "--minutes", str(99.5 / 60)]
    args = make_parser().parse_args(command)
    stops = {"stage1": 9, "stage2": 19}
    seen, outcomes = [], {}

    def staged(stage):
        seen[-1].append(stage.stage)
        if stage.stage == "patches":
            return run_stage(stage)
        if stage.stage in stops:
            counter = Counter(clock, stops[stage.stage])
            outcome = loop.run(counter, stage.out, loop_options(stage))
            stops[stage.stage] = None
            outcomes[stage.stage] = (outcome.step, outcome.seconds, outcome.figures)
            return 0 if outcome.finished else 130
        return 0

    for expected in (130, 130, 0):
        seen.append([])
        assert run_all(args, staged) == expected
    assert seen == [
        ["patches", "stage1"],
        ["stage1", "reorder", "stage2"],
        ["stage1", "reorder", "stage2", "export"],
    ]
    # The clock leaves the first step of each call out, which compiles.
    assert outcomes == {
        "stage1": (67, pytest.approx(65.0), {"steps": 67.0}),
        "stage2": (37, pytest.approx(35.0), {"steps": 37.0}),
    }
    assert capsys.readouterr().err.count("the same command continues from") == 2
