"""Every kind of chain over every channel, as the sweep runs them."""

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.images import Picture, read_image, sample_paths
from moclink.phy.channels import describe_channels
from moclink.sweep.plan import Plan, Task, list_cells
from moclink.sweep.session import Session
from moclink.sweep.task import work

CHAINS = (
    "moc-rvq-l1",
    "moc-rvq-adaptive-l2",
    "moc-rvq-l1-ldpc-mcs5",
    "moc-rvq-ldpc-adaptive",
    "jscc-96-paper",
    "moc-rvq-linear",
    "lapped-restored-ldpc-adaptive",
    "lapped-perceptual-ldpc-adaptive",
    "softcast",
    "jpeg-ldpc",
    "jpeg-ldpc-adaptive",
    "jpeg-capacity",
)
CHANNELS = [name for name, _ in describe_channels() if name != "module:name"]
OTHERS = ["rayleigh?coherence=50&common=1", "tdl-c?csi=ls&speed=30", "sionna.phy.channel:AWGN"]


@pytest.fixture(scope="module")
def factory():
    """One for all channels: codecs are loaded once."""
    return ChainFactory()


@pytest.fixture(scope="module")
def picture():
    return Picture("crop", read_image(sample_paths()[0])[80:120, 100:156])


@pytest.mark.parametrize("channel", CHANNELS + OTHERS)
def test_every_kind_of_chain_runs(channel, factory, picture):
    plan = Plan((15.0,), CHAINS, channel=channel, metrics=("psnr",))
    session = Session(plan, factory=factory)
    cells = tuple(list_cells(plan, [picture]))
    rows = [row for result in work(session, Task(plan, picture, cells)) for row in result.rows]
    assert [row.chain for row in rows] == list(CHAINS)
    for row in rows:
        assert row.energy == pytest.approx(1, abs=1e-5) and row.symbols > 0
        assert np.isfinite(row.psnr_db) and row.outage in (0, 1)
