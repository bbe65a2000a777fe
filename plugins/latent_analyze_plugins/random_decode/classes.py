"""Classes of draws, by the labels of the nearest data: their shares, and which are missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import keyed_rng
from latent_analyze.statistics import distinct_rows, nearest, nearest_others
from latent_analyze_plugins.random_decode.cells import MISSED, discovered

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEIGHBORS, ROWS = 10, 20
"""Most neighbors that vote, and rows that there must be for each of them."""

REPLICATES = 499
"""Bootstrap replicates."""


@dataclass(frozen=True)
class Voters:
    """Held-out rows whose labels decide on the class of a draw.

    Attributes
    ----------
    names
        The classes, shape (classes,).
    rows, codes
        Different held-out rows and their classes, shapes (n, dim) and (n,).
    counts
        Held-out rows of each class, (classes,).
    confusion
        How many rows of a class (first axis) were given each class (second axis) by other rows.
    """

    names: NDArray[Any]
    rows: Floats
    codes: Ints
    counts: Ints
    confusion: Ints

    @property
    def error(self) -> float:
        """Share of held-out rows that the votes of others put into a wrong class."""
        return 1 - float(np.trace(self.confusion) / self.confusion.sum())

    def votes(self, landings: Floats) -> Ints:
        """Return the class of each landing, shape (m, dim) -> (m,), by its nearest rows."""
        return _majority(self.codes[nearest(landings, self.rows, _voting(self.rows))[1]])


@dataclass(frozen=True)
class ClassShares:
    """Shares of the classes among held-out rows and draws, shapes (classes,).

    Attributes
    ----------
    data, draws, low, high
        Shares, and the 95 % intervals of those of the draws.
    missed
        Which classes have significantly less than a fifth of the data's share.
    """

    data: Floats
    draws: Floats
    low: Floats
    high: Floats
    missed: NDArray[np.bool_]


def fit_voters(held_out: Floats, labels: NDArray[Any]) -> Voters:
    """Return the voters of held-out landings (n, dim), n >= 2, with one label each, (n,).

    Equal rows vote once: a row must not be found out by its own copy.
    """
    names, codes = np.unique(labels, return_inverse=True)
    first = distinct_rows(held_out)
    rows, own, k = held_out[first], codes[first], len(names)
    others = nearest_others(rows, _voting(rows))[1] if len(rows) > 1 else np.zeros((1, 1), int)
    given = _majority(own[others])
    confusion = np.bincount(own * k + given, minlength=k * k).reshape(k, k)
    return Voters(names, rows, own, np.bincount(codes, minlength=k), confusion)


def class_shares(voters: Voters, draws: Floats, seed: int) -> ClassShares:
    """Return the shares of the classes among draws (m, dim), m >= 1, that land among the data.

    The class of a draw is the majority of its 10 nearest held-out rows. As these confuse some
    classes, the shares are those that explain the votes best, given how held-out rows are confused
    (Saerens et al. 2002): otherwise a missed class would get the errors of its neighbors. The
    intervals are those of a Bayesian bootstrap (Rubin 1981) of held-out rows and draws.
    """
    rng, k = keyed_rng(seed, "classes"), len(voters.names)
    seen = np.bincount(voters.votes(draws), minlength=k)
    data = voters.counts / voters.counts.sum()
    some = np.stack([rng.dirichlet(row + 1 / k, REPLICATES) for row in voters.confusion], axis=1)
    shares = np.array([
        _unmixed(confusion, votes)
        for confusion, votes in zip(some, rng.dirichlet(seen + 1.0, REPLICATES), strict=True)
    ])  # fmt: skip
    likely = rng.dirichlet(voters.counts + 1.0, REPLICATES)
    not_below = (1 + (shares >= MISSED * likely).sum(axis=0)) / (REPLICATES + 1)
    smooth = (voters.confusion + 1 / k) / (voters.confusion.sum(axis=1) + 1)[:, None]
    low, high = np.quantile(shares, [0.025, 0.975], axis=0)
    found = _unmixed(smooth, seen / seen.sum())
    return ClassShares(data, found, low, high, discovered(not_below))


def _voting(rows: Floats) -> int:
    return max(min(NEIGHBORS, len(rows) // ROWS), 1)


def _majority(codes: Ints) -> Ints:
    """Return the most frequent class of each row of votes (m, k); of several, the nearest."""
    votes = np.zeros((len(codes), int(codes.max()) + 1))
    for nearer, column in enumerate(codes.T):
        votes[np.arange(len(codes)), column] += 1 + (codes.shape[1] - nearer) * 1e-4
    return votes.argmax(axis=1)


def _unmixed(confusion: Floats, votes: Floats) -> Floats:
    """Return the shares p >= 0 of classes with p @ confusion nearest to the shares of the votes."""
    from scipy.optimize import nnls

    # A share's variance grows with it.
    weight = 1 / np.sqrt(votes + 1 / (100 * len(votes)))
    shares = nnls((confusion * weight).T, votes * weight)[0]
    return shares / shares.sum()
