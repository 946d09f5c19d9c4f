"""`python -m moclink`: says which commands there are."""

from __future__ import annotations

import sys

COMMANDS = {
    "simulate": "send pictures through transmit chains over a noisy channel",
    "figures": "draw the figures of stored runs again",
    "tables": "tables for papers from stored runs",
    "results": "CSV files of a stored run",
    "train": "train a codec, stage by stage",
    "bpg": "read and write BPG pictures",
}


def main() -> int:
    """Print the commands; the status is that of a wrong command line."""
    print("usage: python -m moclink.COMMAND [--help], with COMMAND one of", file=sys.stderr)
    for name, text in COMMANDS.items():
        print(f"  {name:9} {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
