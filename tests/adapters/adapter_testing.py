"""What the tests of adapters and data sets share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from latent_analyze import DatasetError
from latent_analyze.plugin import Dataset, Items


def images(n: int = 7, shape: tuple[int, ...] = (4, 6, 3), seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *shape), dtype=np.float32)


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_images(
    folder: Path, *names: str, shape: tuple[int, ...] = (8, 6, 3), **options: Any
) -> None:
    """Write one image per name, with its sub-folders; the seed of its pixels is its number."""
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(*shape, seed=seed)).save(folder / name, **options)


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    """Return the message of an error, which must be one line and say what was found."""
    text = str(error.value)
    assert text.isprintable()
    assert text.startswith("expected ")
    assert "found" in text
    return text


def everything(dataset: Dataset) -> Items:
    return dataset.read(np.arange(dataset.count))


def first_row(dataset: Dataset) -> Items:
    return dataset.read(np.array([0]))


def opener(cls: type[Dataset]) -> Callable[..., Any]:
    """Return a function that opens a data set with options as keywords."""

    def opened(path: Path, **options: Any) -> Any:
        return cls(str(path), cls.Options(**options))

    return opened


def refuser(
    opened: Callable[..., Any], read: Callable[[Any], object] | None = None
) -> Callable[..., str]:
    """Return a function that expects an error from opening or, with `read`, also from reading."""

    def attempt(path: Path, options: dict[str, Any]) -> None:
        dataset = opened(path, **options)
        if read is not None:
            read(dataset)

    def refused(path: Path, expected: str, **options: Any) -> str:
        with pytest.raises(DatasetError, match=expected) as error:
            attempt(path, options)
        return one_line(error)

    return refused


TRAPPED: list[int] = []
"""Grows when a `Trap` is unpickled."""


class Trap:
    def __reduce__(self) -> Any:
        return _spring, ()


def _spring() -> int:
    TRAPPED.append(1)
    return 0
