"""Chains that are one scheme at several bandwidth ratios."""

from moclink.results.metrics import METRICS_BY_COLUMN
from moclink.results.schemes import scheme_points, schemes


def test_variants_of_levels_are_schemes_of_their_own():
    chains = ["moc-rvq-l1", "moc-rvq-l1-no-nrb", "moc-rvq-l2", "moc-rvq-perceptual-l2", "own/l1"]
    assert schemes(chains) == {
        "MOC-RVQ": ["moc-rvq-l1", "moc-rvq-l2"],
        "MOC-RVQ, w/o NRB": ["moc-rvq-l1-no-nrb"],
        "MOC-RVQ perceptual": ["moc-rvq-perceptual-l2"],
        "own/l1": ["own/l1"],
    }


def test_points_stand_at_what_was_sent(row):
    rows = [row(f"bpg-ldpc@1/{n}", i, psnr_db=1.0, cbr=1 / n) for n in (24, 96) for i in "xy"]
    points = scheme_points(
        rows, ["bpg-ldpc@1/24", "bpg-ldpc@1/96", "gone"], METRICS_BY_COLUMN["psnr_db"], "grey"
    )
    assert [(round(1 / ratio), point.images) for ratio, point in points] == [(96, 2), (24, 2)]
