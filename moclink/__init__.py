"""moclink: an end-to-end link simulator for digital semantic communication."""

from typing import TYPE_CHECKING, Any

from moclink.environment import use_backend_of_engine

__version__ = "0.1.0"

# Name -> module: loaded on first use, so that `import moclink` loads no framework.
_LAZY = {
    "run": "moclink.runs",
    "open_run": "moclink.results.run",
    "SemanticCodec": "moclink.codec.semantic_codec",
    "AnalogCodec": "moclink.codec.analog_codec",
    "SionnaLayer": "moclink.phy.layer",
    "SemanticLink": "moclink.link",
}
__all__ = ["AnalogCodec", "SemanticCodec", "SemanticLink", "SionnaLayer", "open_run", "run"]

if TYPE_CHECKING:
    from moclink.codec.analog_codec import AnalogCodec
    from moclink.codec.semantic_codec import SemanticCodec
    from moclink.link import SemanticLink
    from moclink.phy.layer import SionnaLayer
    from moclink.results.run import open_run
    from moclink.runs import run

use_backend_of_engine()  # before anything here loads Keras


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'moclink' has no attribute {name!r}")
    import importlib

    from moclink.sweep.tensorflow_log import quietly

    with quietly():  # without the notes that TensorFlow writes on the machine while it is loaded
        return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
