"""All streaming analyses over one source, in units of one sum over the same numbers."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from ratios import arguments, cloud, relative_times, show
from stores import open_tasks, write_store

from latent_analyze.plugin import Host
from latent_analyze.runs.engine import CaseContext, LocalEngine

NAMES = ("radius", "axis_density", "slices")
BINS = np.arange(-64, 65) * 0.25


def histogram_per_axis(z: NDArray[np.float32]) -> None:
    for axis in range(z.shape[1]):
        np.histogram(z[:, axis], BINS)
    np.histogram(np.linalg.norm(z, axis=1), BINS)


def main() -> None:
    rows, dim, repeats = arguments(__doc__)
    z = cloud(rows, dim)
    with TemporaryDirectory() as folder:
        store = write_store(Path(folder) / "latents.zarr", z)
        shared, host = CaseContext(store), Host()
        ways = {"x.sum() of the array, one thread": z.sum}
        for names in (*((name,) for name in NAMES), NAMES):
            tasks = open_tasks(host, names, store)
            for jobs in (1, None) if names == NAMES else (None,):
                threads = "one thread" if jobs == 1 else "all threads"
                ways[f"{' + '.join(names)}, {threads}"] = lambda tasks=tasks, jobs=jobs: (
                    LocalEngine(jobs).run(tasks, store, shared)
                )
        ratios = relative_times(ways, repeats)
        # A minute of its own: once is enough to see the order of magnitude.
        loop = {
            "sum": z.sum,
            "np.histogram per axis and of the radius": lambda: histogram_per_axis(z),
        }
        ratios |= {k: v for k, v in relative_times(loop, 1).items() if k != "sum"}
    show(f"one pass over a store of {rows:,} x {dim} (unit: the first line)", ratios)


if __name__ == "__main__":
    main()
