"""The dry run of user-defined chains: what is tried, and what is said of it."""

import numpy as np
import pytest

from moclink.images import Picture
from moclink.sweep.dry_run import DryRun, find_memory, make_dry_runs, report_memory, try_chain
from moclink.sweep.plan import Plan
from moclink.sweep.session import Session
from moclink.sweep.workers import Pool


class Shades:
    """Sends the mean colour, of pictures of at least 16 lines."""

    def encode(self, images):
        if images.shape[1] < 16:
            raise RuntimeError("too few lines")
        return images.mean(axis=(1, 2)) - 0.5

    def decode(self, received, height, width):
        shape = (len(received), height, width, 3)
        return np.broadcast_to(received[:, None, None] + 0.5, shape)


class Remembering(Shades):
    """Shows the mean colour that the encoder has left in the object."""

    def encode(self, images):
        self.mean = images.mean(axis=(1, 2))
        return images[:, :2, :2] - 0.5

    def decode(self, received, height, width):
        return super().decode(np.repeat(self.mean, len(received), 0) - 0.5, height, width)


def picture(name, height, width=24):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    return Picture(name, pixels)


def session(**chains):
    return Session(Plan((20.0,), tuple(chains)), chains)


def test_users_chains_are_tried_with_the_three_smallest_pictures():
    plan = Plan((20.0,), ("jpeg-ldpc", "mine", "random-64qam"))
    pictures = [picture(str(height), height) for height in (40, 16, 24, 32)]
    (made,) = make_dry_runs(plan, {"mine": Shades()}, pictures)
    assert made.chain == "mine" and [p.name for p in made.pictures] == ["16", "24", "32"]
    assert make_dry_runs(plan, {}, pictures) == []


def test_a_chain_passes_if_one_picture_does_and_else_its_first_problem_is_told():
    low, high = picture("low", 8), picture("high", 24)
    mine = session(mine=Shades())
    assert list(try_chain(mine, DryRun("mine", (low, high)))) == []
    (problem,) = try_chain(mine, DryRun("mine", (low, picture("lower", 9))))
    assert "RuntimeError: too few lines" in problem and problem.endswith("(picture low)")


def test_what_decode_makes_wrong_is_told_too():
    class Loud(Shades):
        def decode(self, received, height, width):
            return np.full((len(received), height, width, 3), 200.0)

    (problem,) = try_chain(session(loud=Loud()), DryRun("loud", (picture("a", 24),)))
    assert problem.startswith("chain loud: decode returned") and "divide by 255" in problem


@pytest.mark.parametrize(("kind", "count"), [(Shades, 0), (Remembering, 1)])
def test_a_decoder_that_remembers_the_picture_is_found_and_reported(kind, count, capsys):
    run = DryRun("mine", (picture("low", 8), picture("a", 24)))
    assert len(list(find_memory(session(mine=kind()), run))) == count
    with Pool(1) as pool:
        report_memory(pool, [run], lambda: session(mine=kind()))
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == count
    assert all(note.startswith("note: chain mine: decode gives another picture") for note in notes)
