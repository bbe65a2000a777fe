"""How well a statistic of single images agrees with a judge: the figures of the tables.

Everything here is a function of numbers per image: the statistic's quality, whether it calls the
image good, and the judge's verdict and class. Where the quality comes from does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sampling.judge import Verdicts

GOOD = 0.10
"""Quality from which on an image is called good: 90 % of the held-out rows are, by construction."""
MIXED = (0.02, 0.98)
"""Good rates between which a sampler has an AUC of its own."""
MIXED_CLASS = (0.1, 0.9)
CLASS_IMAGES = 60
"""Images that a class of a sampler needs for an AUC of its own."""
INTERVAL = (0.025, 0.975)

HELD_OUT = "held-out"
"""Name of the source of held-out data."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Figures = dict[str, float]


@dataclass(frozen=True)
class Scored:
    """The images of one source, in the eyes of a statistic and of a judge.

    Attributes
    ----------
    quality
        Higher is better, shape (n,).
    called
        Whether the statistic calls them good.
    good, label
        Whether the judge does, and which class it sees.
    """

    quality: Floats
    called: Flags
    good: Flags
    label: NDArray[np.int64]

    def take(self, rows: NDArray[Any]) -> Scored:
        """Return some of the images, by number or flag."""
        return Scored(self.quality[rows], self.called[rows], self.good[rows], self.label[rows])

    @property
    def rate(self) -> float:
        """Share of images that the judge calls good."""
        return float(self.good.mean()) if len(self.good) else float("nan")


def scored(quality: Floats, verdicts: Verdicts, *, called: Flags | None = None) -> Scored:
    """Put both together; ambiguous images are left out: they are neither good nor bad.

    Parameters
    ----------
    quality
        Shape (n,).
    verdicts
        Of the same n images.
    called
        Whether the statistic calls them good; quality of at least `GOOD` if not given.
    """
    if quality.shape != verdicts.good.shape:
        raise ValueError(f"expected {len(verdicts.good)} qualities, found {quality.shape}")
    flags = quality >= GOOD if called is None else called
    return Scored(quality, flags, verdicts.good, verdicts.label).take(~verdicts.ambiguous)


def rank(score: Floats, calibration: Floats) -> Floats:
    """Return the share of calibration rows that are no better: a quality, 1 is best.

    Parameters
    ----------
    score
        Higher is better, shape (n,), any unit.
    calibration
        The same statistic for held-out rows.
    """
    return np.searchsorted(np.sort(calibration), score, side="right") / len(calibration)


def auc(score: Floats, good: Flags) -> float:
    """Return the chance that a good image scores above a bad one, ties at one half.

    NaN where all images have one verdict.
    """
    level = np.unique(score, return_inverse=True)[1]
    ups, downs = (np.bincount(level[m], minlength=level.max(initial=0) + 1) for m in (good, ~good))
    pairs = float(ups.sum()) * float(downs.sum())
    return float(ups @ (downs.cumsum() - downs / 2) / pairs) if pairs else float("nan")


def inside_samplers(sources: Mapping[str, Scored]) -> float:
    """Return the median AUC over the samplers of which some images are good and some are not."""
    low, high = MIXED
    values = [auc(s.quality, s.good) for s in sources.values() if low < s.rate < high]
    return float(np.median(values)) if values else float("nan")


def inside_classes(sources: Mapping[str, Scored]) -> float:
    """Return the median AUC over classes within samplers."""
    low, high = MIXED_CLASS
    values = []
    for source in sources.values():
        for label in np.unique(source.label):
            part = source.take(source.label == label)
            if len(part.good) >= CLASS_IMAGES and low < part.rate < high:
                values.append(auc(part.quality, part.good))
    return float(np.median(values)) if values else float("nan")


def pooled(sources: Mapping[str, Scored]) -> float:
    """Return the AUC over the images of all samplers together."""
    quality, good = (
        np.concatenate([getattr(s, name) for s in sources.values()]) for name in ("quality", "good")
    )
    return auc(quality, good)


def rate_difference(sources: Mapping[str, Scored], *, held_out: Scored | None = None) -> float:
    """Return the mean absolute difference of the statistic's good rate from the judge's.

    With `held_out`, both are relative to their own rate of held-out data: a bad model loses images
    by its reconstructions alone, which no sampler can help.
    """
    called, judged = (1.0, 1.0) if held_out is None else (held_out.called.mean(), held_out.rate)
    apart = [abs(s.called.mean() / called - s.rate / judged) for s in sources.values()]
    return float(np.mean(apart))


def best_half(source: Scored, *, simple: int, classes: int) -> Figures:
    """Return what the half with the highest quality is like, and all images for comparison.

    Parameters
    ----------
    source
        The images of one sampler.
    simple
        The class whose share is reported: the one that a statistic may prefer.
    classes
        How many classes there are; one that is missing is the rarest.

    Returns
    -------
    ``good``, ``simple`` and ``rarest``, shares of the best half; each with " of all" as well.
    """
    order = np.argsort(-source.quality, kind="stable")
    found = {}
    for name, rows in (("", order[: len(order) // 2]), (" of all", order)):
        counts = np.bincount(source.label[rows], minlength=classes)
        found[f"good{name}"] = float(source.good[rows].mean())
        found[f"simple{name}"] = float(counts[simple] / len(rows))
        found[f"rarest{name}"] = float(counts.min() / len(rows))
    return found


def figures(sources: Mapping[str, Scored], held_out: str = HELD_OUT) -> Figures:
    """Return the figures of a table for sources by name, held-out data among them.

    Held-out data count in the relative rate difference alone.
    """
    samplers = {name: source for name, source in sources.items() if name != held_out}
    return {
        "inside sampler and class": inside_classes(samplers),
        "inside sampler": inside_samplers(samplers),
        "all samplers": pooled(samplers),
        "rate difference": rate_difference(samplers),
        "relative rate difference": rate_difference(samplers, held_out=sources[held_out]),
    }


def agreement(
    verdicts: Mapping[str, Sequence[Verdicts]], compute: Callable[[dict[str, Scored]], Figures]
) -> Figures:
    """Return the same figures of one member of the judge as a statistic, another as the judge.

    Parameters
    ----------
    verdicts
        Per source, those of each member.
    compute
        The figures of sources, such as `figures`.

    Returns
    -------
    Means over all ordered pairs: the ceiling for any statistic.
    """
    members = len(next(iter(verdicts.values())))
    found = [
        compute(
            {name: scored(of[i].score, of[j], called=of[i].good) for name, of in verdicts.items()}
        )
        for i, j in permutations(range(members), 2)
    ]
    return {name: float(np.nanmean([one[name] for one in found])) for name in found[0]}


def bootstrap(
    sources_of: Callable[[tuple[int, ...]], Mapping[str, Scored]],
    compute: Callable[[dict[str, Scored]], Figures],
    *,
    members: int,
    resamples: int,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of figures: images and members of the judge are drawn anew.

    Parameters
    ----------
    sources_of
        Sources under the verdicts of some members, which may appear several times.
    compute
        The figures of sources.
    members
        How many members the judge has.
    """
    rng = np.random.default_rng([seed, 5])
    known: dict[tuple[int, ...], Mapping[str, Scored]] = {}
    found = []
    for _ in range(resamples):
        drawn = tuple(sorted(int(i) for i in rng.integers(0, members, members)))
        if drawn not in known:
            known[drawn] = sources_of(drawn)
        again = {
            name: source.take(rng.integers(0, len(source.good), len(source.good)))
            for name, source in known[drawn].items()
        }
        found.append(compute(again))
    return {name: _interval([one[name] for one in found]) for name in found[0]}


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = np.nanquantile(values, INTERVAL)
    return float(low), float(high)
