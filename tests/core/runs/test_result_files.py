from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latent_analyze.host.results import Array, Result, Scalar
from latent_analyze.runs.result_files import ResultFiles, describe_result, dump_json
from latent_analyze.testing import assert_same_result

PLACE = ("data", "radius:bin_width=0.5", "uniform:b=1.5")
RESULT = Result(
    {
        "mean": Scalar(1.5, "latent units", "mean radius", True, "high", 0.1),
        "nan": Scalar(math.nan),
        "inf": Scalar(math.inf),
        "minus": Scalar(-math.inf),
        "count": Scalar(3),
        "flag": Scalar(True),
        "text": Scalar("auto — ünï"),
    },
    {
        "counts": Array(np.arange(6).reshape(2, 3), ("axis", "bin"), "z-points", "counts"),
        "names": Array(np.array(["ä", "longer", ""]), ("axis",)),
        "file": Array(np.array([np.nan, np.inf, 1.0]), ("x",)),
        "images": Array(np.zeros((2, 4, 4, 1), np.uint8), ("image", "h", "w", "c")),
        "empty": Array(np.zeros((0, 3), np.float32), ("a", "b")),
        "a/b: c": Array(np.array(5.0), ()),
    },
    sample_size=12,
    notes=("a note\nof two lines",),
)


def test_round_trip(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", RESULT)
    back = files.load(PLACE, "key")
    assert back is not None
    assert_same_result(RESULT, back, tolerance=0.0)
    assert describe_result(back)["arrays"] == describe_result(RESULT)["arrays"]
    assert back.scalars["mean"] == RESULT.scalars["mean"]
    assert (back.sample_size, back.notes) == (12, RESULT.notes)
    assert back.arrays["names"].values.dtype.kind == "U"
    assert back.scalars["flag"].value is True


numbers = st.one_of(st.floats(), st.integers(-(2**53), 2**53), st.text(), st.booleans())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=8), numbers, max_size=5))
def test_any_scalar_survives(tmp_path: Path, values: dict[str, Any]) -> None:
    result = Result({name: Scalar(value) for name, value in values.items()})
    files = ResultFiles(tmp_path)
    try:
        files.save(PLACE, "key", result)
    except UnicodeEncodeError:
        return
    back = files.load(PLACE, "key")
    assert back is not None
    assert_same_result(result, back, tolerance=0.0)
    assert all(type(back[name]) is type(value) for name, value in values.items())


def test_numpy_scalars_become_python_numbers(tmp_path: Path) -> None:
    values = {"a": np.float32(0.5), "b": np.int64(3), "c": np.float64(np.nan), "d": np.bool_(True)}
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", Result({k: Scalar(v) for k, v in values.items()}))  # type: ignore[arg-type]
    back = files.load(PLACE, "key")
    assert back is not None
    assert (back["a"], back["b"], back["d"]) == (0.5, 3, True)
    assert math.isnan(back["c"])


def test_another_key_or_place_is_nothing(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", RESULT)
    assert files.load(PLACE, "other") is None
    assert files.load((*PLACE[:2], "uniform:b=1.6"), "key") is None
    assert files.load((*PLACE[:2], "UNIFORM:b=1.5"), "key") is None


def test_without_a_folder_nothing_is_kept() -> None:
    files = ResultFiles(None)
    files.save(PLACE, "key", RESULT)
    assert files.load(PLACE, "key") is None


def test_saving_again_replaces(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", Result({"a": Scalar(1)}))
    files.save(PLACE, "key", RESULT)
    assert files.load(PLACE, "key") is not None
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_arrays_can_be_read_with_numpy_alone(tmp_path: Path) -> None:
    ResultFiles(tmp_path).save(PLACE, "key", RESULT)
    with np.load(next(tmp_path.rglob("*.npz"))) as arrays:
        assert set(arrays.files) == set(RESULT.arrays)
        assert arrays["file"][2] == 1.0


def test_same_result_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        ResultFiles(tmp_path / name).save(PLACE, "key", RESULT)
    for suffix in ("json", "npz"):
        one, two = (next((tmp_path / name).rglob(f"*.{suffix}")).read_bytes() for name in "ab")
        assert one == two


def test_crash_between_arrays_and_json_is_no_mixture(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    old = Result({"a": Scalar(1)}, {"counts": Array(np.zeros(3), ("bin",))})
    new = Result({"a": Scalar(2)}, {"counts": Array(np.ones(3), ("bin",))})
    files.save(PLACE, "old", old)
    text = next(tmp_path.rglob("*.json")).read_text()
    files.save(PLACE, "new", new)
    next(tmp_path.rglob("*.json")).write_text(text)
    assert files.load(PLACE, "old") is None


@pytest.mark.parametrize("suffix", ["json", "npz"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"null", b"[]", b"{}", b'{"format": 1}'])
def test_damaged_files_are_nothing(tmp_path: Path, suffix: str, content: bytes) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", RESULT)
    next(tmp_path.rglob(f"*.{suffix}")).write_bytes(content)
    assert files.load(PLACE, "key") is None


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_missing_files_are_nothing(tmp_path: Path, suffix: str) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", RESULT)
    next(tmp_path.rglob(f"*.{suffix}")).unlink()
    assert files.load(PLACE, "key") is None


def test_torn_files_are_nothing_or_whole(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", RESULT)
    for path in (next(tmp_path.rglob("*.json")), next(tmp_path.rglob("*.npz"))):
        content = path.read_bytes()
        for length in range(0, len(content) - 1, 37):
            path.write_bytes(content[:length])
            assert files.load(PLACE, "key") is None
        path.write_bytes(content)
    assert files.load(PLACE, "key") is not None


@pytest.mark.parametrize(
    "change",
    [
        {"scalars": []},
        {"scalars": {"a": {"value": 1, "colour": "red"}}},
        {"arrays": {"counts": {"dims": ["one"], "unit": "", "description": ""}}},
        {"arrays": {"gone": {"dims": [], "unit": "", "description": ""}}},
        {"arrays": 5},
        {"notes": None},
    ],
)
def test_json_of_another_version_is_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    files = ResultFiles(tmp_path)
    files.save(PLACE, "key", RESULT)
    path = next(tmp_path.rglob("*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert files.load(PLACE, "key") is None


def test_json_is_strict() -> None:
    text = dump_json({"a": [math.nan, np.float32(1), np.int64(2)], 3: math.inf, "t": (1,)})
    assert json.loads(text) == {"a": [None, 1.0, 2], "3": None, "t": [1]}
