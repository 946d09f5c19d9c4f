"""JPEG with restart markers: what one lost interval costs, and what cannot be decoded."""

import numpy as np
import pytest

from moclink.chain import DigitalChain
from moclink.images import read_image, sample_paths, to_float
from moclink.metrics import psnr
from moclink.phy.mcs import get_mcs
from moclink.phy.transport_block_modem import TransportBlockModem
from moclink.sources.file_source import FileSource
from moclink.sources.pillow_codecs import JPEG
from moclink.sources.restart_jpeg import MCU_ROWS, ConcealingSource, RestartJpeg, conceal_rows

CODEC = RestartJpeg()
PIXELS = 10**7


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(sample_paths()[0])[:200, 20:276]  # 12.5 rows of MCUs


@pytest.fixture(scope="module")
def data(photo) -> bytes:
    return CODEC.encode_file(photo, 60)


def interval_bytes(data: bytes) -> list[tuple[int, int]]:
    """First byte of each interval and of the next, from the numbers at the head of the file."""
    numbers, place = [], 0
    while len(numbers) < 15:  # of intervals, of bytes of the header, 13 lengths
        number, shift = 0, 0
        while data[place] > 127:
            number, shift, place = number | (data[place] & 127) << shift, shift + 7, place + 1
        numbers.append(number | data[place] << shift)
        place += 1
    assert numbers[0] == 13
    edges = place + numbers[1] + np.cumsum([0, *numbers[2:]])
    assert edges[-1] == len(data)
    return list(zip(edges.tolist(), edges[1:].tolist(), strict=False))


@pytest.mark.parametrize("quality", [1, 30, 95])
def test_undamaged_files_are_plain_jpeg(photo, quality):
    data, plain = CODEC.encode_file(photo, quality), JPEG.encode_file(photo, quality)
    np.testing.assert_array_equal(CODEC.decode_file(data, PIXELS), JPEG.decode_file(plain, PIXELS))
    # Each interval costs its length, its padding to a byte and a prediction of its own.
    assert len(data) - len(plain) < 13 * 8


def test_a_lost_interval_costs_its_rows_and_no_others(photo, data):
    whole, gains = CODEC.decode_file(data, PIXELS), []
    for number, (start, stop) in enumerate(interval_bytes(data)):
        damaged = np.zeros(len(data), bool)
        damaged[(start + stop) // 2] = True
        received = bytearray(data)
        received[start:stop] = np.random.default_rng(number).bytes(stop - start)
        pixels = CODEC.decode_damaged(bytes(received), damaged, PIXELS)
        first, last = max(0, MCU_ROWS * number - 1), MCU_ROWS * (number + 1) + 1
        np.testing.assert_array_equal(pixels[:first], whole[:first])
        np.testing.assert_array_equal(pixels[last:], whole[last:])
        rows = to_float(photo[first:last])[None]
        concealed, grey = to_float(pixels[first:last])[None], np.full_like(rows, 0.5)
        gains.append(psnr(concealed, rows)[0] - psnr(grey, rows)[0])
    assert min(gains) > 0 and np.mean(gains) > 3


def test_many_lost_intervals(photo, data):
    damaged = np.zeros(len(data), bool)
    intervals = interval_bytes(data)
    for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12):  # more than the eight numbers of markers
        damaged[intervals[number][0]] = True
    pixels = CODEC.decode_damaged(data, damaged, PIXELS)
    whole = CODEC.decode_file(data, PIXELS)
    np.testing.assert_array_equal(pixels[161:191], whole[161:191])
    assert (pixels[:160] == pixels[161]).all() and (pixels[192:] == pixels[190]).all()


def test_without_header_or_intervals_there_is_no_picture(data):
    for place in (0, 3, interval_bytes(data)[0][0] - 1):
        damaged = np.zeros(len(data), bool)
        damaged[place] = True
        with pytest.raises(ValueError, match="header .* is damaged"):
            CODEC.decode_damaged(data, damaged, PIXELS)
    damaged = np.ones(len(data), bool)
    damaged[: interval_bytes(data)[0][0]] = False
    with pytest.raises(ValueError, match="every restart interval"):
        CODEC.decode_damaged(data, damaged, PIXELS)
    with pytest.raises(ValueError, match="pixels are more than 100"):
        CODEC.decode_file(data, 100)


def test_unnoticed_damage_gives_a_picture_or_an_error(data):
    rng = np.random.default_rng(1)
    pictures = 0
    for _ in range(300):
        received = np.frombuffer(data, np.uint8).copy()
        places = rng.integers(0, rng.choice([30, 600, len(data)]), rng.integers(1, 20))
        received[places] = rng.integers(0, 256, len(places))
        try:
            pixels = CODEC.decode_file(received.tobytes(), PIXELS)
        except ValueError:
            continue
        assert pixels.dtype == np.uint8 and pixels.ndim == 3
        pictures += 1
    assert pictures > 10
    for length in (0, 1, 5, 500):
        with pytest.raises(ValueError, match="damaged"):
            CODEC.decode_file(data[:length], PIXELS)


def test_a_vertical_ramp_is_concealed_exactly():
    ramp = np.repeat(np.arange(80, dtype=np.uint8)[:, None, None], 5, axis=1) + np.zeros(
        3, np.uint8
    )
    lost = np.array([False, True, False, True, True, False, False, False, False, False])
    broken = np.where(np.repeat(lost, 8)[:, None, None], np.uint8(0), ramp)
    np.testing.assert_array_equal(conceal_rows(broken, lost, 8), ramp)


def test_damaged_code_blocks_are_concealed(photo):
    """Where the last code block fails its rows are concealed; where the first fails the header is lost."""
    image = to_float(photo)[None]
    modem = TransportBlockModem(get_mcs(10))

    def budget(height, width, csi):
        return 160_000

    chain = DigitalChain("jpeg-ldpc-rst", ConcealingSource(CODEC, FileSource(CODEC, budget)), modem)
    sent = chain.transmit(image)
    symbols = sent.symbols.shape[1]
    blocks = modem.code_blocks(symbols)
    no = np.full((2, symbols), 1e-3, np.float32)
    no[0, symbols * (len(blocks) - 1) // len(blocks) :] = (
        10.0  # the last code block of the first row
    )
    no[1, : symbols // len(blocks)] = 10.0  # the first one of the second, with the header
    noise = (
        np.random.default_rng(2).standard_normal((2, 2 * symbols), np.float32).view(np.complex64)
    )
    got = chain.receive(sent.symbols + np.sqrt(no / 2) * noise, no, sent.header)
    assert got.decoded.tolist() == [True, False]
    assert (got.images[1] == 0.5).all()
    assert psnr(got.images[:1], image)[0] > 20
    plain = DigitalChain("jpeg-ldpc", FileSource(JPEG, budget), modem).transmit(image)
    assert abs(len(plain.payload.indices[0]) - len(sent.payload.indices[0])) < 8000
