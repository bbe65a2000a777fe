"""Distinct rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.statistics import distinct_rows


@given(st.lists(st.tuples(*[st.sampled_from([-1.0, -0.0, 0.0, 2.5])] * 2), min_size=1, max_size=40))
def test_each_different_row_is_kept_once_in_its_first_place(rows: list[tuple[float, ...]]) -> None:
    seen = list(dict.fromkeys((a + 0.0, b + 0.0) for a, b in rows))
    kept = distinct_rows(np.array(rows, np.float32))
    assert [tuple(np.array(rows[i]) + 0.0) for i in kept] == seen


def test_no_row_is_distinct_of_none() -> None:
    assert distinct_rows(np.zeros((0, 3))).tolist() == []
