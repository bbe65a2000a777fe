"""A folder of images, with labels from its subfolders or from a CSV file."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from latent_analyze.plugin import (
    Dataset,
    DatasetError,
    Items,
    Options,
    TensorSpec,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters.files.zarr_layout import is_zarr
from latent_analyze_adapters.images.folder_labels import labels_from_csv, labels_from_folders
from latent_analyze_adapters.images.reading import (
    Header,
    parallel,
    read_headers,
    read_pixels,
    strict_pillow,
    threads_for,
)
from latent_analyze_adapters.images.resizing import ImageOptions, final_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MAX_VISITS = 1000
"""Visits of one folder through links: links to links can lead to it in exponentially many ways."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff"})


class ImageFolderOptions(ImageOptions):
    """Options of `ImageFolder`."""

    color: Literal["auto", "gray", "rgb"] = Field(
        "auto", description="channels to read; auto: gray if all images are gray"
    )
    labels: str | None = Field(
        None,
        description="CSV file with a header: the column file, image or filename, or else the "
        "first one, names the image; the others are labels",
    )


class ImageFolder(Dataset):
    """Images in a folder and its subfolders, sorted by path.

    The path below the folder is the id. If every top-level folder is called train, test, val or
    validation, it is the ``split``; the next folder is the ``class``. A CSV file adds more labels.

    Formats are PNG, JPEG, BMP, WebP, GIF (first frame) and TIFF, with 8 or 16 bits. Transparency is
    dropped, and the orientation that a camera stores in a JPEG is applied. Resizing does not keep
    the aspect ratio: crop first.

    Parameters
    ----------
    location
        Path of the folder.
    options
        `ImageFolderOptions`: limit, crop, resize, color, labels.

    Raises
    ------
    DatasetError
        If there are no images, one cannot be read, their sizes differ and they are not resized, or
        the CSV file does not name all of them.
    """

    name = "image_folder"
    stored_range = (0.0, 255.0)
    Options: ClassVar[type[Options]] = ImageFolderOptions

    def __init__(self, location: str, options: ImageFolderOptions | None = None) -> None:
        self.path, self.options = Path(location), options or ImageFolderOptions()
        files = _find_images(self.path)
        self.location = str(self.path.resolve())
        self._ids = list(files)[: self.options.limit]
        self._files = [files[name] for name in self._ids]
        self.count = len(self._files)
        self._labels = self._read_labels()
        headers = read_headers(self._files)
        self._gray, self._threads = self._is_gray(headers), threads_for(headers)
        height, width = self._common_size(headers)
        channels = 1 if self._gray else 3
        self.item = TensorSpec(shape=(height, width, channels), layout="HWC", range=(0.0, 1.0))

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is a folder, and neither a store nor a model."""
        path = Path(location)
        try:
            return path.is_dir() and not is_zarr(path) and not (path / "model.toml").exists()
        except OSError:
            return False

    @cached_property
    def fingerprint(self) -> str:
        """Hash of ids, file contents, labels and options; reads every file once."""
        options = self.options.model_dump(mode="json", exclude={"labels"})
        hashes = parallel(file_sha256, self._files)
        labels = [(name, values.tolist()) for name, values in self._labels.items()]
        return content_hash(self.name, self._ids, hashes, labels, options)

    @property
    def label_names(self) -> Sequence[str]:
        """Labels from folders and from the CSV file."""
        return tuple(self._labels)

    def label_values(self, name: str) -> NDArray[np.generic]:
        """Return a label of all rows; no image is read."""
        return self._labels[name]

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order, decoded by several threads."""
        x = np.empty((len(rows), *self.item.shape), np.float32)
        with strict_pillow():
            parallel(
                self._read_into,
                [(int(row), x[i]) for i, row in enumerate(rows)],
                threads=self._threads,
            )
        return Items(
            x=x,
            ids=[self._ids[row] for row in rows],
            labels={name: values[rows] for name, values in self._labels.items()},
        )

    def _read_into(self, target: tuple[int, NDArray[np.float32]]) -> None:
        row, out = target
        pixels = read_pixels(self._files[row], self.options, gray=self._gray)
        if pixels.shape != out.shape[: pixels.ndim]:
            raise DatasetError(
                f"{self._files[row]} as it was when the folder was opened", found="another size",
                next_step="do not change the images while they are read",
            )  # fmt: skip
        np.divide(pixels.reshape(out.shape), np.float32(255), out=out)

    def _read_labels(self) -> Mapping[str, NDArray[np.generic]]:
        labels = labels_from_folders(self._ids)
        if self.options.labels is None:
            return labels
        table = Path(self.options.labels)
        if not table.is_file() and (self.path / table).is_file():
            table = self.path / table
        # A store records these options and may be opened from any working folder.
        self.options = self.options.model_copy(update={"labels": str(table.resolve())})
        return {**labels, **labels_from_csv(table, self._ids)}

    def _is_gray(self, headers: Sequence[Header]) -> bool:
        if self.options.color == "auto":
            return all(header.gray for header in headers)
        return bool(self.options.color == "gray")

    def _common_size(self, headers: Sequence[Header]) -> tuple[int, int]:
        sizes = [
            final_size(header.size, self.options, str(file))
            for header, file in zip(headers, self._files, strict=True)
        ]
        other = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
        if other is not None:
            (h0, w0), (h1, w1) = sizes[0], sizes[other]
            raise DatasetError(
                "images of one size",
                found=f"{self._ids[0]} of {h0}x{w0} and {self._ids[other]} of {h1}x{w1}",
                next_step="add resize=64, or another size",
            )
        return sizes[0]


def _find_images(folder: Path) -> dict[str, Path]:
    """Return id -> file of the images below a folder, sorted by id."""
    try:
        files = {_identifier(path, folder): path for path in _walk(folder)}
    except OSError as error:
        raise DatasetError(
            f"a folder of images {folder}", found=error.strerror or str(error),
            next_step="check the path",
        ) from None  # fmt: skip
    if not files:
        raise DatasetError(
            f"images ({', '.join(sorted(SUFFIXES))}) in {folder}", found="none",
            next_step="check the path",
        )  # fmt: skip
    return dict(sorted(files.items()))


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    visits: Counter[tuple[int, int]] = Counter()
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while waiting:
        current, above = waiting.pop()
        status = current.stat()
        here = (status.st_dev, status.st_ino)
        # A link may lead back to a folder above it, and so never end.
        if here in above:
            continue
        visits[here] += 1
        if visits[here] > MAX_VISITS:
            raise DatasetError(
                f"folders linked at most {MAX_VISITS} times in {folder}",
                found=f"more for {current}", next_step="remove the links",
            )  # fmt: skip
        for entry in current.iterdir():
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                waiting.append((entry, above | {here}))
            elif entry.suffix.lower() in SUFFIXES:
                found.append(entry)
    return found


def _identifier(path: Path, folder: Path) -> str:
    # A file name may not be valid Unicode, which no store could hold.
    name = path.relative_to(folder).as_posix()
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register folders of images."""
    return [ImageFolder]
