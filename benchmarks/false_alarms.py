"""How often does a run cry wolf? Clouds for which the null model is true, held against that null.

Two nulls, and for each of them clouds that it describes exactly:

- ``gaussian``: Gaussian clouds, each with a mean and a covariance of its own;
- ``shuffled``: clouds of independent, skewed axes.

Every finding above "note" is then a false alarm. The table gives the share of runs with at least
one, and the share with a corrected p-value of at most 5 % whatever the size of the effect; both
with the exact binomial interval of Clopper & Pearson (1934).

    python benchmarks/false_alarms.py --clouds 1000
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import latent_analyze as la

PLUGINS = "radius,axis_density,slices"
ALPHA = 0.05


@dataclass
class Tally:
    """What the runs against one null gave."""

    runs: int = 0
    alarms: int = 0
    significant: int = 0
    tests: int = 0
    by_scalar: Counter[str] = field(default_factory=Counter)

    def add(self, report: la.Report) -> None:
        """Take in what a run gave."""
        (case,) = report.outcome.cases
        entries = [
            (f"{name}.{entry.scalar}", entry)
            for name in case.analyses
            for entry in report[name].calibrations
        ]
        self.runs += 1
        self.tests = len(entries)
        self.alarms += any(finding.severity != "note" for finding in report.findings)
        self.significant += any(entry.p_adjusted <= ALPHA for _, entry in entries)
        self.by_scalar.update(name for name, entry in entries if entry.stands_out)


def gaussian_cloud(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    mixing = rng.standard_normal((dim, dim)) / np.sqrt(dim)
    z = rng.standard_normal((count, dim)) @ mixing + rng.normal(0, 0.5, dim)
    return z.astype(np.float32)


def skewed_cloud(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    z = rng.gamma(rng.uniform(1, 5, dim), size=(count, dim)) * rng.choice([-1, 1], dim)
    return z.astype(np.float32)


CLOUDS: dict[str, Callable[..., np.ndarray]] = {
    "gaussian": gaussian_cloud,
    "shuffled": skewed_cloud,
}


def measure(null: str, arguments: argparse.Namespace) -> Tally:
    host, tally = la.Host(), Tally()
    for number in range(arguments.clouds):
        rng = la.keyed_rng(arguments.seed, "false alarms", null, number)
        z = CLOUDS[null](rng, arguments.points, arguments.dim)
        report = la.run(
            z, plugins=PLUGINS, null=null, null_repeats=arguments.members, seed=number, host=host
        )
        if report.failed:
            raise SystemExit(f"run {number} against {null} failed: {report}")
        tally.add(report)
    return tally


def interval(hits: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper & Pearson for a share."""
    from scipy.stats import beta

    low = beta.ppf(0.025, hits, runs - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, runs - hits) if hits < runs else 1.0
    return float(low), float(high)


def share(hits: int, runs: int) -> str:
    low, high = interval(hits, runs)
    return f"{100 * hits / runs:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clouds", type=int, default=100, help="clouds per null")
    parser.add_argument("--points", type=int, default=2000, help="z-points per cloud")
    parser.add_argument("--dim", type=int, default=8, help="latent dimensions")
    parser.add_argument("--members", type=int, default=20, help="members of each ensemble")
    parser.add_argument("--seed", type=int, default=0, help="seed of the clouds")
    arguments = parser.parse_args()
    print(f"{arguments.points} z-points, {arguments.dim} dimensions, {arguments.members} members")
    print("| null | runs | tests per run | finding above note | corrected p <= 5 % |")
    print("| --- | --- | --- | --- | --- |")
    for null in CLOUDS:
        tally = measure(null, arguments)
        alarms, significant = (share(n, tally.runs) for n in (tally.alarms, tally.significant))
        print(f"| `{null}` | {tally.runs} | {tally.tests} | {alarms} | {significant} |", flush=True)
        for name, times in tally.by_scalar.most_common():
            print(f"    {name}: {times}")


if __name__ == "__main__":
    main()
