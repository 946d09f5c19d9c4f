"""Checks of the installation and its settings, made before a run begins."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

from moclink.constants import BACKENDS, ENGINES
from moclink.matrix_products import VARIABLE as PRODUCTS
from moclink.matrix_products import asked_products
from moclink.sionna_version import TENSORFLOW, TORCH, VARIABLE, WrongSionna, check_sionna

CPUINFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # the last one of ARM
LEAST_ADDRESS_SPACE = 9 * 2**28  # bytes; within 2 GiB TensorFlow and LLVM cannot be loaded


def use_engine(name: str) -> None:
    """Ask for an engine, in this process and in those that it starts; before Sionna is loaded.

    Args:
        name: "tensorflow" or "torch".

    Raises:
        ValueError: It is not the one that is installed.
    """
    os.environ[VARIABLE] = name
    check_sionna()
    use_backend_of_engine()


def use_backend_of_engine() -> None:
    """Let Keras run on PyTorch where Sionna does, unless KERAS_BACKEND or keras.json says else.

    Sionna blocks can then be Keras layers, and no TensorFlow is needed. Nothing is done if Keras is
    loaded already, or if Sionna cannot be used, which whatever needs it will say.
    """
    if "KERAS_BACKEND" in os.environ or "keras" in sys.modules:
        return
    try:
        engine = check_sionna()
    except WrongSionna:
        return
    # Keras itself writes its default backend, TensorFlow, into that file.
    if engine == TORCH and _chosen_backend()[0] == TENSORFLOW:
        os.environ["KERAS_BACKEND"] = TORCH


def check_environment() -> None:
    """Check working folder, address space, Sionna's version, Numba's compiler and Keras's backend.

    Raises:
        ValueError: If one of them cannot be used; the message says what is needed.
    """
    check_working_folder()
    check_address_space()
    import moclink.phy  # noqa: F401 - checks Sionna's version

    try:
        from moclink.numba_cache import check_compiler
    except ValueError as error:  # of Numba, which does not name the variable
        threads = os.environ.get("NUMBA_NUM_THREADS")
        raise ValueError(f"NUMBA_NUM_THREADS is {threads!r}: {error}") from error
    check_compiler()
    check_backend()
    check_products()


def check_working_folder() -> None:
    """Check that the working folder is still there: TensorFlow cannot be loaded without one.

    Raises:
        ValueError: If it has been deleted under this process.
    """
    try:
        os.getcwd()
    except OSError as error:
        raise ValueError(
            f"the working folder cannot be used ({error.strerror}), it may have been deleted; "
            "change to another one (cd)"
        ) from error


def check_address_space() -> None:
    """Check that TensorFlow fits into the address space of this process.

    Raises:
        ValueError: If `ulimit -v` or a batch system has limited it to less.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limits
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        raise ValueError(
            f"the address space of this process is limited to {limit / 2**30:.1f}G (ulimit -v), "
            f"too little to load TensorFlow; {LEAST_ADDRESS_SPACE / 2**30:.2f}G are needed at least"
        )


def set_matplotlib_settings_aside() -> None:
    """Load Matplotlib without what a user has set: its backend, and a matplotlibrc, whatever it holds.

    For command lines, whose figures need neither a window nor a user's style.

    Raises:
        ValueError: If there is a style file that Matplotlib cannot read.
    """
    os.environ.pop("MPLBACKEND", None)  # of a notebook that this was started from
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        its_own = Path(found.origin).parent / "mpl-data" / "matplotlibrc"
        os.environ["MATPLOTLIBRC"] = str(its_own)
    try:
        import matplotlib.style  # noqa: F401 - which reads all style files of the user's
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Matplotlib cannot read a style file of yours, which is not UTF-8 ({error.reason}); "
            "mend it or remove it from the folder stylelib of Matplotlib's settings"
        ) from error


def check_backend() -> None:
    """Check that the backend that Keras will load is installed.

    Raises:
        ValueError: If it is not, or there is no such backend.
    """
    name, place = _chosen_backend()
    if name not in BACKENDS:
        raise ValueError(f"{place} is {name!r}; Keras has {', '.join(BACKENDS)}")
    if importlib.util.find_spec(name) is None:
        raise ValueError(
            f"{place} is {name!r}, which is not installed; install it, or set "
            f"KERAS_BACKEND={check_sionna()}"
        )


def check_products() -> None:
    """Check what MOCLINK_PRODUCTS asks for.

    Raises:
        ValueError: If there is no such precision, or Keras's backend or, with TensorFlow, the
            processor does not know it.
    """
    asked, backend = asked_products(), _chosen_backend()[0]
    if asked in (None, "float32") or backend == TORCH:
        return
    if asked != "bfloat16" or backend != TENSORFLOW:
        raise ValueError(
            f"{PRODUCTS} is {asked!r}, which Keras on {backend} does not know; unset it, or choose "
            "--engine torch"
        )
    if not has_bfloat16():
        raise ValueError(
            f"{PRODUCTS} is {asked!r}, for which this processor has no instructions (amx_bf16 or "
            f"avx512_bf16 in {CPUINFO}); unset it"
        )


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, as far as Linux says."""
    try:
        words = set(CPUINFO.read_text().split())
    except OSError:
        return False
    return bool(words & BFLOAT16_FLAGS)


def parameters_of_engine() -> dict[str, str]:
    """What identifies the arithmetic of a run, by name; nothing that is the default."""
    engine, asked = check_sionna(), asked_products()
    # Not the defaults: runs that were begun before there was a choice continue.
    return {
        **({"engine": engine} if engine != ENGINES[0] else {}),
        **({"products": asked} if asked not in (None, "float32") else {}),
    }


def _chosen_backend() -> tuple[str, str]:
    """Keras's backend, and where it was chosen: the environment, then the user's keras.json."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name, "KERAS_BACKEND"
    home = os.environ.get("KERAS_HOME")
    # Without a home, as of a user that a container does not know, "~" stays as it is.
    path = Path(home or os.path.expanduser("~/.keras")) / "keras.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        return str(settings.get("backend", BACKENDS[0])), f"backend in {path}"
    except (OSError, ValueError, AttributeError, RuntimeError):  # as Keras: its defaults
        return BACKENDS[0], "KERAS_BACKEND"
