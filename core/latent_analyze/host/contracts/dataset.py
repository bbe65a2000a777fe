"""Data sets: images or vectors with ids and labels, readable from any row on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from latent_analyze.host.options import Options
from latent_analyze.sources.arrays import ArraySource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.spec import TensorSpec
    from latent_analyze.sources.source import Source


@dataclass(frozen=True)
class Items:
    """Some rows of a data set.

    Attributes
    ----------
    x
        Images (n, H, W, C), float32 in [0, 1]; or vectors (n, dim), float32.
    ids
        One text per row, unique in the data set.
    labels
        Name -> values (integers or texts), shape (n,); a split stands here as ``"split"``.
    """

    x: NDArray[np.float32]
    ids: Sequence[str]
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Dataset(ABC):
    """Images or vectors with ids and labels, readable from any row on. Subclass and set `name`.

    Attributes
    ----------
    kind
        ``"images"``: to be encoded by a model; ``"vectors"``: z-points as they are.
    location, options
        What it was opened from, and how; both are written into the store.
    count
        Number of rows.
    item
        Shape, layout and range of one row.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["images", "vectors"]] = "images"
    Options: ClassVar[type[Options]] = Options
    location: str
    options: Any
    count: int
    item: TensorSpec

    @classmethod
    @abstractmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this class is for `location` (a path or a built-in name); cheap, never raises."""

    @abstractmethod
    def __init__(self, location: str, options: Any = None) -> None:
        """Open it; raises DatasetError where nothing usable is there."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of file contents and of what is done to them (crop, resize, ...)."""

    @property
    def label_names(self) -> Sequence[str]:
        """Names of the labels, ``"split"`` among them."""
        return ()

    @abstractmethod
    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""

    def source(self, label: str) -> Source:
        """Return the rows of a data set of kind "vectors" as z-points.

        Override it where the rows need not be read all at once.
        """
        items = self.read(np.arange(self.count))
        return ArraySource(items.x, label, labels=items.labels)
