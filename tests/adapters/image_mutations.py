"""Opens seeded mutants of images and of arrays of images, and says what became of each.

    python tests/adapters/image_mutations.py --images 2000 --seed 0

Each mutant is opened and read as any data set is: an image as the only one of its folder, an .npz
or .npy file by itself. Images or a one-line error that names the file are right; any other
exception, an end of the process, more time or memory than allowed, a file written anywhere, pixels
of rows that are not there and a format that must not be read are escapes, and the command ends with
exit code 1.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from image_files import bases
from image_mutants import KINDS, Mutant, mutant
from mutation_runs import Subject, command, verdict

from latent_analyze import LatentAnalyzeError
from latent_analyze.plugin import Host
from latent_analyze.runs.opening import open_dataset

ARRAYS = (".npy", ".npz")
ROWS = 4


def attempt(path: Path, made: Mutant) -> str:
    """Read a mutant; return "result", "error", or what is wrong with what was read."""
    try:
        x = read(path)
    except LatentAnalyzeError as error:
        return verdict(error, path.name)
    if made.refused:
        return f"read, which it must not be: {x.shape}"
    if made.like is not None and not np.array_equal(x, _pixels_of(made.like)):
        return f"half-read rows of {made.like}"
    if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        return f"values from {x.min()} to {x.max()}"
    return "result"


def read(path: Path) -> Any:
    """Return the first images of a file, with labels, ids and fingerprint read as well."""
    place = path if path.suffix in ARRAYS else path.parent
    dataset = open_dataset(str(place), _host())
    if dataset.kind == "vectors":
        return np.zeros(1)
    assert len(dataset.fingerprint) == 64
    items = dataset.read(np.arange(min(dataset.count, ROWS)))
    assert len(items.ids) == len(items.x)
    return items.x


@cache
def _host() -> Host:
    return Host()


@cache
def _pixels_of(name: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(bases()[name])
        return read(path)


def _prepare(folder: Path, seed: int, number: int) -> tuple[Path, Callable[[], str]]:
    made = mutant(seed, number)
    path = folder / made.name
    path.write_bytes(made.content)
    return path, lambda: attempt(path, made)


IMAGES = Subject("images", KINDS, _prepare, 2000)


if __name__ == "__main__":
    sys.exit(command(IMAGES, __doc__ or ""))
