"""Results on disk and back: a JSON file with an .npz beside it, reused while its key holds."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from latent_analyze.errors import LatentAnalyzeError
from latent_analyze.files.writing import file_sha256, replacing, safe_name, write_text_atomically
from latent_analyze.host.results import Array, Result, Scalar

FORMAT = 1


class ResultFiles:
    """The folder ``results/`` of a report: case / analysis / source.

    Parameters
    ----------
    folder
        Where to keep results; None keeps none.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, parts: tuple[str, ...], key: str) -> Result | None:
        """Return the result at `parts` if it is there, whole, and of this `key`."""
        if self.folder is None:
            return None
        path = self._path(parts)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.get("format") != FORMAT or data.get("key") != key:
                return None
            arrays = path.with_suffix(".npz")
            # The checksum also tells an .npz file that a killed process left beside older JSON.
            if file_sha256(arrays) != data["arrays_sha256"]:
                return None
            return read_result(data, arrays)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, LatentAnalyzeError):
            # A missing or damaged file is no loss: the result is computed again and replaces it.
            return None

    def save(self, parts: tuple[str, ...], key: str, result: Result) -> None:
        """Write a result; the JSON file comes last and makes it count."""
        if self.folder is None:
            return
        path = self._path(parts)
        arrays = path.with_suffix(".npz")
        with replacing(arrays) as temporary:
            _write_arrays(temporary, result)
        head = {"format": FORMAT, "key": key, "source": parts[-1]}
        data = {**head, "arrays_sha256": file_sha256(arrays), **describe_result(result)}
        write_text_atomically(path, dump_json(data))

    def _path(self, parts: tuple[str, ...]) -> Path:
        if self.folder is None:
            raise ValueError("no folder")
        *folders, name = [safe_name(part) for part in parts]
        return self.folder.joinpath(*folders, f"{name}.json")


def describe_result(result: Result) -> dict[str, Any]:
    """Return a result without its array values, as plain data."""
    return {
        "sample_size": result.sample_size,
        "notes": list(result.notes),
        "scalars": {name: _plain(asdict(scalar)) for name, scalar in result.scalars.items()},
        "arrays": {
            name: {
                "dims": list(array.dims),
                "shape": list(array.values.shape),
                "unit": array.unit,
                "description": array.description,
            }
            for name, array in result.arrays.items()
        },
    }


def read_result(data: dict[str, Any], arrays: Path) -> Result:
    """Return the result described by `data` with the arrays of an .npz file."""
    with np.load(arrays, allow_pickle=False) as values:
        found = {
            name: Array(values[name], tuple(d["dims"]), d["unit"], d["description"])
            for name, d in data["arrays"].items()
        }
    scalars = {name: Scalar(**_unplain(d)) for name, d in data["scalars"].items()}
    return Result(scalars, found, data["sample_size"], tuple(data["notes"]))


def _write_arrays(path: Path, result: Result) -> None:
    # Not numpy.savez: it takes names as keywords, and stumbles over an array called "file".
    with ZipFile(path, "w") as archive:
        for name, array in result.arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array.values), allow_pickle=False)


def dump_json(data: Any) -> str:
    """Return strict JSON: numbers that JSON does not know (NaN, infinity) become null."""
    return json.dumps(strict(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def strict(value: Any) -> Any:
    """Return `value` with NumPy numbers as Python numbers and non-finite ones as None."""
    if isinstance(value, dict):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _plain(scalar: dict[str, Any]) -> dict[str, Any]:
    value = scalar["value"]
    if isinstance(value, (float, np.floating)) and not math.isfinite(value):
        return {**scalar, "value": None, "nonfinite": str(float(value))}
    return scalar


def _unplain(scalar: dict[str, Any]) -> dict[str, Any]:
    nonfinite = scalar.pop("nonfinite", None)
    return scalar if nonfinite is None else {**scalar, "value": float(nonfinite)}
