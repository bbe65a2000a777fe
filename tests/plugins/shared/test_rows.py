"""Rows of any source by their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.plugin import ArraySource
from latent_analyze_plugins.shared.rows import rows_of


@pytest.mark.parametrize("numbers", [[], [3], [9999, 0, 3, 3, 8200], list(range(10_000))[::-1]])
def test_rows_come_in_the_order_asked_for(numbers: list[int]) -> None:
    z = np.random.default_rng(0).standard_normal((10_000, 16)).astype(np.float32)
    source = ArraySource(z)
    assert len(source.blocks()) > 1
    found = rows_of(source, np.array(numbers, np.int64))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, z[numbers])
