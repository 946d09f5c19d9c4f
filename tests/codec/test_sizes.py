"""Named sizes: their parts fit each other, and a size that was changed is as it was."""

import pytest

from moclink.codec.sizes import SIZES, analog_size, size


@pytest.mark.parametrize("name", SIZES)
def test_parts_fit_each_other(name):
    parts = size(name)
    assert len({part["latent_channels"] for part in parts.values()}) == 1
    for part in ("encoder", "decoder"):
        patch, widths = parts[part]["patch"], parts[part]["widths"]
        assert patch * 2 ** (len(widths) - 1) == 8 and len(widths) == len(parts[part]["depths"])
    nrb = parts["nrb"]
    assert nrb["width"] % nrb["heads"] == 0
    analog = analog_size(name, 48)
    assert {analog[part]["latent_channels"] for part in ("encoder", "decoder")} == {48}
    assert analog["encoder"]["widths"] == parts["encoder"]["widths"]


def test_a_size_that_was_changed_is_as_it_was():
    size("toy")["encoder"]["widths"].append(99)
    analog_size("toy")["decoder"]["depths"].clear()
    assert size("toy")["encoder"]["widths"] == [16, 32]
    assert analog_size("toy")["decoder"]["depths"] == [1, 0]


def test_unknown_size_is_refused():
    for make in (size, analog_size):
        with pytest.raises(ValueError, match="'huge'.*paper, small, toy"):
            make("huge")
