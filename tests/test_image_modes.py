"""Sample ranges, transparency and colour profiles of every mode that files come in."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from moclink.image_modes import ImageError, to_srgb
from moclink.images import read_image

S_MIN, S_MAX, MAX = 340, 341, 281  # TIFF tags: SMinSampleValue, SMaxSampleValue, MaxSampleValue


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (9, 13, 3), np.uint8)


def png(path: Path, samples: np.ndarray, significant_bits: bytes | None = None) -> None:
    """Write 16-bit grey [H, W], or colour [H, W, 2 to 4], with an sBIT chunk: Pillow writes neither."""
    kind = 0 if samples.ndim == 2 else {2: 4, 3: 2, 4: 6}[samples.shape[2]]
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    if significant_bits:
        chunks.append((b"sBIT", significant_bits))
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_16_bits_of_full_range(tmp_path):
    grey = np.array([[0, 257, 65535, 128 * 257 + 100]], np.uint16)
    png(tmp_path / "a.png", grey)
    Image.fromarray(grey).save(tmp_path / "a.tif")
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 65535\n" + grey.astype(">u2").tobytes())
    for name in ("a.png", "a.tif", "a.pgm"):
        assert np.array_equal(read_image(tmp_path / name)[0, :, 1], [0, 1, 255, 128]), name


def test_12_bits_in_a_16_bit_png_are_scaled_by_its_sbit(tmp_path):
    samples = np.array([[0, 1, 2048, 4095, 4001]], np.uint16)
    wanted = np.rint(samples[0] * 255.0 / 4095)
    png(tmp_path / "raw.png", samples, bytes([12]))
    assert np.array_equal(read_image(tmp_path / "raw.png")[0, :, 0], wanted)
    # As the PNG specification wants it: bits repeated up to 16.
    png(tmp_path / "full.png", samples << 4 | samples >> 8, bytes([12]))
    assert np.array_equal(read_image(tmp_path / "full.png")[0, :, 0], wanted)


@pytest.mark.parametrize("highest", [255, 1023, 4095, 16383])
def test_16_bit_samples_that_use_few_bits_are_refused(tmp_path, highest):
    grey = np.linspace(0, highest, 12).astype(np.uint16).reshape(3, 4)
    png(tmp_path / "a.png", grey)
    png(tmp_path / "colour.png", np.repeat(grey[..., None], 3, 2))
    png(tmp_path / "alpha.png", np.stack([grey] * 3 + [np.full_like(grey, 65535)], -1))
    Image.fromarray(grey).save(tmp_path / "a.tif")
    for name in ("a.png", "colour.png", "alpha.png", "a.tif"):
        with pytest.raises(ImageError, match=f"{name}: its 16-bit samples reach only .*sBIT"):
            read_image(tmp_path / name)


def tiff(path: Path, samples: np.ndarray) -> None:
    """Write 16-bit RGB, which Pillow reads and does not write."""
    height, width = samples.shape[:2]
    bits = 8 + 2 + 9 * 12 + 4  # where the three BitsPerSample stand
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
    ]
    tags += [
        (273, 4, 1, bits + 6),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, samples.size * 2),
    ]
    directory = (
        struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    )
    header = b"II*\0" + struct.pack("<I", 8)
    path.write_bytes(
        header + directory + struct.pack("<3H", 16, 16, 16) + samples.astype("<u2").tobytes()
    )


def test_16_bit_colour_that_uses_few_bits_is_refused_in_every_format(tmp_path, colours):
    full, few = colours.astype(np.uint16) * 257, colours.astype(np.uint16) * 16
    for name, samples in (("full", full), ("few", few)):
        tiff(tmp_path / f"{name}.tif", samples)
        header = b"P6 # a comment\n13 9\n65535\n"
        (tmp_path / f"{name}.ppm").write_bytes(header + samples.astype(">u2").tobytes())
    for suffix in ("tif", "ppm"):
        assert np.array_equal(read_image(tmp_path / f"full.{suffix}"), colours)
        with pytest.raises(ImageError, match=f"few.{suffix}: its 16-bit samples reach only"):
            read_image(tmp_path / f"few.{suffix}")


def test_a_black_16_bit_picture_is_black(tmp_path):
    Image.fromarray(np.zeros((3, 4), np.uint16)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").max() == 0


def test_16_bit_colour_of_full_range(tmp_path, colours):
    png(tmp_path / "a.png", colours.astype(np.uint16) * 257)
    assert np.array_equal(read_image(tmp_path / "a.png"), colours)


def test_pgm_is_scaled_by_its_maximum(tmp_path):
    samples = np.array([[0, 100, 1000, 4095]], ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 4095\n" + samples.tobytes())
    wanted = np.rint(samples[0] * 255.0 / 4095)
    assert np.abs(read_image(tmp_path / "a.pgm")[0, :, 0] - wanted).max() <= 1


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, "floating-point"), (np.int32, "32-bit")])
def test_wide_samples_of_unknown_range_are_refused(tmp_path, dtype, kind):
    samples = np.array([[0, 0.25, 1]]) if dtype == np.float32 else np.array([[0, 100, 255]])
    Image.fromarray(samples.astype(dtype)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=f"a.tif: .* does not say which of its {kind} samples"):
        read_image(tmp_path / "a.tif")


def test_wide_samples_are_scaled_by_the_range_that_the_file_states(tmp_path):
    grey = np.array([[0, 51, 255]], np.int32)
    Image.fromarray(grey).save(tmp_path / "32.tif", tiffinfo={S_MAX: 255, S_MIN: 0})
    unit = (grey / 255).astype(np.float32)
    Image.fromarray(unit).save(tmp_path / "f.tif", tiffinfo={S_MAX: 1.0, S_MIN: 0.0})
    Image.fromarray((grey * 16).astype(np.uint16)).save(
        tmp_path / "12.tif", tiffinfo={MAX: 255 * 16}
    )
    for name in ("32.tif", "f.tif", "12.tif"):
        assert np.array_equal(read_image(tmp_path / name)[0, :, 2], [0, 51, 255]), name


def test_samples_that_are_not_finite_are_refused(tmp_path):
    Image.fromarray(np.array([[0, np.nan]], np.float32)).save(
        tmp_path / "a.tif", tiffinfo={S_MAX: 1.0}
    )
    with pytest.raises(ImageError, match="not finite"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_transparent_grey_level_becomes_white(tmp_path, dtype):
    top = np.iinfo(dtype).max
    grey = np.array([[0, 3, top]], dtype)
    Image.fromarray(grey).save(tmp_path / "a.png", transparency=3)
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 255]


def test_transparency_of_every_kind_is_laid_on_white(tmp_path):
    opaque = np.zeros((2, 3, 3), np.uint8)
    alpha = np.array([[0, 255, 51], [0, 255, 51]], np.uint8)
    rgba = Image.fromarray(np.dstack([opaque, alpha]))
    rgba.save(tmp_path / "rgba.png")
    rgba.convert("LA").save(tmp_path / "la.png")
    for name in ("rgba.png", "la.png"):
        assert np.array_equal(read_image(tmp_path / name)[0, :, 1], [255, 0, 204]), name
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png")[0].tolist() == [[255, 255, 255], [40, 50, 60]]


def profile(swapped: bool) -> bytes:
    """The sRGB profile, or one whose red is blue and blue is red."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if not swapped:
        return data
    table = bytearray(data)
    names = {
        data[at : at + 4]: at
        for at in range(132, 132 + 12 * struct.unpack(">I", data[128:132])[0], 12)
    }
    table[names[b"rXYZ"] : names[b"rXYZ"] + 4] = b"bXYZ"
    table[names[b"bXYZ"] : names[b"bXYZ"] + 4] = b"rXYZ"
    return bytes(table)


def test_an_icc_profile_is_applied(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=profile(swapped=True))
    found = read_image(tmp_path / "a.png").astype(int)
    assert (
        np.abs(found - colours[..., ::-1]).max() <= 2
    )  # arithmetic of 8 bits in the colour engine
    alpha = np.full((9, 13, 1), 255, np.uint8)
    Image.fromarray(np.dstack([colours, alpha])).save(
        tmp_path / "b.png", icc_profile=profile(swapped=True)
    )
    assert np.array_equal(read_image(tmp_path / "b.png"), found)


def test_the_srgb_profile_changes_nothing(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=profile(swapped=False))
    assert np.array_equal(read_image(tmp_path / "a.png"), colours)


def test_a_grey_picture_with_the_profile_of_a_screen(tmp_path, colours):
    Image.fromarray(colours[..., 0]).save(tmp_path / "a.png", icc_profile=profile(swapped=False))
    assert np.array_equal(read_image(tmp_path / "a.png")[..., 2], colours[..., 0])


def test_a_damaged_profile_is_refused(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=b"no profile")
    with pytest.raises(ImageError, match="a.png: its ICC profile is damaged"):
        read_image(tmp_path / "a.png")


def test_a_profile_that_does_not_fit_is_refused(tmp_path, colours):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(colours).save(tmp_path / "a.png", icc_profile=lab)
    with pytest.raises(ImageError, match="a.png: its ICC profile .*does not fit"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB"])
def test_every_mode_that_tiff_has(tmp_path, mode):
    grey = Image.fromarray(np.full((8, 8, 3), 255, np.uint8))
    if mode == "LAB":
        white = Image.merge(
            "LAB", [Image.new("L", (8, 8), 255), *[Image.new("L", (8, 8), 128)] * 2]
        )
    else:
        white = grey.convert(mode)
    white.save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").min() >= 253


@pytest.mark.parametrize("bits", [2, 4])
def test_a_transparent_level_of_few_bits_becomes_white(tmp_path, bits):
    """Pillow scales the samples of such files to 8 bits, and not the level that is transparent."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    row = {2: bytes([0b00011011]), 4: bytes([0x01, 0x23])}[bits]
    header = struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tRNS", b"\0\1"), (b"IDAT", zlib.compress(b"\0" + row))]
    data = b"".join(chunk(*part) for part in [*parts, (b"IEND", b"")])
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    unit = 255 // (2**bits - 1)
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 2 * unit, 3 * unit]


def test_a_transparent_colour_of_16_bits_is_refused(tmp_path):
    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = zlib.compress(b"\0" + struct.pack(">3H", 60000, 1, 2))
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(">3H", 60000, 1, 2)), (b"IDAT", row)]
    data = b"".join(chunk(*part) for part in [*parts, (b"IEND", b"")])
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    with pytest.raises(ImageError, match="of 16 bits, is transparent.*alpha"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("orientation", [3, 5, 6, 8])
def test_a_grey_tiff_that_lies_on_a_side_is_turned(tmp_path, kind, orientation):
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (6, 9), dtype=np.uint8)
    samples = grey if kind is np.uint8 else grey.astype(np.uint16) * 257
    Image.fromarray(samples).save(tmp_path / "a.tif", tiffinfo={274: orientation})
    turned = {3: np.rot90(grey, 2), 5: grey.T, 6: np.rot90(grey, -1), 8: np.rot90(grey)}
    assert np.array_equal(read_image(tmp_path / "a.tif")[..., 0], turned[orientation])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_signed_samples_are_refused(tmp_path, dtype):
    """Pillow takes them for unsigned: half of the range, or black for white."""
    samples = np.full((4, 4), np.iinfo(dtype).max // 2, dtype)
    path = tmp_path / "a.tif"
    image = Image.fromarray(samples)
    image.save(path, tiffinfo={339: 2})
    with pytest.raises(ImageError, match="a.tif: its samples are signed"):
        read_image(path)


def test_grey_that_is_multiplied_by_its_alpha_is_read():
    """TIFF with ExtraSamples 1, which Pillow opens in mode La."""
    image = Image.merge("LA", [Image.new("L", (2, 2), 100), Image.new("L", (2, 2), 128)])
    expected = to_srgb(image, "a")
    found = to_srgb(image.convert("La"), "a")
    assert np.abs(found.astype(int) - expected).max() <= 1
