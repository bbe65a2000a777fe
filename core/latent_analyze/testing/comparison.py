"""Comparing results, for tests: counts and texts exactly, floats within a tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np

from latent_analyze.host.results import Result

RELATIVE_TOLERANCE = 1e-6
"""How far floats of a result may differ between two ways of splitting the rows."""


def assert_same_result(one: Result, two: Result, *, tolerance: float = RELATIVE_TOLERANCE) -> None:
    """Assert that two results agree: counts and texts exactly, floats within a tolerance."""
    assert one.scalars.keys() == two.scalars.keys(), "the same scalars"
    for name, scalar in one.scalars.items():
        _assert_close(scalar.value, two.scalars[name].value, name, tolerance)
    assert one.arrays.keys() == two.arrays.keys(), "the same arrays"
    for name, array in one.arrays.items():
        _assert_close(array.values, two.arrays[name].values, name, tolerance)


def _assert_close(one: Any, two: Any, name: str, tolerance: float) -> None:
    a, b = np.asarray(one), np.asarray(two)
    assert a.dtype.kind == b.dtype.kind, f"{name}: {a.dtype} and {b.dtype}"
    assert a.shape == b.shape, f"{name}: shapes {a.shape} and {b.shape}"
    if a.dtype.kind != "f":
        assert np.array_equal(a, b), f"{name} differs: {one!r} and {two!r}"
        return
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    close = np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
    assert close, f"{name} differs by more than {tolerance:g}: {one!r} and {two!r}"
