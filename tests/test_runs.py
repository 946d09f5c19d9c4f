"""The Python API: the sweep of the command line, with chains and channels as objects too."""

import json
import subprocess
import sys

import cloudpickle
import numpy as np
import pytest

import moclink
from moclink.chain import DigitalChain
from moclink.images import Picture, read_image, sample_paths
from moclink.perceptual.pretrained import WeightsUnavailable
from moclink.phy.modems import BitModem
from moclink.results.store import RunFolderError
from moclink.sources.file_source import FileSource
from moclink.sources.pillow_codecs import JPEG


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[80:149, 100:203]


@pytest.fixture(scope="module")
def results(photo, tmp_path_factory):
    """Two chains by name."""
    out = tmp_path_factory.mktemp("api") / "run"
    return moclink.run(
        ["jpeg-ldpc", "random-64qam"], [5, 20], photo, out=out, min_errors=20, progress=False
    )


def own_chain(name="mine", bits=6_000) -> DigitalChain:
    return DigitalChain(name, FileSource(JPEG, lambda height, width, csi: bits), BitModem(2))


def halved(x, no):
    """A channel that loses half of the amplitude, which the receiver makes up for."""
    from sionna.phy import config

    noise = config.np_rng.normal(size=(2, *x.shape))
    y = x / 2 + (noise[0] + 1j * noise[1]) * np.sqrt(no / 2)
    return 2 * y, np.broadcast_to(4 * no, x.shape)


def test_a_run_is_the_one_of_the_command_line(results, photo, tmp_path):
    from PIL import Image

    Image.fromarray(photo).save(tmp_path / "image-1.png")
    command = "--chains jpeg-ldpc,random-64qam --snr 5,20 --min-errors 20 --workers 1".split()
    command += ["--images", str(tmp_path / "image-1.png"), "--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-m", "moclink.simulate", *command], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert moclink.open_run(tmp_path / "run").rows() == results.rows()
    assert len(results.rows()) == 4


def test_results_are_rows_averages_and_figures(results):
    rows = results.rows(["jpeg-ldpc"])
    assert [row.snr_db for row in rows] == [5, 20] and rows[0].outage == 1 and rows[1].psnr_db > 18
    means = {(r["chain"], r["metric"], r["snr_db"]): r["mean"] for r in results.summary()}
    assert means["jpeg-ldpc", "psnr_db", 20] == rows[1].psnr_db
    assert means["jpeg-ldpc", "energy", 20] == pytest.approx(1, abs=0.03)
    assert len(results.plot().axes) == 3 and len(results.plot(["jpeg-ldpc"]).axes) == 2
    assert results.gallery(["jpeg-ldpc"])._repr_png_().startswith(b"\x89PNG")
    assert "4 cells of 2 chains" in repr(results) and "PSNR (dB)" in repr(results)
    with pytest.raises(ValueError, match="no results of 'bpg-ldpc' .did you mean jpeg-ldpc"):
        results.rows(["bpg-ldpc"])
    with pytest.raises(ValueError, match="no received pictures"):
        results.gallery(["random-64qam"])


def test_rows_as_a_data_frame(results):
    pandas = pytest.importorskip("pandas")
    frame = results.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 4
    assert frame.loc[(frame.chain == "jpeg-ldpc") & (frame.snr_db == 20), "outage"].item() == 0
    texts = [name for name in frame if not pandas.api.types.is_numeric_dtype(frame[name])]
    assert texts == ["chain", "image"]  # LPIPS, which was not measured, is a column of NaN
    assert frame.lpips.isna().all() and frame.trial.dtype == int
    means = frame.groupby(["chain", "snr_db"]).psnr_db.mean()
    for row in results.summary():
        if row["metric"] == "psnr_db":
            assert means[row["chain"], row["snr_db"]] == pytest.approx(row["mean"])


def test_chains_and_channels_may_be_objects(photo, tmp_path):
    pictures = [Picture("one", photo), photo[:40]]
    plain = moclink.run(
        [own_chain(), "jpeg-ldpc"], 14, pictures, out=tmp_path / "a", progress=False
    )
    assert {row.chain for row in plain.rows()} == {"mine", "jpeg-ldpc"}
    assert {row.image for row in plain.rows()} == {"one", "image-2"}
    faded = moclink.run(
        own_chain(), 14, pictures, channel=halved, out=tmp_path / "b", progress=False
    )
    assert faded.parameters["channel"].endswith("halved")
    # A QPSK bit is wrong with probability Q(sqrt(SNR)): at 14 dB never, at 8 dB in 0.6 % of some
    # 6,000.
    assert all(row.ber == 0 for row in plain.rows(["mine"]))
    assert all(0.002 < row.ber < 0.013 for row in faded.rows())


def test_objects_reach_worker_processes(photo, tmp_path):
    """Also those of a module that a worker cannot import, as of a notebook."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    options = {"images": photo, "snr": [8, 14], "channel": halved, "progress": False}
    one = moclink.run([own_chain()], out=tmp_path / "a", **options)
    two = moclink.run([own_chain()], out=tmp_path / "b", workers=2, **options)
    assert one.rows() == two.rows() and len(one.rows()) == 2


def test_a_run_is_extended_by_chains_snrs_pictures_and_trials(photo, tmp_path):
    def more(*chains, snr, images, trials=1, **options):
        return moclink.run(
            chains, snr, images, trials=trials, out=tmp_path, progress=False, **options
        )

    first = Picture("first", photo)
    before = more("jpeg-ldpc", snr=5, images=first).rows()
    after = more("jpeg-ldpc", "webp-ldpc", snr=[5, 20], images=[first, photo[:40]], trials=2).rows()
    assert len(after) == 2 * 2 * 2 * 2 and before[0] in after
    assert more("webp-ldpc", snr=20, images=first).parameters["chains"] == [
        "jpeg-ldpc",
        "webp-ldpc",
    ]
    recorded = json.loads((tmp_path / "run.json").read_text())
    assert recorded["parameters"]["snr"] == [5, 20] and recorded["parameters"]["trials"] == 2
    assert [entry["parameters"]["snr"] for entry in recorded["commands"]] == [[5], [5, 20], [20]]
    with pytest.raises(RunFolderError, match="begun with seed = 1, not 2; give that again"):
        more("jpeg-ldpc", snr=5, images=first, seed=2)
    with pytest.raises(RunFolderError, match="another picture called first"):
        more("jpeg-ldpc", snr=5, images=Picture("first", photo[::-1].copy()))
    assert moclink.open_run(tmp_path).rows() == after


def test_a_run_of_another_version_goes_on_if_that_is_said(photo, tmp_path, monkeypatch):
    def go(**options):
        return moclink.run("jpeg-ldpc", 20, photo, out=tmp_path, progress=False, **options)

    go()
    monkeypatch.setattr("moclink.runs.__version__", "9.9")
    with pytest.raises(RunFolderError, match="--resume-anyway"):
        go()
    assert go(resume_anyway=True).parameters["version"] == "9.9"


def test_a_folder_of_something_else_is_not_written_into(photo, tmp_path):
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds files and is no run folder; choose another --out"):
        moclink.run("jpeg-ldpc", 20, photo, out=tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]


def test_metrics_that_cannot_be_measured_are_named(photo, tmp_path, capsys, monkeypatch):
    def unavailable(*_, **__):
        raise WeightsUnavailable("no weights here")

    monkeypatch.setattr("moclink.sweep.session.measures.lpips", unavailable)
    monkeypatch.setattr("moclink.sweep.session.measures.st_lpips", unavailable)
    options = {"out": tmp_path / "all", "progress": False}
    results = moclink.run("jpeg-ldpc", 20, photo, metrics="all", **options)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "note: not measured: lpips, lpips-vgg, st-lpips, since no weights here",
        "note: ms-ssim, ms-ssim-db: not measured of the picture (sides of 161 pixels are needed)",
    ]
    assert results.parameters["metrics"] == ["psnr", "psnr-y", "ssim", "ms-ssim", "ms-ssim-db"]
    assert results.rows()[0].psnr_y_db > 18
    with pytest.raises(ValueError, match="--metrics st-lpips: no weights here"):
        moclink.run("jpeg-ldpc", 20, photo, metrics="psnr,st-lpips", out=tmp_path / "one")


def failing(x, no):
    """A channel with a fault."""
    return x.no_such_attribute


def test_a_channel_with_a_fault_does_not_bind_the_folder(photo, tmp_path):
    options = {"out": tmp_path / "run", "progress": False}
    with pytest.raises(ValueError, match=r"failing.*AttributeError.* \(test_runs.py, line \d+\)"):
        moclink.run(own_chain(), 14, photo, channel=failing, seed=5, **options)
    assert not (tmp_path / "run").exists()
    assert moclink.run(own_chain(), 14, photo, **options).rows()[0].ber == 0


def test_a_fault_in_the_making_of_a_channel_comes_before_the_folder(photo, tmp_path):
    (tmp_path / "ch.py").write_text(
        "class Mine:\n    def __init__(self):\n        self.x = 1 / 0\n"
    )
    with pytest.raises(ValueError, match=r"ZeroDivisionError.*\(ch.py, line 3\)"):
        moclink.run("jpeg-ldpc", 5, photo, channel=f"{tmp_path}/ch.py:Mine", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_random_bits_stop_at_the_most_that_are_allowed(tmp_path):
    options = {"progress": False, "max_bits": 100_000}
    results = moclink.run("random-qpsk", 30, out=tmp_path / "a", **options)
    (row,) = results.rows()
    assert row.bits == 2 * 64_800 and row.ber == 0 and results.parameters["max_bits"] == 100_000
    with pytest.raises(RunFolderError, match='max_bits = 100000, not ".default."; give that'):
        moclink.run("random-qpsk", 30, out=tmp_path / "a", progress=False)


def test_results_answer_a_wrong_argument_in_one_line(results):
    for wrong in (3, None, [3]):
        with pytest.raises(ValueError, match="^folder .*the path of a folder is wanted"):
            moclink.open_run(wrong)
    assert moclink.open_run(results).rows() == results.rows()
    assert len(results.rate_plot([20], metrics="psnr").axes) == 1
    assert "20 dB" in results.rate_plot("20").get_suptitle()
    assert len(results.plot("jpeg-ldpc", "psnr").axes) == 1
    assert "| 20 dB" in results.table("markdown", "jpeg-ldpc", "psnr", snr=20)
    for call, message in [
        (lambda: results.rate_plot([5, 20]), "snr .5, 20.: one SNR in dB is wanted"),
        (lambda: results.rate_plot(None), "snr None: one SNR in dB is wanted"),
        (lambda: results.rows(3), "chains 3: give names"),
        (lambda: results.plot(metrics=3), "metrics 3: give names"),
        (lambda: results.table(snr="x"), "snr x: not a number"),
        (lambda: results.table(format="html"), "format 'html': there are text, latex"),
        (lambda: results.gallery(picture=3), "picture 3: "),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_nothing_is_heard_of_tensorflow(photo, tmp_path):
    """In a process of its own: frameworks write past Python when they are loaded."""
    np.save(tmp_path / "photo.npy", photo)
    code = (
        "import moclink, numpy as np, sys\n"
        "from moclink import SemanticCodec, SionnaLayer, run\n"
        "def noisy(x, no):\n"
        "    from sionna.phy import config\n"
        "    noise = config.np_rng.normal(size=(2, *x.shape))\n"
        "    return x + (noise[0] + 1j * noise[1]) * np.sqrt(no / 2), np.broadcast_to(no, x.shape)\n"
        "photo = np.load(sys.argv[1] + '/photo.npy')\n"
        "for channel in (noisy, 'tdl-a'):\n"
        "    run('moc-rvq-l1,jpeg-ldpc', 10, photo, channel=channel, progress=False,\n"
        "        out=f'{sys.argv[1]}/{channel}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_a_notebook_has_set_is_no_matter(tmp_path, monkeypatch):
    """NumPy raises for underflow, and the home folder is written as ~."""
    monkeypatch.setenv("HOME", str(tmp_path))
    picture = np.full((16, 16, 3), 90, np.uint8)
    with np.errstate(all="raise"):
        results = moclink.run(
            ["moc-rvq-l1", "random-qpsk"], [-5, 40], picture, out="~/run", progress=False
        )
    assert results.folder == tmp_path / "run" and len(results.rows()) == 4


def test_public_names_are_there():
    assert {"run", "open_run", "SemanticCodec", "SionnaLayer"} <= set(dir(moclink))
    assert moclink.SemanticCodec.__name__ == "SemanticCodec"
    with pytest.raises(AttributeError, match="no attribute 'simulation'"):
        getattr(moclink, "simulation")  # noqa: B009
