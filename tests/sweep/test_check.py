"""What is looked at before a sweep begins."""

from dataclasses import replace

from moclink.sweep.check import Check, check
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session


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
