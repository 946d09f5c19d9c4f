"""Weights of Keras as a smaller HDF5 file with the same contents.

Keras compresses in chunks of some kilobytes, whose bookkeeping takes a tenth of the file. Here each
large array is one chunk, its bytes sorted by significance before they are compressed.
"""

from __future__ import annotations

from pathlib import Path

LEAST = 1024  # numbers of an array that is worth compressing


def compact(source: str | Path, target: str | Path) -> None:
    """Copy an HDF5 file of weights.

    Args:
        source: File that Keras wrote.
        target: Where to write; Keras loads it as it loads the source.
    """
    import h5py

    with h5py.File(source, "r") as old, h5py.File(target, "w", libver="latest") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                stored = {"chunks": item.shape, "compression": "gzip", "compression_opts": 9}
                options = {**stored, "shuffle": True} if item.size >= LEAST else {}
                made = new.create_dataset(name, data=item[()], **options)
            else:
                made = new.require_group(name)
            for key, value in item.attrs.items():
                made.attrs[key] = value

        new.attrs.update(old.attrs)
        old.visititems(copy)
