"""Runs made of rows, without a sweep."""

import io
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moclink.results.store import ResultStore
from moclink.types import GalleryPicture, Row


@pytest.fixture
def connections(monkeypatch):
    """SQLite's connections of what is opened from now on, by the name of the file."""
    opened, connect = {}, sqlite3.connect

    def recorded(path, *arguments, **options):
        opened[Path(path).name] = base = connect(path, *arguments, **options)
        return base

    monkeypatch.setattr(sqlite3, "connect", recorded)
    return opened


@pytest.fixture
def row():
    """Make a row of a picture, of 40 x 60 pixels."""

    def make(chain="a", image="x", snr=0.0, trial=0, **values) -> Row:
        return Row(chain, image, 40, 60, snr, trial, **values)

    return make


@pytest.fixture
def bit_row():
    """Make a row of random bits."""

    def make(chain="random-64qam", snr=0.0, trial=0, **values) -> Row:
        return Row(chain, "random-bits", None, None, snr, trial, **values)

    return make


@pytest.fixture
def png():
    """Make a PNG file of one level of grey."""

    def make(height=40, width=60, level=99) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(buffer, "PNG")
        return buffer.getvalue()

    return make


@pytest.fixture
def run(tmp_path):
    """Store rows and pictures in a run folder; returns the folder."""

    def make(rows, gallery=(), folder="run", **parameters):
        chains = list(dict.fromkeys(r.chain for r in rows))
        images = [
            [name, ""] for name in dict.fromkeys(r.image for r in rows if r.height is not None)
        ]
        usual = {"chains": chains, "images": images, "channel": "awgn", "match": "source-bits"}
        store = ResultStore(tmp_path / folder, usual | parameters)
        store.add(rows, gallery)
        store.close()
        return tmp_path / folder

    return make


@pytest.fixture
def run_folder(run, row, png):
    """A run of four chains, six pictures and three SNRs."""
    rng = np.random.default_rng(1)
    rows, gallery = [], [GalleryPicture("original", "0", 0.0, png())]
    for chain in ("moc-rvq-l1", "moc-rvq-l4", "moc-rvq-l4-no-nrb", "jpeg-ldpc"):
        for snr in (0.0, 10.0, 20.0):
            rows += [
                row(
                    chain,
                    str(i),
                    snr,
                    psnr_db=20 + snr / 2 + rng.normal(),
                    ssim=0.5,
                    cbr=1 / 24,
                    outage=0,
                )
                for i in range(6)
            ]
            gallery.append(GalleryPicture(chain, "0", snr, png()))
    return run(rows, gallery)
