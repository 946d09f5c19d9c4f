"""Objects of the user's as bytes for worker processes, Keras layers of their own classes among them.

Keras pickles a layer as an archive that names its class, and looks for the class by that name when
it is read: one that is not registered, or defined in a script, is not found. The classes are sent
along here.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
from typing import Any

import cloudpickle


class _Pickler(cloudpickle.Pickler):
    """Collects the classes of the Keras layers that it pickles."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.classes: dict[str, type] = {}

    def reducer_override(self, obj: Any) -> Any:
        keras = sys.modules.get("keras")
        if keras is not None and isinstance(obj, keras.layers.Layer):
            for layer in obj._flatten_layers():
                kind = type(layer)
                if kind.__module__.partition(".")[0] not in ("keras", "moclink"):
                    self.classes[keras.saving.get_registered_name(kind)] = kind
        return super().reducer_override(obj)


def dumps(value: Any) -> bytes:
    """Pickle a value with cloudpickle, and the classes of Keras layers in it.

    Raises:
        TypeError, AttributeError, ValueError, pickle.PicklingError: If something in it cannot be.
    """
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump(value)
    return cloudpickle.dumps((pickler.classes, file.getvalue()))


def loads(data: bytes) -> Any:
    """A copy of the value that `dumps` was given."""
    classes, value = pickle.loads(data)
    scope: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if classes:  # with which Keras was imported
        scope = sys.modules["keras"].saving.custom_object_scope(classes)
    with scope:
        return pickle.loads(value)
