"""Runs with HARQ: what is sent again, what it costs, and what is said of it."""

import numpy as np
import pytest

import moclink
from moclink.chain_factory import ChainFactory, make_chain
from moclink.harq import HarqChain
from moclink.images import read_image, sample_paths, to_float
from moclink.phy.block_errors import BlockErrorCurves
from moclink.phy.mcs import get_mcs
from moclink.presets import ChainOptions
from moclink.results.store import RunFolderError
from moclink.simulate import main
from moclink.types import ChannelState

CHAIN = "jpeg-ldpc-mcs13@1/12"


@pytest.fixture(scope="module")
def photo():
    return read_image(sample_paths()[0])[80:144, 100:228]


@pytest.fixture(scope="module")
def waterfall(photo):
    """SNR at which half of the transport blocks of the picture fail."""
    sent = make_chain(CHAIN).transmit(to_float(photo)[None])
    bits = make_chain(CHAIN).modem.max_indices(sent.symbols.shape[1])
    snrs = np.arange(0, 20, 0.01)
    rates = BlockErrorCurves.load().failure_rate(get_mcs(13), bits, snrs)
    return float(snrs[np.argmin(np.abs(rates - 0.5))].round(2))


@pytest.fixture(scope="module")
def runs(photo, waterfall, tmp_path_factory):
    """Without, and with two transmissions at most: hopeless, in the waterfall, and above it."""
    out, trials = tmp_path_factory.mktemp("harq"), 60
    return {
        harq: moclink.run(
            [CHAIN, "jpeg-ldpc"],
            [-3, waterfall, 30],
            photo,
            trials=trials,
            harq=harq,
            metrics=["psnr"],
            out=out / str(harq),
            progress=False,
        )
        for harq in (1, 2)
    }


def test_the_mean_number_of_symbols_agrees_with_the_block_error_curves(runs, waterfall):
    rows = [r for r in runs[2].rows([CHAIN]) if r.snr_db == waterfall]
    single = next(r.symbols for r in runs[1].rows([CHAIN]))
    times = np.array([row.transmissions for row in rows])
    assert [row.symbols for row in rows] == [single * count for count in times]
    assert [row.cbr for row in rows] == [row.symbols / (64 * 128 * 3) for row in rows]
    # Four deviations of 60 trials, and 0.1 dB: as well as the curves predict (docs/link-adaptation.md).
    bits = make_chain(CHAIN).modem.max_indices(single)
    failure = BlockErrorCurves.load().failure_rate
    low, high = (failure(get_mcs(13), bits, waterfall + shift) for shift in (0.1, -0.1))
    spread = 4 * np.sqrt(0.25 / 60)
    assert low - spread < times.mean() - 1 < high + spread
    assert all(row.outage == 0 and row.ber == 0 for row in rows)  # twice the energy is 3 dB
    assert 0 < sum(r.outage for r in runs[1].rows([CHAIN]) if r.snr_db == waterfall)


def test_what_arrives_at_once_is_as_without(runs):
    """The first transmission gets the same noise; a row that it suffices for is the same row."""
    from dataclasses import replace

    without = {(r.snr_db, r.trial): r for r in runs[1].rows([CHAIN])}
    once = [row for row in runs[2].rows([CHAIN]) if row.transmissions == 1]
    assert len(once) > 60
    for row in once:
        assert replace(row, transmissions=None) == without[row.snr_db, row.trial]
    assert all(row.transmissions is None for row in without.values())
    assert runs[1].rows(["jpeg-ldpc"]) == runs[2].rows(["jpeg-ldpc"])  # no transport blocks


def test_hopeless_transmissions_end_at_the_most(runs):
    lost = [row for row in runs[2].rows([CHAIN]) if row.snr_db == -3]
    assert {row.transmissions for row in lost} == {2} and all(row.outage for row in lost)


def test_it_is_said_in_tables_and_figures(runs):
    table = runs[2].table("markdown")
    assert "HARQ of at most 2 transmissions" in table and "CBRs are means" in table
    assert "Channel bandwidth ratio" in table and "HARQ" not in runs[1].table("markdown")
    figure = runs[2].plot()
    assert "HARQ of at most 2" in figure.get_suptitle() and len(figure.axes) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("mean CBR" in text for text in legend)
    assert "HARQ" not in runs[2].plot(["jpeg-ldpc"]).get_suptitle()


def test_a_resumed_run_must_agree(runs, photo):
    with pytest.raises(RunFolderError, match="begun with harq = 2, not 3"):
        moclink.run(CHAIN, 30, photo, harq=3, out=runs[2].folder, trials=60, metrics=["psnr"])


@pytest.mark.parametrize(
    "name,snr_db",
    [
        ("jpeg-ldpc-mcs5", -4.0),
        ("jpeg-ldpc-rst-mcs5", -4.0),
        ("jpeg-ldpc-adaptive@1/12", 2.0),
        ("jpeg-ldpc-mcs20-table2", 14.0),
    ],
)
def test_chains_of_transport_blocks_are_sent_again(name, snr_db, photo):
    """At 3 to 4 dB below what the scheme needs, one transmission fails and several come through."""
    chain = ChainFactory(ChainOptions(harq=12)).make(name)
    assert isinstance(chain, HarqChain) and make_chain(name).adaptive == chain.adaptive
    sent = chain.transmit(to_float(photo)[None], ChannelState(5.0))
    rng = np.random.default_rng(1)
    no = np.float32([1e-3, 10 ** (-snr_db / 10)])

    def channel(number, rows, symbols):
        noise = rng.standard_normal((len(rows), symbols.shape[1], 2)) @ [1, 1j]
        noise = noise * np.sqrt(no[rows, None] / 2)
        return (symbols + noise).astype(np.complex64), no[rows]

    got = chain.exchange(sent, 2, channel)
    first, second = got.transmissions
    assert first == 1 and 1 < second <= 12 and got.decoded.all()
    assert np.array_equal(got.images[0], got.images[1])


def test_other_chains_stay_as_they_are():
    for name in ("jpeg-ldpc", "moc-rvq-linear", "random-ldpc", "jpeg-capacity"):
        assert not isinstance(ChainFactory(ChainOptions(harq=4)).make(name), HarqChain)


def test_a_wrong_number_is_named(capsys):
    assert main(["--harq", "0", "--chains", "jpeg-ldpc"]) == 2
    assert "--harq 0: a whole number of at least 1" in capsys.readouterr().err
