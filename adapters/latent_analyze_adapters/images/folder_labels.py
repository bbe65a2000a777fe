"""Labels of images in a folder, from the names of its subfolders or from a CSV file."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.labels import parse_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SPLIT_FOLDERS = frozenset({"train", "test", "val", "validation"})
FILE_COLUMNS = ("file", "image", "filename")


def labels_from_folders(ids: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Return ``split`` and ``class`` if the names of the folders show them.

    Parameters
    ----------
    ids
        Paths below the folder, with ``/`` between folders.
    """
    folders = [name.split("/")[:-1] for name in ids]
    labels = {}
    if all(parts and parts[0].lower() in SPLIT_FOLDERS for parts in folders):
        labels["split"] = np.array([parts[0] for parts in folders], str)
        folders = [parts[1:] for parts in folders]
    if any(folders):
        labels["class"] = np.array([parts[0] if parts else "" for parts in folders], str)
    return labels


def labels_from_csv(path: Path, ids: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Return the labels of a CSV file in the order of `ids`.

    A row is found by the whole id, or else by the bare file name if that is unique.

    Raises
    ------
    DatasetError
        If the file cannot be read, or an image is missing or listed twice.
    """
    header, rows = _read_table(path)
    column = _file_column(header)
    files = [row[column].replace("\\", "/").removeprefix("./") for row in rows]
    _check_unique(files, f"one row for each image in {path}")
    ordered = _in_order(ids, dict(zip(files, rows, strict=True)), path)
    return {
        name: parse_labels([row[i] for row in ordered])
        for i, name in enumerate(header)
        if i != column and name
    }


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = [row for row in csv.reader(stream) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DatasetError(
            f"a CSV file of labels {path}", found=reason or "no file", next_step="check the path"
        ) from None
    _check_unique([name for name in header if name], f"different column names in {path}")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise DatasetError(
                f"{len(header)} values in each row of {path}",
                found=f"{len(row)} in row {number}", next_step="correct the file",
            )  # fmt: skip
    if len(header) < 2:
        raise DatasetError(
            f"a column of file names and one of labels in {path}",
            found=f"{len(header)} columns", next_step="separate columns by commas",
        )  # fmt: skip
    return header, rows


def _file_column(header: Sequence[str]) -> int:
    lower = [name.strip().lower() for name in header]
    return next((lower.index(name) for name in FILE_COLUMNS if name in lower), 0)


def _in_order(ids: Sequence[str], by_file: Mapping[str, list[str]], path: Path) -> list[list[str]]:
    bare = [name.rsplit("/", 1)[-1] for name in ids]
    unique = len(set(bare)) == len(bare)
    rows = []
    for name, short in zip(ids, bare, strict=True):
        row = by_file.get(name) or (by_file.get(short) if unique else None)
        if row is None:
            raise DatasetError(
                f"a row for each image in {path}", found=f"none for {name}",
                next_step="add it, or remove the image",
            )  # fmt: skip
        rows.append(row)
    return rows


def _check_unique(names: Sequence[str], expected: str) -> None:
    name, times = Counter(names).most_common(1)[0] if names else ("", 1)
    if times > 1:
        raise DatasetError(expected, found=f"{name} twice", next_step="correct the file")
