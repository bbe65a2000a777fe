"""The images to train on: held in memory where they fit, read batch by batch where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Dataset, DatasetError, Items, OptionError, Progress, keyed_rng

IN_MEMORY_BYTES = 2 << 30
"""Up to this size, as float32, the images are read once; above it, in every epoch."""

MIN_SIDE = 4
MIN_COUNT = 2

_BLOCK_BYTES = 32 << 20


@dataclass(frozen=True)
class TrainingImages:
    """Images and the rows of them to train on.

    Attributes
    ----------
    fetch
        Gives the images of some rows, (n, H, W, C), float32 in [0, 1].
    rows
        Row numbers in the data set, ascending.
    shape
        (H, W, C) of an image.
    source
        What is written down about the data set: name, fingerprint, count, split.
    """

    fetch: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    rows: NDArray[np.int64]
    shape: tuple[int, int, int]
    source: dict[str, Any]

    def divide(self, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows to train on and a seeded share of the rows held out, both ascending."""
        held_out = round(share * len(self.rows))
        if held_out == len(self.rows):
            raise OptionError(
                f"a validation_share that leaves some of {len(self.rows)} images to train on",
                found=str(share), next_step="lower validation_share",
            )  # fmt: skip
        chosen = np.zeros(len(self.rows), bool)
        rng = keyed_rng(seed, "validation")
        chosen[rng.choice(len(self.rows), held_out, replace=False)] = True
        return self.rows[~chosen], self.rows[chosen]


def check_images(dataset: Dataset) -> None:
    """Raise DatasetError unless `dataset` has images that a convolutional network can take."""
    shape = dataset.item.shape
    if dataset.kind != "images" or len(shape) != 3:
        raise DatasetError(
            "images of shape (H, W, C) to train on", found=f"{dataset.kind} of shape {shape}",
            next_step="name a data set of images",
        )  # fmt: skip
    if min(shape[:2]) < MIN_SIDE:
        raise DatasetError(
            f"images of at least {MIN_SIDE} x {MIN_SIDE} pixels",
            found=f"{shape[0]} x {shape[1]}", next_step="resize them or name larger ones",
        )  # fmt: skip
    _require_count(dataset.count, "images to train on")


def open_images(dataset: Dataset, progress: Progress) -> TrainingImages:
    """Choose the rows to train on and read the images, if they fit into memory.

    Where the data set has a label "split", the rows "train" of it are chosen, else all.
    """
    height, width, channels = dataset.item.shape
    in_memory = 4 * dataset.count * height * width * channels <= IN_MEMORY_BYTES
    images = np.empty((dataset.count, *dataset.item.shape), np.float32) if in_memory else None
    splits: list[NDArray[Any]] | None = [] if "split" in dataset.label_names else None
    if in_memory or splits is not None:
        for rows, items in _blocks(dataset, progress):
            if images is not None:
                images[rows] = _in_unit_range(items)
            if splits is not None:
                splits.append(np.asarray(items.labels["split"]).astype(str))
    return TrainingImages(
        fetch=partial(_read, dataset) if images is None else images.__getitem__,
        rows=_rows_to_train(dataset.count, splits),
        shape=(height, width, channels),
        source={
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "count": dataset.count,
            "split": "all" if splits is None else "train",
        },
    )


def _read(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    return _in_unit_range(dataset.read(rows))


def _blocks(dataset: Dataset, progress: Progress) -> Iterator[tuple[NDArray[np.int64], Items]]:
    size = max(_BLOCK_BYTES // (4 * int(np.prod(dataset.item.shape))), 1)
    for start in range(0, dataset.count, size):
        stop = min(start + size, dataset.count)
        rows = np.arange(start, stop)
        yield rows, dataset.read(rows)
        progress("read images", stop, dataset.count)


def _in_unit_range(items: Items) -> NDArray[np.float32]:
    low, high = float(items.x.min()), float(items.x.max())
    # Written so that NaN fails too.
    if not (low >= 0 and high <= 1):
        raise DatasetError(
            "pixel values in [0, 1]", found=f"values in [{low:g}, {high:g}]",
            next_step="scale the images first",
        )  # fmt: skip
    return items.x


def _rows_to_train(count: int, splits: list[NDArray[Any]] | None) -> NDArray[np.int64]:
    if splits is None:
        return np.arange(count)
    rows = np.flatnonzero(np.concatenate(splits) == "train")
    _require_count(len(rows), 'images of split "train"')
    return rows


def _require_count(count: int, what: str) -> None:
    if count < MIN_COUNT:
        raise DatasetError(
            f"at least {MIN_COUNT} {what}", found=str(count), next_step="name a larger data set"
        )
