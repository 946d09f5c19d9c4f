"""The shipped weights: what they gave when they were shipped they must give on every machine."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

REFS = Path(__file__).parent / "refs"


@pytest.fixture(scope="module")
def measured():
    spec = importlib.util.spec_from_file_location("make_weights", REFS / "make_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.measure()


def test_quality_is_that_of_the_day_they_were_shipped(measured):
    stored = json.loads((REFS / "weights.json").read_text())["psnr_db"]
    assert measured.keys() == stored.keys()
    for chain, pictures in stored.items():
        for picture, values in pictures.items():
            assert measured[chain][picture] == pytest.approx(values, abs=0.05), (chain, picture)


@pytest.mark.parametrize("family", ["moc-rvq", "moc-rvq-perceptual"])
def test_each_level_adds_to_the_picture(measured, family):
    """Without index errors, on the mean over pictures and on each."""
    clean = np.array([[p[-1] for p in measured[f"{family}-l{n}"].values()] for n in (1, 2, 3, 4)])
    assert (np.diff(clean, axis=0) > 0.3).all()


def test_the_receiver_helps_where_there_is_noise(measured):
    full, plain = (
        [p[0] for p in measured[name].values()] for name in ("moc-rvq-l4", "moc-rvq-l4-no-nrb")
    )
    assert np.mean(full) > np.mean(plain) + 0.5


def test_the_analog_chain_has_no_cliff(measured):
    curves = np.array(list(measured["jscc-96-paper"].values()))
    assert (np.diff(curves, axis=1) > 1).all() and curves[:, 0].min() > 15
