"""Pillow's process-wide settings, set for a while whatever the calling program has set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile

# Runs in several threads would else put back what the other one has set.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def pillow_settings(show_truncated: bool) -> Iterator[None]:
    """Set Pillow's settings for a while: without this a figure would depend on a user's program.

    `Image.MAX_IMAGE_PIXELS` is lifted, since the package has limits of its own.

    Args:
        show_truncated: `ImageFile.LOAD_TRUNCATED_IMAGES`: whether a file that is cut short is shown
            as far as it goes, or refused.
    """
    with _ONE_AT_A_TIME:
        before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = show_truncated, None
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = before
