"""Command line of the training: python -m moclink.train STAGE.

    python -m moclink.train patches  --out data PHOTOS...        images -> packed patches
    python -m moclink.train stage1   --data data --out runs/s1   autoencoder and codebooks, no noise
    python -m moclink.train reorder  --data data --codec runs/s1/codec --out runs/reordered
    python -m moclink.train stage2   --data data --codec runs/reordered/codec --out runs/s2
    python -m moclink.train jscc     --data data --out runs/jscc    the analog codec, for comparison
    python -m moclink.train link     --out runs/link PHOTOS...   restoration network of the linear link
    python -m moclink.train link-gpu --out runs/gpu PHOTOS...    the same in minutes of a GPU
    python -m moclink.train export   --codec runs/s2/codec --out my-codec
    python -m moclink.train all      --out runs/mine PHOTOS...   patches to export, for a first try

Each stage writes `codec.json` and `codec.weights.h5` into its folder, which the next one takes,
beside its checkpoint, log and images. The same command continues a run that was stopped.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from moclink.environment import check_address_space, check_working_folder
from moclink.standard_streams import FULL, command
from moclink.sweep.tensorflow_log import quietly
from moclink.training.commands import run_stage
from moclink.training.options import make_parser, use_backend


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run a stage.

    Args:
        argv: Arguments; None for those of the process.

    Returns:
        0 when done, 2 if an option or a file is wrong, 130 if stopped by a signal.
    """
    args = make_parser(__doc__).parse_args(argv)
    try:
        check_working_folder()
        check_address_space()
        if getattr(args, "backend", None):
            use_backend(args.backend)
        with quietly():  # TensorFlow's notes on the machine, which it writes while it is loaded
            importlib.import_module("keras")
        return run_stage(args)
    except (ValueError, OSError, FloatingPointError) as error:
        full = isinstance(error, OSError) and error.errno in FULL and hasattr(args, "out")
        text = f"{error} in {args.out}" if full else str(error)
        print(f"moclink.train: {' '.join(text.split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
