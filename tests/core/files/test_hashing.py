from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latent_analyze.files.hashing import content_hash


def test_values_shape_and_dtype_count() -> None:
    base = np.arange(6, dtype=np.float32)
    different = [base, base.reshape(2, 3), base.reshape(3, 2), base.astype(np.float64), base + 1]
    assert len({content_hash(array) for array in different}) == len(different)
    assert content_hash(base.reshape(2, 3).T) == content_hash(base.reshape(2, 3).T.copy())


def test_types_and_boundaries_count() -> None:
    parts: list[tuple[Any, ...]] = [
        (1,), (1.0,), ("1",), (b"1",), (True,), (None,), (), ("ab", "c"), ("a", "bc"), ("abc",),
        (["a"],), (("a",),), (["a", "b"],), ({"a": 1},), ([["a"], "b"],), ([["a", "b"]],),
    ]  # fmt: skip
    assert len({content_hash(*part) for part in parts}) == len(parts)


def test_arrays_inside_lists_and_mappings_count() -> None:
    big = np.zeros(5000)
    changed = big.copy()
    changed[2500] = 1
    assert content_hash([big]) != content_hash([changed])
    assert content_hash({"a": (big,)}) != content_hash({"a": (changed,)})
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


def test_text_arrays() -> None:
    assert content_hash(np.array(["a", "b"])) != content_hash(np.array(["a", "c"]))


@pytest.mark.parametrize("thing", [object(), np.array([object()]), {1, 2}, lambda: 0])
def test_other_types_are_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="cannot hash the content of"):
        content_hash(thing)
