"""How lost pictures are scored: grey, mean colour or not at all, from the sweep to the figures."""

import numpy as np
import pytest

import moclink
from moclink.chain_factory import make_chain
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.outages import lost_picture
from moclink.presets import ChainOptions
from moclink.results.store import RunFolderError
from moclink.results.tables import unmet_budgets
from moclink.types import ChannelState


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[80:144, 100:196]


def test_a_lost_picture_is_grey_or_has_the_mean_of_each_colour(photo):
    image = to_float(photo)[None]
    assert (lost_picture("grey", image) == 0.5).all() and (
        lost_picture("exclude", image) == 0.5
    ).all()
    shown = lost_picture("mean", np.concatenate([image, image * 0.5]))
    assert shown.shape == (2, 64, 96, 3) and (shown == shown[:, :1, :1]).all()
    assert np.allclose(shown[0, 0, 0], image[0].mean(axis=(0, 1)), atol=0.5 / 255)
    with pytest.raises(ValueError, match="'black': there are grey, mean, exclude"):
        lost_picture("black", image)


@pytest.fixture(scope="module")
def runs(photo, tmp_path_factory):
    """The same run in each way: lost at 0 dB, whole at 20 dB."""
    out = tmp_path_factory.mktemp("outages")
    return {
        way: moclink.run(["jpeg-ldpc"], [0, 20], photo, outage=way, out=out / way, progress=False)
        for way in ("grey", "mean", "exclude")
    }


def test_a_run_scores_lost_pictures_as_it_says(runs, photo):
    image = to_float(photo)[None]
    rows = {way: run.rows() for way, run in runs.items()}
    for way in ("grey", "mean"):
        expected = psnr(lost_picture(way, image), image)[0]
        assert rows[way][0].psnr_db == pytest.approx(expected, abs=1e-4)
    # The mean colour is the constant picture of least squared error.
    assert rows["mean"][0].psnr_db > rows["grey"][0].psnr_db
    lost = rows["exclude"][0]
    assert lost.psnr_db is None and lost.ssim is None and lost.outage == 1 and lost.ber > 0.1
    assert rows["grey"][1] == rows["mean"][1] == rows["exclude"][1]
    assert [run.parameters["outage"] for run in runs.values()] == ["grey", "mean", "exclude"]


@pytest.mark.parametrize(
    "way,note,said",
    [
        ("grey", "outages as mid-grey", "the mid-grey picture"),
        ("mean", "outages as mean colour", "the original's mean colour"),
        ("exclude", "outages left out", "left out of the means"),
    ],
)
def test_tables_and_figures_say_it(runs, way, note, said):
    run = runs[way]
    assert run.plot().get_suptitle().endswith(note)
    assert note in run.table().splitlines()[0] and said in run.table("markdown")
    assert run.rate_plot(0).get_suptitle().endswith(note) if way != "exclude" else True
    assert run.plot(outage="exclude").get_suptitle().endswith("outages left out")


def test_what_was_not_scored_cannot_be_shown(runs):
    with pytest.raises(
        ValueError, match="begun with --outage mean.* run it again with --outage grey"
    ):
        runs["mean"].table("csv", outage="grey")
    with pytest.raises(ValueError, match="begun with --outage exclude"):
        runs["exclude"].plot(outage="mean")


def test_a_resumed_run_must_agree(runs, photo):
    with pytest.raises(RunFolderError, match='outage = "mean", not "grey"'):
        moclink.run("jpeg-ldpc", 10, photo, out=runs["mean"].folder, progress=False)


def test_a_run_from_before_counts_outages_as_grey(photo, tmp_path):
    import sqlite3

    go = {"images": photo, "out": tmp_path / "r", "progress": False}
    moclink.run("jpeg-ldpc", 0, **go)
    with sqlite3.connect(tmp_path / "r" / "results.sqlite") as base:
        base.execute("DELETE FROM parameters WHERE name = 'outage'")
    assert "mid-grey" in moclink.open_run(tmp_path / "r").table()
    with pytest.raises(RunFolderError, match='outage = "grey", not "mean"'):
        moclink.run("jpeg-ldpc", 0, outage="mean", **go)
    assert moclink.run("jpeg-ldpc", 20, **go).parameters["outage"] == "grey"


def test_link_adaptation_counts_what_the_run_counts(photo):
    """What a loss costs is the quality of what is shown instead."""
    image, asked = to_float(photo)[None], []

    class Noted:
        def with_csi(self, csi):
            return self

        def carries(self, symbols):
            return True

        def choose(self, snr_db, symbols, quality, outage_quality):
            asked.append(outage_quality)
            raise RuntimeError("seen")

    for way in ("grey", "mean"):
        chain = make_chain("jpeg-ldpc-adaptive", ChainOptions(outage=way))
        object.__setattr__(chain, "adaptation", Noted())
        with pytest.raises(RuntimeError):
            chain.transmit(image, ChannelState(10.0))
        assert asked[-1] == pytest.approx(psnr(lost_picture(way, image), image)[0], abs=1e-4)


def test_a_picture_too_small_for_any_transport_block_is_an_outage_among_others(photo, tmp_path):
    out, chain = tmp_path / "run", "jpeg-ldpc-adaptive@1/24"
    pictures = [photo, photo[:1, :1]]
    rows = moclink.run(chain, [0, 20], pictures, out=out, progress=False).rows()
    alone = moclink.run(chain, [0, 20], photo, out=tmp_path / "alone", progress=False).rows()
    assert [row for row in rows if row.image == "image-1"] == alone
    small = [row for row in rows if row.image == "image-2"]
    assert [(row.outage, row.symbols, row.cbr) for row in small] == [(1, None, None)] * 2
    grey = psnr(lost_picture("grey", to_float(photo[:1, :1])[None]), to_float(photo[:1, :1])[None])
    assert small[0].psnr_db == pytest.approx(grey[0], abs=1e-4)
    assert unmet_budgets(out)[-1].startswith(
        f"{chain}, image-2 at 2 SNRs: an outage, since 1 symbols carry no transport block"
    )
    with pytest.raises(ValueError, match="pictures of 1 x 1 pixels: 1 symbols carry no transport"):
        moclink.run(chain, 0, photo[:1, :1], out=tmp_path / "none", progress=False)
