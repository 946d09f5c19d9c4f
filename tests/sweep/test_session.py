"""What a worker's session keeps, and that it does no work twice."""

import numpy as np
import pytest

from moclink.images import read_image, sample_paths, to_float
from moclink.sweep.plan import Plan
from moclink.sweep.session import Scorer, Session
from moclink.types import ChannelState


def scorer_of(metrics, reference) -> Scorer:
    functions = Session(Plan((0.0,), ())).metric_functions(metrics, min(reference.shape[1:3]))
    return Scorer(functions, reference)


@pytest.fixture(scope="module")
def photo():
    return to_float(read_image(sample_paths()[0])[None, 80:149, 100:203])


def test_a_file_that_arrives_undamaged_again_is_decoded_once(photo, monkeypatch):
    session, decoded = Session(Plan((15.0, 20.0), ("jpeg-ldpc", "webp-ldpc"))), []
    chain = session.chain("jpeg-ldpc")
    kind = type(chain.source.codec)
    decode = kind.decode_file

    def counted(self, data, max_pixels):
        decoded.append(data)
        return decode(self, data, max_pixels)

    monkeypatch.setattr(kind, "decode_file", counted)
    sent = chain.transmit(photo)
    for _ in range(3):
        chain.receive(sent.symbols, np.float32([1e-3]), sent.header)
    assert len(decoded) == 1


def test_chains_of_one_codec_share_the_files_that_were_tried(photo, monkeypatch):
    session, tried = Session(Plan((15.0,), ("jpeg-ldpc", "jpeg-ldpc-qpsk-r12"))), []
    kind = type(session.chain("jpeg-ldpc").source.codec)
    encode = kind.encode_file

    def counted(self, image, quality):
        tried.append(quality)
        return encode(self, image, quality)

    monkeypatch.setattr(kind, "encode_file", counted)
    for name in session.plan.chains:  # the same budget of bits: the same bisection
        session.chain(name).transmit(photo)
    assert len(tried) == len(set(tried)) > 1


def test_only_an_adaptive_chain_is_encoded_anew_for_each_state(photo):
    session = Session(Plan((5.0, 10.0), ("jpeg-ldpc", "jpeg-capacity")))
    states = [ChannelState(5.0), ChannelState(10.0), ChannelState(5.0)]
    fixed, ideal = (
        [session.transmission(session.chain(name), photo, "digest", csi) for csi in states]
        for name in session.plan.chains
    )
    assert fixed[0] is fixed[1] is fixed[2]
    assert ideal[0] is ideal[2] and ideal[0] is not ideal[1]
    assert ideal[0].header.lengths < ideal[1].header.lengths


def test_equal_pictures_are_scored_once():
    reference = np.random.default_rng(0).random((1, 20, 20, 3), np.float32)
    scorer = scorer_of(("psnr", "ssim"), reference)
    calls = []
    inner = scorer.functions["psnr_db"]
    scorer.functions["psnr_db"] = lambda images, original: (
        calls.append(len(images)) or inner(images, original)
    )
    images = np.concatenate([reference * 0.5, reference * 0.25, reference * 0.5])
    scores = scorer(images)
    assert scores["psnr_db"] == list(inner(images, reference)) and calls == [2]
    assert scorer(images[:1])["ssim"] == scores["ssim"][:1] and calls == [2]


def test_metrics_are_those_that_a_picture_is_large_enough_for(photo):
    names = ("psnr", "psnr-y", "ssim", "ms-ssim", "ms-ssim-db")
    large = np.tile(photo, (1, 3, 2, 1)) * np.float32(0.9)
    scores = scorer_of(names, large)(large + np.float32(0.02))
    assert list(scores) == ["psnr_db", "psnr_y_db", "ssim", "ms_ssim", "ms_ssim_db"]
    assert scores["psnr_db"][0] == pytest.approx(-20 * np.log10(0.02), abs=0.1)
    assert scores["ms_ssim_db"][0] == pytest.approx(-10 * np.log10(1 - scores["ms_ssim"][0]))
    assert list(scorer_of(names, photo)(photo)) == ["psnr_db", "psnr_y_db", "ssim"]
    assert list(scorer_of(names, photo[:, :8])(photo[:, :8])) == ["psnr_db", "psnr_y_db"]


@pytest.mark.torch_only("TensorFlow computes no metrics on its GPU")
def test_metrics_are_computed_on_a_gpu_where_there_is_one(monkeypatch):
    from moclink.sweep import session as module

    names = ("psnr", "psnr-y", "ssim", "ms-ssim-db", "lpips")
    session = Session(Plan((0.0,), ("jpeg-ldpc",)))
    assert not module.measures_on_gpu()
    here = session.metric_functions(names, 200)
    monkeypatch.setattr(module, "measures_on_gpu", lambda: True)
    there = session.metric_functions(names, 200)
    assert list(there) == list(here) == ["psnr_db", "psnr_y_db", "ssim", "ms_ssim_db", "lpips"]
    modules = {name: getattr(found, "func", found).__module__ for name, found in there.items()}
    moved = [name for name, place in modules.items() if place == "moclink.device_metrics"]
    assert moved == ["psnr_db", "ssim", "ms_ssim_db"]


@pytest.mark.torch_only("TensorFlow computes no metrics on its GPU")
def test_a_gpu_counts_if_there_is_one_and_pytorch_sees_it(monkeypatch):
    from moclink.phy import engine
    from moclink.sweep import session as module

    monkeypatch.setattr(engine, "is_gpu_there", lambda: True)
    assert not module.measures_on_gpu()
    monkeypatch.setattr(module, "visible_gpus", lambda: ["0"])
    assert module.measures_on_gpu()
    monkeypatch.setattr(engine, "is_gpu_there", lambda: False)
    assert not module.measures_on_gpu()
