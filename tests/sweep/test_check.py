"""What is looked at before a sweep begins."""

from dataclasses import replace
from functools import partial

import numpy as np

from moclink.images import Picture
from moclink.presets import ChainOptions
from moclink.sweep.check import Check, check, report_limits
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session
from moclink.sweep.workers import Pool


def test_what_cannot_work_is_said_before_anything_is_written(monkeypatch):
    good = Plan((5.0,), ("jpeg-ldpc",))
    assert check(Session(good), Check(good)) == []
    bad = replace(good, chains=("jpeg-ldpc", "nowhere/codec:l4"))
    (message,) = check(Session(bad), Check(bad))
    assert "nowhere/codec" in message

    def unavailable(*args, **kwargs):
        raise RuntimeError("there are no weights")

    monkeypatch.setattr("moclink.sweep.session.measures.lpips", unavailable)
    learned = replace(good, metrics=("psnr", "lpips"))
    assert check(Session(learned), Check(learned)) == ["--metrics lpips: there are no weights"]


def test_pictures_beyond_the_limit_of_a_codec_are_named_before_the_start(capsys):
    wide, wider = (np.zeros((8, width, 3), np.uint8) for width in (8193, 16_384))
    pictures = [Picture("small", wide[:, :64]), Picture("wide", wide), Picture("wider", wider)]
    names = "bpg-ldpc,bpg-ldpc-mcs5,jpeg-ldpc,webp-capacity,webp-ldpc-adaptive,softcast,random-qpsk"
    options = ChainOptions(harq=2)  # which wraps the chain of an MCS
    plan = Plan((5.0,), tuple(names.split(",")), options=options)
    with Pool() as pool:
        report_limits(plan, pictures, pool, partial(Session, plan))
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "note: bpg-ldpc, bpg-ldpc-mcs5: outages for wide and 1 more, since bpg takes sides of at "
        "most 8192 pixels: the picture has 8193 x 8"
    )
    assert second == (
        "note: webp-capacity, webp-ldpc-adaptive: outages for wider, since webp takes sides of at "
        "most 16383 pixels: the picture has 16384 x 8"
    )
