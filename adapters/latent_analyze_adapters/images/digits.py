"""The built-in data set: scikit-learn's 1,797 handwritten digits of 8x8 pixels."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from latent_analyze.plugin import (
    Dataset,
    DatasetError,
    Items,
    Options,
    TensorSpec,
    content_hash,
    hookimpl,
    row_priority,
)
from latent_analyze_adapters.images.resizing import ImageOptions, final_size, fit_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TEST_SHARE = 5
SPLIT_SEED = 0


class Digits(Dataset):
    """Handwritten digits of 8x8 pixels that come with scikit-learn (Alpaydin and Kaynak, 1998).

    The label ``digit`` is 0 to 9. The ``split`` of a fixed pseudo-random fifth of the rows is
    "test", that of the others "train".

    Parameters
    ----------
    location
        The string ``"digits"``.
    options
        `ImageOptions`: limit, crop, resize.

    Raises
    ------
    DatasetError
        If the location is anything else.
    """

    name = "digits"
    stored_range = (0.0, 1.0)
    Options: ClassVar[type[Options]] = ImageOptions

    def __init__(self, location: str = "digits", options: ImageOptions | None = None) -> None:
        if location != "digits":
            raise DatasetError('the location "digits"', found=repr(location))
        self.location, self.options = location, options or ImageOptions()
        self.count = min(len(self._loaded[0]), self.options.limit or len(self._loaded[0]))
        height, width = final_size((8, 8), self.options, "digits")
        self.item = TensorSpec(shape=(height, width, 1), layout="HWC", range=(0.0, 1.0))

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is ``"digits"`` and no such path exists."""
        return location == "digits" and not Path(location).exists()

    @cached_property
    def _loaded(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.str_]]:
        from sklearn.datasets import load_digits

        raw = load_digits()
        order = np.argsort(row_priority(np.arange(len(raw.target)), SPLIT_SEED), kind="stable")
        split = np.full(len(order), "train")
        split[order[: len(order) // TEST_SHARE]] = "test"
        images = (raw.images / 16).astype(np.float32)[..., None]
        return images, raw.target.astype(np.int64), split

    @property
    def fingerprint(self) -> str:
        """Hash of pixels, labels, splits and options."""
        return content_hash("digits", *self._loaded, self.options.model_dump_json())

    @property
    def label_names(self) -> Sequence[str]:
        """The names ``digit`` and ``split``."""
        return ("digit", "split")

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        images, digit, split = self._loaded
        return Items(
            x=fit_arrays(images[rows], self.options),
            ids=[f"digits-{row:04d}" for row in rows],
            labels={"digit": digit[rows], "split": split[rows]},
        )


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register the digits."""
    return [Digits]
