"""The price of a member of a null ensemble, in units of one pass over the data itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from ratios import arguments, cloud, relative_times, show
from stores import open_tasks, write_store

from latent_analyze.plugin import Host, Source
from latent_analyze.runs.engine import CaseContext, LocalEngine
from latent_analyze.runs.nulls import null_members

NAMES = ("radius", "axis_density", "slices")
NULLS = ("gaussian", "gaussian:covariance=diag", "shuffled", "normal")


def member(host: Host, null: str, reference: Source) -> Source:
    """Return a fresh first member: nothing of an earlier one is kept."""
    name, _, option = null.partition(":")
    sampler = host.get("sampler", name).make(dict([option.split("=")]) if option else {})
    return null_members(sampler, reference, label=null, seed=0, repeats=1)[0]


def main() -> None:
    rows, dim, repeats = arguments(__doc__, (170_000, 256, 3))
    with TemporaryDirectory() as folder:
        store = write_store(Path(folder) / "latents.zarr", cloud(rows, dim))
        shared, host, engine = CaseContext(store), Host(), LocalEngine()
        tasks = open_tasks(host, NAMES, store)
        ways = {"the data": lambda: engine.run(tasks, store, shared)}
        for null in NULLS:
            ways[f"a member of {null}"] = lambda null=null: engine.run(
                tasks, member(host, null, store), shared
            )
        ratios = relative_times(ways, repeats)
    show(f"{' + '.join(NAMES)} over {rows:,} x {dim} (unit: the first line)", ratios)


if __name__ == "__main__":
    main()
