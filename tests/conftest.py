"""What tests of one engine need: `@pytest.mark.tensorflow_only("why")`, and the same for the other."""

import pytest

from moclink.sionna_version import check_sionna


def pytest_configure(config):
    for engine in ("tensorflow", "torch"):
        line = f"{engine}_only(reason): this cannot be asked of Sionna on the other framework"
        config.addinivalue_line("markers", line)


def pytest_runtest_setup(item):
    """Skip a test of the other engine, with its reason: it is listed, and not lost."""
    for engine in ("tensorflow", "torch"):
        mark = item.get_closest_marker(f"{engine}_only")
        if mark is not None and check_sionna() != engine:
            pytest.skip(f"of {engine} only: {mark.args[0]}")
