"""Options of the linear link's commands."""

import argparse

import pytest

from moclink.training.link_options import NETWORKS, PERCEPTUAL, seed
from moclink.training.options import make_parser


@pytest.mark.parametrize("text", ["-1", "4294967296", "1.5", "one", ""])
def test_a_seed_is_one_that_every_generator_takes(text):
    assert seed("0") == 0 and seed("4294967295") == 2**32 - 1
    with pytest.raises(argparse.ArgumentTypeError, match="no whole number from 0 to 4294967295"):
        seed(text)


def test_weights_that_are_not_given_are_told_from_zero():
    args = make_parser().parse_args(["link", "--out", "o", "--lpips-vgg", "0"])
    assert args.lpips_vgg == 0 and args.lpips_alex is None and args.st_lpips is None
    assert set(PERCEPTUAL) <= vars(args).keys()


def test_the_gpu_has_a_network_and_a_plan_of_its_own():
    link = make_parser().parse_args(["link", "--out", "o"])
    gpu = make_parser().parse_args(["link-gpu", "photos", "--out", "o"])
    assert gpu.backend == "jax" and {link.network, gpu.network} < set(NETWORKS)
    assert link.minutes is None and gpu.minutes > 0 and gpu.batch > link.batch
