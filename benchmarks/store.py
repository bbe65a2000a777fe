"""Writing and reading a store, in units of the same bytes in one plain file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import zarr
from numpy.typing import NDArray
from ratios import arguments, cloud, relative_times, show
from stores import write_store

from latent_analyze import Store


def write_raw(path: Path, z: NDArray[np.float32]) -> None:
    with path.open("wb") as stream:
        stream.write(z.data)
        stream.flush()
        os.fsync(stream.fileno())


def write_zarr(path: Path, z: NDArray[np.float32], rows: int) -> None:
    zarr.create_array(path, data=z, chunks=(rows, z.shape[1]), compressors=None, overwrite=True)


def write_ours(path: Path, z: NDArray[np.float32]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    write_store(path, z)


def writers(folder: Path, z: NDArray[np.float32], block: int) -> dict[str, Callable[[], object]]:
    return {
        "plain file, one fsync": lambda: write_raw(folder / "raw", z),
        "this store: mu, ids, rows; fsync and journal per block": lambda: write_ours(
            folder / "ours.zarr", z
        ),
        ".npy, no fsync": lambda: np.save(folder / "z.npy", z),
        "zarr, uncompressed, no fsync": lambda: write_zarr(folder / "zarr.zarr", z, block),
    }


def readers(folder: Path, z: NDArray[np.float32], block: int) -> dict[str, Callable[[], object]]:
    """Read block by block and sum, so that every byte is touched."""
    raw, npy, store = folder / "raw", folder / "z.npy", Store(folder / "ours.zarr")
    starts = range(0, len(z), block)

    def plain() -> float:
        with raw.open("rb") as stream:
            size = block * z.shape[1] * 4
            return sum(
                float(np.frombuffer(part, np.float32).sum())
                for part in iter(lambda: stream.read(size), b"")
            )

    def ours() -> float:
        return sum(float(store.read(block).z.sum()) for block in store.blocks())

    def mapped() -> float:
        values = np.load(npy, mmap_mode="r")
        return sum(float(values[start : start + block].sum()) for start in starts)

    def through_zarr() -> float:
        array = zarr.open_array(folder / "zarr.zarr", mode="r")
        return sum(float(np.asarray(array[start : start + block]).sum()) for start in starts)

    return {
        "plain file": plain,
        "this store, chunks mapped": ours,
        "opening it (sizes of all files, journal)": lambda: Store(folder / "ours.zarr"),
        ".npy, mapped": mapped,
        "zarr": through_zarr,
    }


def main() -> None:
    rows, dim, repeats = arguments(__doc__)
    z = cloud(rows, dim)
    with TemporaryDirectory() as name:
        folder = Path(name)
        block = write_store(folder / "ours.zarr", z).block_rows
        size = f"{rows:,} x {dim}"
        title = f"write {size} (unit: the first line)"
        show(title, relative_times(writers(folder, z, block), repeats))
        title = f"read {size} from the cache, block by block, and sum (unit: the first line)"
        show(title, relative_times(readers(folder, z, block), repeats))


if __name__ == "__main__":
    main()
