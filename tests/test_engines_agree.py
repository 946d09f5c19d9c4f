"""Both engines against one stored set of values, of Sionna 1.2 on TensorFlow (tests/refs/engines.md)."""

import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest

REFS = Path(__file__).with_name("refs")
MADE = runpy.run_path(str(REFS / "make_engines.py"))
ROWS = json.loads((REFS / "engines_rows.json").read_text())
# Figures of learned chains are those of float32 networks, which sum in another order. Largest
# differences seen over 120 rows: 2.4e-5 dB and 1.0e-6 SSIM.
BOUNDS = {"psnr_db": 1e-3, "ssim": 1e-5, "papr_db": 1e-4, "energy": 1e-5, "ier": 1e-3, "ber": 1e-3}


@pytest.fixture(scope="module")
def stored():
    with np.load(REFS / "engines.npz") as found:
        return dict(found)


@pytest.fixture(scope="module")
def found():
    return MADE["link_values"]()


def test_encoders_give_equal_bits_and_the_mapper_equal_symbols(stored, found):
    assert found.keys() == stored.keys()
    bits = [name for name in stored if stored[name].dtype == np.uint8]
    assert len(bits) == 4
    for name in bits:
        np.testing.assert_array_equal(found[name], stored[name], err_msg=name)
    for name in (name for name in stored if name.startswith("symbols")):
        np.testing.assert_allclose(found[name], stored[name], rtol=0, atol=1e-7, err_msg=name)


def test_llrs_and_detected_symbols_agree(stored, found):
    names = [name for name in stored if name.startswith("llrs")]
    assert len(names) == 8
    for name in names:
        # They reach 67, where a float32 has steps of 7.6e-6: the largest difference seen.
        np.testing.assert_allclose(found[name], stored[name], rtol=1e-6, atol=1e-5, err_msg=name)
    for name in ("lmmse/symbols", "lmmse/variances"):
        np.testing.assert_allclose(found[name], stored[name], rtol=1e-9, err_msg=name)


def test_soft_decisions_of_the_decoder_agree(stored, found):
    assert np.abs(stored["decoded"]).max() > 5 and (stored["decoded"] > 0).any()
    np.testing.assert_allclose(found["decoded"], stored["decoded"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chain", MADE["CLASSICAL"])
def test_rows_of_classical_chains_are_equal(chain):
    """Exactly, but that another processor may round the mean of squares in another way."""
    expected = [row for row in ROWS["classical"] if row["chain"] == chain]
    rows = MADE["rows"]((chain,))
    assert len(rows) == len(expected) == len(MADE["SNRS"])
    for row, stored in zip(rows, expected, strict=True):
        compare(row, stored, dict.fromkeys(BOUNDS, 1e-6) | {"ber": 0.0, "ier": 0.0})


@pytest.mark.parametrize("chain", MADE["LEARNED"])
def test_rows_of_learned_chains_agree_within_the_rounding_of_the_networks(chain):
    expected = [row for row in ROWS["learned"] if row["chain"] == chain]
    rows = MADE["rows"]((chain,))
    assert len(rows) == len(expected) == len(MADE["SNRS"])
    for row, stored in zip(rows, expected, strict=True):
        compare(row, stored, BOUNDS)


def compare(row, stored, bounds):
    assert row.keys() == stored.keys()
    for name, value in stored.items():
        bound = bounds.get(name, 0.0)
        same = row[name] == value or (
            isinstance(value, float) and math.isclose(row[name], value, rel_tol=0, abs_tol=bound)
        )
        assert same, f"{name}: {row[name]} instead of {value}"
