"""Rows of any shape in .npz and .npy files: sequences, signals, volumes, tokens and their masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from latent_analyze.plugin import Dataset, Options, hookimpl
from latent_analyze_adapters.arrays.file import ArrayFile
from latent_analyze_adapters.files.contents import is_kind
from latent_analyze_adapters.images.arrays import ImageArrayOptions, ImageArrays
from latent_analyze_adapters.vectors.arrays import VectorArrayOptions, VectorArrays

if TYPE_CHECKING:
    from collections.abc import Sequence


class ArrayOptions(ImageArrayOptions):
    """Options of `Arrays`: its own, and those that say to read the rows as images or vectors."""

    vectors: str | None = Field(
        None, description="array (n, dim) in an .npz whose rows are z-points, as vector_arrays"
    )


class Arrays(ArrayFile):
    """Rows (n, ...) of numbers in an .npz or .npy file, the input of a model, with their values.

    In an .npz, the rows are the array `x` of the options, or the first with a usual name (``x``,
    ``data``, ``input_ids``, ...), or the one with the most values per row, or the first. Other
    arrays of n rows are further inputs; those (n,) of whole numbers or strings are labels. Keras'
    layout (``x_train``, ``y_train``, ``x_test``, ...) is read as in `ImageArrays`. Uncompressed
    arrays are memory-mapped; nothing is unpickled.

    With an option of images (range, crop, resize, kind=images) or of vectors (vectors), the rows
    are read by `ImageArrays` or `VectorArrays`.

    Parameters
    ----------
    location
        Path of the file.
    options
        `ArrayOptions`.

    Raises
    ------
    DatasetError
        If there are no rows of real numbers.
    """

    name = "arrays"
    Options: ClassVar[type[Options]] = ArrayOptions

    def __new__(cls, location: str = "", options: ArrayOptions | None = None) -> Any:
        """Return the data set that the options ask for."""
        if options is None or cls is not Arrays:
            return super().__new__(cls)
        if options.vectors is not None:
            names = ("limit", "ids", "labels", "vectors")
            chosen = {name: getattr(options, name) for name in names}
            return VectorArrays(location, VectorArrayOptions(**chosen))
        is_image = any((options.range, options.crop, options.resize))
        if options.kind == "images" or (is_image and options.kind == "auto"):
            chosen = {name: getattr(options, name) for name in ImageArrayOptions.model_fields}
            return ImageArrays(location, ImageArrayOptions(**{**chosen, "kind": "images"}))
        return super().__new__(cls)

    def __init__(self, location: str, options: ArrayOptions | None = None) -> None:
        self._open(location, options or ArrayOptions())
        self._use_rows()

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is an .npy or .npz file of rows that are neither images nor vectors."""
        return is_kind(location, "arrays")


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register rows of any shape in .npz and .npy files."""
    return [Arrays]
