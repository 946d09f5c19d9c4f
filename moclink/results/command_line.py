"""What the command lines of stored results share."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong argument with one line and status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and stop."""
        self.exit(2, f"moclink: {message} (--help shows the options)\n")


def comma_list(text: str) -> list[str]:
    """The parts of a comma list, without blanks around them."""
    return [part.strip() for part in text.split(",") if part.strip()]
