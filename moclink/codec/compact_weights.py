"""Weights of Keras as a smaller HDF5 file with the same contents.

Keras compresses in chunks of some kilobytes, whose bookkeeping takes a tenth of the file. Here each
large array is one chunk, its bytes sorted by significance before they are compressed.
"""

from __future__ import annotations

import os
from pathlib import Path

LEAST = 1024  # numbers of an array that is worth compressing


def compact(source: str | Path, target: str | Path) -> None:
    """Copy an HDF5 file of weights.

    Args:
        source: File that Keras wrote.
        target: Where to write; Keras loads it as it loads the source.
    """
    import h5py

    # Groups without times, so that equal weights make equal files.
    group, root = (h5py.h5p.create(kind) for kind in (h5py.h5p.GROUP_CREATE, h5py.h5p.FILE_CREATE))
    group.set_obj_track_times(False)
    root.set_obj_track_times(False)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    made_file = h5py.h5f.create(os.fsencode(target), fcpl=root, fapl=access)
    with h5py.File(source, "r") as old, h5py.File(made_file) as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                stored = {"chunks": item.shape, "compression": "gzip", "compression_opts": 9}
                options = {**stored, "shuffle": True} if item.size >= LEAST else {}
                made = new.create_dataset(name, data=item[()], **options)
            else:
                h5py.h5g.create(new.id, name.encode(), gcpl=group)
                made = new[name]
            for key, value in item.attrs.items():
                made.attrs[key] = value

        new.attrs.update(old.attrs)
        old.visititems(copy)
