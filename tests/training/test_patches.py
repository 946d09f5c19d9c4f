import numpy as np
import pytest
from PIL import Image

from moclink.training import patches
from moclink.training.patches import CropFeeder, PatchOptions, PatchPack
from moclink.training.picture_lists import list_pictures


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1100, 1600), [(512, 512)] * 6),
        ((512, 1023), [(512, 512)]),
        ((320, 480), [(320, 480)]),
        ((320, 1024), [(320, 512)] * 2),
        ((100, 900), []),
    ],
)
def test_the_grid_is_whole_and_smaller_pictures_give_what_they_can(shape, expected):
    image = noise(*shape)
    cut = patches.cut(image, PatchOptions())
    assert [p.shape[:2] for p in cut] == expected


def test_patches_tile_the_picture_without_overlap():
    image = noise(64, 96)
    cut = patches.cut(image, PatchOptions(size=32, min_side=32))
    rows = [np.concatenate(cut[i : i + 3], axis=1) for i in (0, 3)]
    assert np.array_equal(np.concatenate(rows), image)


def test_flat_patches_are_dropped_by_their_luma():
    image = np.full((64, 128, 3), 90, np.uint8)
    image[:, 64:, 0] = noise(64, 64)[..., 0]
    options = PatchOptions(size=64, min_side=64)
    kept = patches.cut(image, options)
    assert len(kept) == 1
    expected = 0.299 * image[:, 64:, 0].astype(float).std()  # only red varies
    assert patches.luma_std(kept[0]) == pytest.approx(expected, rel=1e-4)


def test_a_pack_gives_back_its_pixels(tmp_path):
    images = [noise(64, 96, 1), noise(80, 64, 2)]
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    counts = patches.make_pack(
        list_pictures([tmp_path]), tmp_path / "pack", PatchOptions(size=64, min_side=64)
    )
    assert counts == patches.PackCounts(pictures=2, patches=2, skipped=0, unreadable=())
    pack = PatchPack(tmp_path / "pack")
    assert np.array_equal(pack[0], images[0][:, :64])
    assert np.array_equal(pack[1], images[1][:64])


def test_shrinking_gives_smaller_patches_within_the_range(tmp_path):
    Image.fromarray(noise(200, 200)).resize((400, 400)).save(tmp_path / "a.png")
    options = PatchOptions(size=512, resize=(0.5, 0.75), min_side=64)
    patches.make_pack([tmp_path / "a.png"] * 8, tmp_path / "pack", options)
    sides = [PatchPack(tmp_path / "pack")[i].shape[0] for i in range(8)]
    assert 200 <= min(sides) < max(sides) <= 300


def test_shrinking_can_be_kept_to_some_folders(tmp_path):
    for name in ("faces", "scenes"):
        (tmp_path / name).mkdir()
        Image.fromarray(noise(128, 128)).save(tmp_path / name / "a.png")
    options = PatchOptions(resize=(0.5, 0.5), resize_only=(str(tmp_path / "faces"),), min_side=32)
    patches.make_pack(list_pictures([tmp_path]), tmp_path / "pack", options)
    assert [PatchPack(tmp_path / "pack")[i].shape[0] for i in (0, 1)] == [64, 128]


def test_the_batch_of_a_step_depends_on_seed_and_step_alone(data):
    pack = PatchPack(data)
    one, two = (CropFeeder(pack, 32, 4, seed=5) for _ in range(2))
    two(0), two(1)
    assert np.array_equal(one(7), two(7))
    assert not np.array_equal(one(7), one(8))
    assert not np.array_equal(one(7), CropFeeder(pack, 32, 4, seed=6)(7))
    assert one(7).shape == (4, 32, 32, 3) and 0 <= one(7).min() and one(7).max() <= 1


def test_crops_are_parts_of_patches_and_larger_patches_are_drawn_more_often(tmp_path):
    for name, side, value in (("small", 32, 60), ("large", 64, 200)):
        image = np.full((side, side, 3), value, np.uint8)
        image[::2] -= 50
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    options = PatchOptions(size=64, min_side=32)
    patches.make_pack(list_pictures([tmp_path]), tmp_path / "pack", options)
    feeder = CropFeeder(PatchPack(tmp_path / "pack"), 32, 400, augment=False)
    share = (feeder(0).max(axis=(1, 2, 3)) > 0.5).mean()
    # Areas 4096 and 1024: 0.8 with a standard error of 0.02.
    assert abs(share - 0.8) < 0.08


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda d: PatchOptions(size=4), "--size is 4"),
        (lambda d: PatchOptions(resize=(0.9, 0.5)), "--resize is"),
        (lambda d: PatchPack(d), "make one with"),
    ],
)
def test_errors_name_what_is_wrong(tmp_path, action, words):
    with pytest.raises(ValueError, match=words):
        action(tmp_path)


def test_a_pack_that_is_cut_short_is_refused(data, tmp_path):
    for name in ("patches.bin", "patches.json"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    with open(tmp_path / "patches.bin", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match="cut short"):
        PatchPack(tmp_path)


def test_crops_that_cannot_be_drawn_are_refused(data):
    with pytest.raises(
        ValueError, match="as large as a crop of 4096 pixels; give --crop 64 or less"
    ):
        CropFeeder(PatchPack(data), 4096, 1)
    with pytest.raises(ValueError, match="--crop is 100; it must be a multiple of 8"):
        CropFeeder(PatchPack(data), 100, 1)


def test_pictures_that_cannot_be_read_are_left_out_and_named(tmp_path):
    for name in "abc":
        Image.fromarray(noise(128, 128)).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:500])
    (tmp_path / "d.jpg").write_bytes(b"no picture")
    counts = patches.make_pack(list_pictures([tmp_path]), tmp_path / "pack")
    assert (counts.pictures, counts.patches, counts.skipped) == (2, 2, 0)
    assert [("b.png" in line, "d.jpg" in line) for line in counts.unreadable] == [
        (True, False),
        (False, True),
    ]
    assert len(PatchPack(tmp_path / "pack")) == 2


def test_a_run_that_breaks_off_leaves_no_pixels_without_an_index(tmp_path, monkeypatch):
    Image.fromarray(noise(128, 128)).save(tmp_path / "a.png")
    monkeypatch.setattr(
        patches, "cut", lambda *_: (_ for _ in ()).throw(OSError("No space left on device"))
    )
    with pytest.raises(OSError, match="No space"):
        patches.make_pack([tmp_path / "a.png"], tmp_path / "pack")
    assert list((tmp_path / "pack").iterdir()) == []


@pytest.mark.parametrize(
    "index", ["{}", "[]", '{"patches": []}', '{"patches": [{"shape": [1, 2]}]}']
)
def test_a_damaged_index_is_refused(data, tmp_path, index):
    (tmp_path / "patches.bin").write_bytes((data / "patches.bin").read_bytes())
    (tmp_path / "patches.json").write_text(index)
    with pytest.raises(ValueError, match="no pack of patches"):
        PatchPack(tmp_path)
