"""A codec in another process: the protocol from the other side, and what goes wrong there."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from moclink.chain_factory import ChainFactory
from moclink.errors import ChainError
from moclink.presets import ChainOptions
from moclink.types import ChannelState

EXAMPLES = Path(__file__).parents[2] / "examples"

# Written from the description of the protocol alone, without examples/codec_server.py.
PROGRAM = """
import json, struct, sys
mode = sys.argv[1]
out = sys.stdout.buffer
while True:
    line = sys.stdin.buffer.readline()
    if not line:
        break
    message = json.loads(line)
    print(message["call"], file=sys.stderr, flush=True)
    data = b""
    if "shape" in message:
        size = {"float32": 4, "complex64": 8, "uint8": 1}[message["dtype"]]
        for n in message["shape"]:
            size *= n
        data = sys.stdin.buffer.read(size)
    answer, body = {}, b""
    if message["call"] == "hello":
        hello = message
        if mode == "bits":
            answer = {"alphabet": 2}
        if mode == "snr":
            answer = {"adaptive": True, "multiple": 8, "cbr": "1/24"}
        if mode == "silent":
            sys.exit("no weights here")
        if mode == "prints":
            print("loading")
    elif message["call"] == "encode":
        values = [3.0, 4.0]
        if mode == "snr":
            values = [message["snr_db"], message["symbols"]]
        if mode == "dies" and data[:4] == struct.pack("<f", 1.0):
            raise MemoryError("out of memory")
        if mode == "says":
            answer = {"error": "too small\\nfor it"}
        elif mode == "bits":
            body = bytes([1, 0, 1, hello["seed"] % 2])
            answer = {"shape": [1, 4], "dtype": "uint8"}
        elif mode == "short":
            answer = {"shape": [1, 2]}
        else:
            body = struct.pack("<2f", *values)
            answer = {"shape": [1, 2], "dtype": "float32"}
    else:
        rows, height, width = message["shape"][0], message["height"], message["width"]
        first = struct.unpack("<f", data[:4])[0] if mode != "bits" else data[0]
        pixel = struct.pack("<f", min(1.0, first / 4))
        body = pixel * (rows * height * width * 3)
        answer = {"shape": [rows, height, width, 3], "dtype": "float32"}
        answer["ok"] = [snr > 0 for snr in message["snr_db"]]
    out.write(json.dumps(answer).encode() + b"\\n" + body)
    out.flush()
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def make(program):
    """Makes the chain of a mode of the program; programs are ended after the test."""
    chains = []

    def make(mode, scheme=""):
        name = f"exec{scheme}:{sys.executable} {program} {mode}"
        chains.append(ChainFactory(ChainOptions(seed=5)).make(name))
        return chains[-1]

    yield make
    for chain in chains:
        codec = chain.codec if hasattr(chain, "codec") else chain.source.codec
        codec.close()


IMAGE = np.full((1, 8, 16, 3), 0.5, np.float32)


def test_amplitudes_cross_the_pipe_in_both_directions(make):
    chain = make("plain")
    sent = chain.transmit(IMAGE)
    assert np.allclose(sent.symbols, [[0.6 + 0.8j]])  # 3 + 4i at unit power
    got = chain.receive(sent.symbols.repeat(2, 0), np.float32([0.1, 10.0]), sent.header)
    assert got.decoded.tolist() == [True, False]  # `ok` is the sign of the SNR
    assert np.allclose(got.images[0], 0.75) and (got.images[1] == 0.5).all()


def test_the_program_is_told_the_options_and_the_state(make):
    sent = make("bits", "-qpsk").transmit(IMAGE)
    assert sent.payload.indices.tolist() == [[1, 0, 1, 1]] and sent.symbols.shape == (1, 2)
    chain = make("snr")
    assert chain.adaptive
    sent = chain.transmit(IMAGE, ChannelState(12.0))
    # Two cells of eight symbols, twice of which classical chains of equal bits have.
    assert np.allclose(sent.symbols / sent.header.scale[0], [[12 + 32j]])


@pytest.mark.parametrize(
    "mode,message",
    [
        ("silent", "hello: the program has ended with status 1: no weights here"),
        ("prints", "wrote b'loading.*no JSON object; what it prints belongs on standard error"),
    ],
)
def test_a_program_that_does_not_begin_is_one_line(make, mode, message):
    with pytest.raises(ChainError, match=message) as error:
        make(mode).transmit(IMAGE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "mode,message",
    [
        ("says", "encode: the program says: too small$"),
        ("short", "encode: the program's array is None .1, 2."),
    ],
)
def test_what_it_answers_is_checked(make, mode, message):
    with pytest.raises(ChainError, match=message):
        make(mode).transmit(IMAGE)


def test_a_program_that_dies_of_one_picture_is_started_again(make):
    chain = make("dies")
    first = chain.transmit(IMAGE).symbols
    with pytest.raises(ChainError, match="ended with status 1: MemoryError: out of memory"):
        chain.transmit(np.ones_like(IMAGE))
    assert np.array_equal(chain.transmit(IMAGE).symbols, first)


def test_the_program_ends_with_its_codec(tmp_path):
    """By itself, as its input ends: it has the time to write that it was not killed."""
    (tmp_path / "program.py").write_text(
        "import os, pathlib\nhere = pathlib.Path(__file__).parent\n"
        "(here / 'began').write_text(str(os.getpid()))\n" + PROGRAM + "\n(here / 'ended').touch()\n"
    )
    chain = ChainFactory().make(f"exec:{sys.executable} {tmp_path / 'program.py'} plain")
    process = int((tmp_path / "began").read_text())
    os.kill(process, 0)  # it is there
    assert not (tmp_path / "ended").exists()
    chain.codec.close()
    assert (tmp_path / "ended").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_the_server_of_the_examples_keeps_to_the_protocol(tmp_path):
    """The same codec here and in another process gives the same symbols and pictures."""
    server = tmp_path / "served.py"
    server.write_text(
        f"import sys; sys.path.insert(0, {str(EXAMPLES)!r})\n"
        "from types import SimpleNamespace\n"
        "from codec_server import serve\nfrom numpy_codec import BlockCodec\n"
        "def make(hello):\n    print('loading')\n    return BlockCodec(SimpleNamespace(cbr=1 / 12))\n"
        "serve(make)\n"
    )
    factory = ChainFactory()
    here = factory.make(f"{EXAMPLES / 'numpy_codec.py'}:BlockCodec@1/12")
    there = factory.make(f"exec:{sys.executable} {server}")
    image = np.random.default_rng(0).random((1, 21, 30, 3), np.float32)
    sent = [chain.transmit(image) for chain in (here, there)]
    assert np.allclose(sent[0].symbols, sent[1].symbols, atol=1e-6)
    got = [
        chain.receive(s.symbols, np.float32([0.1]), s.header)
        for chain, s in zip((here, there), sent, strict=True)
    ]
    assert np.allclose(got[0].images, got[1].images, atol=1e-5) and there.codec.multiple == 8
    there.codec.close()
