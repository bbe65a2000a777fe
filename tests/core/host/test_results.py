from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from latent_analyze import PluginError
from latent_analyze.plugin import (
    AnalysisOptions,
    Array,
    Calibration,
    Frame,
    Result,
    ResultSet,
    Scalar,
    stack_padded,
)


def calibration(scalar: str, null: str = "gaussian", *, stands_out: bool = False) -> Calibration:
    return Calibration(null, scalar, 1.0, 0.0, 1.0, -1.0, 1.0, 20, 0.5, 0.5, 1.0, stands_out)


def results(**kwargs: Any) -> ResultSet:
    data = Result({"mean": Scalar(1.5)}, {"counts": Array(np.arange(4), ("bin",))})
    other = Result({"mean": Scalar(2.5)}, {"counts": Array(np.arange(2), ("bin",))})
    return ResultSet(
        "a", AnalysisOptions(), Frame(), "data", {"data": data, "cube": other}, **kwargs
    )


@pytest.mark.parametrize(
    ("values", "dims"),
    [(np.zeros(3), ()), (np.zeros((2, 2)), ("a",)), (np.array(["x", None], object), ("a",))],
)
def test_arrays_have_named_dimensions_and_plain_values(values: Any, dims: tuple[str, ...]) -> None:
    with pytest.raises(PluginError):
        Array(values, dims)


def test_results_are_read_by_name() -> None:
    found = results()
    assert found.data["mean"] == 1.5
    assert found.data["counts"].tolist() == [0, 1, 2, 3]
    assert list(found.shown) == ["cube"]
    with pytest.raises(KeyError):
        found.data["nothing"]


def test_frames_with_equal_values_have_equal_fingerprints() -> None:
    frame = Frame({"edges": np.arange(3.0), "width": 0.5, "text": "auto", "none": None})
    same = Frame({"none": None, "text": "auto", "width": 0.5, "edges": np.arange(3.0)})
    assert frame.fingerprint == same.fingerprint
    assert pickle.loads(pickle.dumps(frame)).fingerprint == frame.fingerprint
    assert frame.fingerprint != Frame({**frame.values, "width": 0.25}).fingerprint
    assert Frame({"a": 1}).fingerprint != Frame({"b": 1}).fingerprint


def test_calibrations_by_scalar_and_null() -> None:
    entries = [calibration("mean"), calibration("mean", "shuffled", stands_out=True)]
    found = results(calibrations=entries)
    assert found.calibration("mean") is entries[0]
    assert found.calibration("mean", "shuffled") is entries[1]
    assert found.calibration("mode") is None
    assert found.calibration("mean", "sphere") is None
    assert found.standouts() == [entries[1]]


def test_band_of_members_of_unequal_length() -> None:
    members = [Result({}, {"counts": Array(np.full(n, n), ("bin",))}) for n in range(1, 22)]
    low, middle, high = results(ensembles={"null": members}).band("counts", "null")
    assert middle.shape == (21,)
    assert (low[0], middle[0], high[0]) == (2.0, 11.0, 20.0)
    assert middle[20] == 0
    doubled = results(ensembles={"null": members}).band("counts", "null", lambda a: 2 * a)
    assert doubled[1][0] == 22.0


def test_stack_padded_in_two_dimensions() -> None:
    stacked = stack_padded([np.ones((2, 1)), np.ones((1, 3))])
    assert stacked.tolist() == [
        [[1, 0, 0], [1, 0, 0]],
        [[1, 1, 1], [0, 0, 0]],
    ]
    assert np.isnan(stack_padded([np.ones(1), np.ones(2)], np.nan)[0, 1])
