"""Sionna's precision: results do not depend on what a user has set."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_precision() -> Iterator[None]:
    """Set Sionna's `config.precision` to its default for a while; nothing if Sionna is not loaded.

    A generator draws other numbers in double precision, and worker processes know nothing of the
    setting, so a row would depend on it and on who computes it.
    """
    config = getattr(sys.modules.get("sionna.phy"), "config", None)
    if config is None:
        yield
        return
    before = config.precision
    config.precision = "single"
    try:
        yield
    finally:
        config.precision = before
