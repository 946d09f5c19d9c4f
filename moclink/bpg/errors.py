"""What can go wrong with a BPG file: one family of errors, all of them `ValueError`."""

from __future__ import annotations


class BpgError(ValueError):
    """A BPG file, or what was asked of it, cannot be used; the message says what and why."""


class CorruptBpgError(BpgError):
    """The bytes break a rule of the format: truncated, out of range, or not decodable."""


class UnsupportedBpgError(BpgError):
    """The file may well be valid, but uses a feature that this package refuses; the message names it."""


class BpgTooLargeError(BpgError):
    """A picture has more pixels than are allowed, or sides that the encoder does not take."""
