"""The MCS tables against Sionna's."""

import numpy as np
import pytest
from sionna.phy.nr.utils import decode_mcs_index

from moclink.phy.mcs import MCS_TABLES, get_mcs
from moclink.phy.tensors import tensor


@pytest.mark.parametrize(("table", "count"), [(1, 29), (2, 28), (3, 29)])
def test_tables_equal_sionnas(table, count):
    schemes = MCS_TABLES[table]
    assert [mcs.index for mcs in schemes] == list(range(count))
    order, rate = decode_mcs_index(tensor(np.arange(count)), table_index=table, is_pusch=False)
    assert [mcs.bits_per_symbol for mcs in schemes] == order.numpy().tolist()
    np.testing.assert_allclose([mcs.coderate for mcs in schemes], rate.numpy(), rtol=1e-6)
    assert all(float(mcs.exact_coderate) == mcs.coderate for mcs in schemes)


def test_a_scheme_of_the_standard():
    mcs = get_mcs(20, table=2)
    assert (mcs.bits_per_symbol, mcs.rate_1024) == (8, 682.5)
    assert mcs.spectral_efficiency == pytest.approx(5.3320, abs=5e-5)  # the table's own column


@pytest.mark.parametrize(
    ("index", "table", "named"), [(29, 1, "0 to 28"), (28, 2, "0 to 27"), (0, 4, "1, 2, 3")]
)
def test_schemes_that_do_not_exist_are_named(index, table, named):
    with pytest.raises(ValueError, match=named):
        get_mcs(index, table)


@pytest.mark.parametrize("index", ["5", 5.0, None])
def test_an_index_is_a_whole_number(index):
    assert get_mcs(np.int64(5)) == get_mcs(5)
    with pytest.raises(ValueError, match=f"MCS {index!r}: the index is a whole number"):
        get_mcs(index)
