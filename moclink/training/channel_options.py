"""The options of `python -m moclink.train channel`; loads no framework."""

from __future__ import annotations

from typing import Any

GRADIENTS = ("straight-through", "expected-distortion")


def add_channel(stages: Any) -> None:
    """Options of `channel`: encoder and decoder told the SNR."""
    from moclink.training.stage_options import add_run

    channel = stages.add_parser(
        "channel", help="encoder, decoder and codebooks through the channel, told the SNR"
    )
    add_run(channel, crop=128, batch=6, rate=5e-4, steps=5_000)
    channel.add_argument(
        "--codec",
        default="small",
        help="preset or path of a codec with channel-optimised codebooks (default small)",
    )
    channel.add_argument(
        "--codebooks", metavar="FILE", help="its codebooks, or a channel.npz to train on from"
    )
    sender = channel.add_mutually_exclusive_group()
    sender.add_argument("--levels", type=int, help="levels that are sent (default: all)")
    sender.add_argument(
        "--robust", action="store_true", help="of a sender that is not told the SNR"
    )
    channel.add_argument(
        "--gradient",
        choices=GRADIENTS,
        default=GRADIENTS[0],
        help="gradient of the latent (default %(default)s)",
    )
    channel.add_argument(
        "--latent",
        type=float,
        default=0.3,
        help="weight of the latent's distortion (default %(default)s)",
    )
    channel.add_argument(
        "--whole", action="store_true", help="train all weights of encoder and decoder"
    )
