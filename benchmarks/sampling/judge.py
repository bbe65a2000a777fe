"""The judges: they see images alone, and no number of a latent space.

A judge answers for images by several members, networks or measures. From the answers of some of
its members come verdicts: whether an image is good, and which class it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from sampling.data import Labels, Pixels

REAL_PASS = 0.98
"""Share of real test images that are good, by construction."""
CLEAR_SHARE = 0.995
"""Share of the real test images among them that show one digit clearly, by construction."""
CAP = 15.0
"""Log odds beyond this count as this: no network is that sure."""

Answers = NDArray[np.float32]
"""What m members say of n images, shape (m, n, ...)."""


@dataclass(frozen=True)
class Verdicts:
    """What a judge says of n images.

    Attributes
    ----------
    score
        Higher is better, shape (n,).
    good
        Whether the score reaches the judge's bound and the image is not ambiguous.
    ambiguous
        Whether the image is a clean figure that could be one of two classes.
    label
        The class that it is most like.
    """

    score: NDArray[np.float64]
    good: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    label: Labels


class Judge(Protocol):
    """What a benchmark needs of a judge."""

    name: str
    members: tuple[str, ...]

    def ask(self, x: Pixels) -> Answers:
        """Return what each member says of images (n, H, W, C)."""
        ...

    def verdicts(
        self, answers: Answers, held_out: Answers, members: Sequence[int] | None = None
    ) -> Verdicts:
        """Return the verdicts of some members, all by default.

        `held_out` are the answers for decoded held-out rows. Only a judge whose bound depends on
        the model needs them.
        """
        ...


class DigitJudge:
    """Networks with a class "no digit", and a bound that 98 % of the real test images reach.

    Parameters
    ----------
    networks
        Name -> Keras model from images to 11 logits.
    real
        Answers for the real test images.
    """

    name = "own"

    def __init__(self, networks: dict[str, Any], real: Answers) -> None:
        self.members: tuple[str, ...] = tuple(networks)
        self._networks, self._real = networks, real

    @classmethod
    def open(cls, folder: Path) -> DigitJudge:
        """Open what `train_judge` wrote."""
        import keras

        with np.load(folder / "real.npz") as arrays:
            real, members = arrays["answers"], [str(member) for member in arrays["members"]]
        networks = {m: keras.models.load_model(folder / f"{m}.keras") for m in members}
        return cls(networks, real)

    def ask(self, x: Pixels) -> Answers:
        """Return log probabilities (members, n, 11)."""
        return np.stack([log_probabilities(network, x) for network in self._networks.values()])

    def verdicts(
        self, answers: Answers, held_out: Answers, members: Sequence[int] | None = None
    ) -> Verdicts:
        """Return the verdicts of some members, with the bounds of the same members."""
        chosen = list(range(len(self.members)) if members is None else members)
        real_score, real_clear, _ = _read(self._real[chosen])
        bound = np.quantile(real_score, 1 - REAL_PASS)
        clear_bound = np.quantile(real_clear[real_score >= bound], 1 - CLEAR_SHARE)
        score, clear, label = _read(answers[chosen])
        clean, unclear = score >= bound, clear < clear_bound
        return Verdicts(score - bound, clean & ~unclear, clean & unclear, label)


def log_probabilities(network: Any, x: Pixels) -> NDArray[np.float32]:
    """Return log probabilities (n, classes) of a network that gives logits."""
    logits = np.concatenate(
        [np.asarray(network(x[i : i + 1000], training=False)) for i in range(0, len(x), 1000)]
    )
    return (logits - logsumexp(logits, axis=1, keepdims=True)).astype(np.float32)


def _read(answers: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64], Labels]:
    """Return log odds of "a digit", share of the likeliest digit in them, and which it is."""
    digits = answers[..., :-1].astype(np.float64)
    some = logsumexp(digits, axis=2)
    odds = np.clip(some - answers[..., -1], -CAP, CAP).mean(axis=0)
    shares = np.exp(digits - some[..., None]).mean(axis=0)
    return odds, shares.max(axis=1), shares.argmax(axis=1)


class HandedJudge:
    """The judge handed over with the issue: two networks without a class of their own for junk.

    An image is good if its certainty, the largest mean probability, is at least that of 90 % of
    the decoded held-out rows: the bound sinks with a bad model.
    """

    name = "handed"
    members: tuple[str, ...] = ("judge0", "judge1")
    share = 0.90

    def __init__(self, folder: Path) -> None:
        import keras

        self._networks = [keras.models.load_model(folder / f"{m}.keras") for m in self.members]

    def ask(self, x: Pixels) -> Answers:
        """Return probabilities (2, n, 10)."""
        parts = [x[i : i + 1000] for i in range(0, len(x), 1000)]
        return np.stack(
            [
                np.concatenate([np.asarray(network(part, training=False)[0]) for part in parts])
                for network in self._networks
            ]
        )

    def verdicts(
        self, answers: Answers, held_out: Answers, members: Sequence[int] | None = None
    ) -> Verdicts:
        """Return the verdicts of some members; nothing is ambiguous to this judge."""
        chosen = list(range(len(self.members)) if members is None else members)
        bound = np.quantile(held_out[chosen].mean(axis=0).max(axis=1), 1 - self.share)
        mean = answers[chosen].mean(axis=0)
        score = mean.max(axis=1).astype(np.float64)
        none = np.zeros(len(score), bool)
        return Verdicts(score - bound, score >= bound, none, mean.argmax(axis=1))
