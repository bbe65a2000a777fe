"""How often does a run cry wolf? Clouds for which the null model is true, held against that null.

Two nulls, and for each of them clouds that it describes exactly:

- ``gaussian``: Gaussian clouds, in turn isotropic, anisotropic and off-center;
- ``shuffled``: clouds of independent, skewed axes.

The number of z-points and of dimensions is drawn anew for every cloud, log-uniform in its range.

Every `finding` is then a false alarm. The table gives the share of runs with at least
one, and the share with a corrected p-value of at most 5 % whatever the size of the effect; both
with the exact binomial interval of Clopper & Pearson (1934).

    python benchmarks/false_alarms.py --clouds 200
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

import latent_analyze as la
from latent_analyze.plugin import Host, keyed_rng

PLUGINS = "radius,axis_density,slices,pca,projections,correlations,neighbors"
"""All light analyses that need no more than z-points."""
ALPHA = 0.05


@dataclass
class Tally:
    """What the runs against one null gave."""

    runs: int = 0
    alarms: int = 0
    significant: int = 0
    tests: Counter[int] = field(default_factory=Counter)
    by_shape: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    by_scalar: Counter[str] = field(default_factory=Counter)

    def add(self, shape: str, report: la.Report) -> None:
        """Take in what a run over a cloud of a shape gave."""
        (case,) = report.outcome.cases
        entries = [
            (f"{name}.{entry.scalar}", entry)
            for name in case.analyses
            for entry in report[name].calibrations
        ]
        alarm = any(finding.severity == "finding" for finding in report.findings)
        self.runs += 1
        self.tests[len(entries)] += 1
        self.alarms += alarm
        self.by_shape[shape].update(runs=1, alarms=alarm)
        self.significant += any(entry.p_adjusted <= ALPHA for _, entry in entries)
        self.by_scalar.update(name for name, entry in entries if entry.stands_out)


def isotropic(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return rng.standard_normal((count, dim)) * rng.uniform(0.1, 10)


def anisotropic(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    mixing = rng.standard_normal((dim, dim)) / np.sqrt(dim)
    return np.asarray(rng.standard_normal((count, dim)) @ (mixing * rng.lognormal(0, 1, dim)))


def off_center(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return anisotropic(rng, count, dim) + rng.normal(0, 10, dim)


def skewed(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    z = rng.gamma(rng.uniform(1, 5, dim), size=(count, dim))
    return np.asarray(z * rng.choice([-1, 1], dim))


CLOUDS: dict[str, Sequence[Callable[..., np.ndarray]]] = {
    "gaussian": (isotropic, anisotropic, off_center),
    "shuffled": (skewed,),
}


def log_uniform(rng: np.random.Generator, bounds: Sequence[int]) -> int:
    return round(float(np.exp(rng.uniform(*np.log([bounds[0], bounds[-1]])))))


def measure(null: str, arguments: argparse.Namespace) -> Tally:
    host, tally = Host(), Tally()
    for number in range(arguments.first, arguments.first + arguments.clouds):
        rng = keyed_rng(arguments.seed, "false alarms", null, number)
        make = CLOUDS[null][number % len(CLOUDS[null])]
        count, dim = log_uniform(rng, arguments.points), log_uniform(rng, arguments.dims)
        z = make(rng, count, dim).astype(np.float32)
        report = la.run(
            z,
            plugins=arguments.plugins,
            null=null,
            null_repeats=arguments.members,
            seed=number,
            host=host,
        )
        if report.failed:
            raise SystemExit(f"run {number} against {null} failed: {report}")
        tally.add(make.__name__, report)
        print(
            f"{null} {number}: {count} x {dim}, {tally.alarms} alarms", file=sys.stderr, flush=True
        )
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
    parser.add_argument("--clouds", type=int, default=200, help="clouds per null")
    parser.add_argument("--first", type=int, default=0, help="number of the first cloud")
    parser.add_argument("--points", type=int, nargs="+", default=[500, 20_000], help="z-points")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 256], help="dimensions")
    parser.add_argument("--nulls", nargs="+", choices=list(CLOUDS), default=list(CLOUDS))
    parser.add_argument("--plugins", default=PLUGINS, help="analyses")
    parser.add_argument("--members", type=int, default=20, help="members of each ensemble")
    parser.add_argument("--seed", type=int, default=0, help="seed of the clouds")
    arguments = parser.parse_args()
    print(f"{arguments.points} z-points, {arguments.dims} dimensions, {arguments.members} members")
    print("| null | runs | tests per run | a finding | corrected p <= 5 % |")
    print("| --- | --- | --- | --- | --- |")
    for null in arguments.nulls:
        show(null, measure(null, arguments))


def show(null: str, tally: Tally) -> None:
    alarms, significant = (share(n, tally.runs) for n in (tally.alarms, tally.significant))
    tests = f"{min(tally.tests)} to {max(tally.tests)}"
    print(f"| `{null}` | {tally.runs} | {tests} | {alarms} | {significant} |", flush=True)
    for shape, counts in tally.by_shape.items():
        print(f"    {shape}: {share(counts['alarms'], counts['runs'])}")
    for name, times in tally.by_scalar.most_common():
        print(f"    {name}: {times}")


if __name__ == "__main__":
    main()
