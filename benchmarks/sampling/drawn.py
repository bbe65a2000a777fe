"""The z-points of one model, and what the judges say of their images; kept in files.

A statistic then costs no more than its own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sampling.attacks import attack_all
from sampling.data import Pixels, write_arrays
from sampling.judge import Answers, Judge, Verdicts
from sampling.merit import HELD_OUT
from sampling.samplers import draw_all
from sampling.space import Space, Z


@dataclass(frozen=True)
class Drawn:
    """Sources and attacks of one latent space.

    Attributes
    ----------
    sources
        z-points of held-out data and of every sampler, by name.
    attacks
        Those of every attack.
    """

    sources: dict[str, Z]
    attacks: dict[str, Z]

    @property
    def all(self) -> dict[str, Z]:
        """Both; attacks are called "attack NAME"."""
        return {**self.sources, **{f"attack {name}": z for name, z in self.attacks.items()}}


def drawn_points(space: Space, path: Path) -> Drawn:
    """Return the z-points that `path` holds; draw and write them if there is no such file."""
    if not path.exists():
        drawn = Drawn(draw_all(space), attack_all(space))
        write_arrays(path, **drawn.all)
        return drawn
    known = _read(path)
    attacks = {n.removeprefix("attack "): z for n, z in known.items() if n.startswith("attack ")}
    return Drawn({n: z for n, z in known.items() if not n.startswith("attack ")}, attacks)


def ask_judge(judge: Judge, space: Space, drawn: Drawn, *, path: Path) -> dict[str, Answers]:
    """Return the judge's answers for the images of all z-points; write them where they are not."""
    if not path.exists():
        asked = {name: judge.ask(shown(space, z)) for name, z in drawn.all.items()}
        write_arrays(path, **asked)
    return _read(path)


def shown(space: Space, z: Z) -> Pixels:
    """Return decoded images as anybody sees them: within [0, 1]."""
    return np.clip(space.decode(z), 0, 1)


@dataclass(frozen=True)
class Opinion:
    """A judge's answers for one latent space."""

    judge: Judge
    answers: dict[str, Answers]

    def verdicts(self, name: str, members: Sequence[int] | None = None) -> Verdicts:
        """Return the verdicts of some members, all by default, on one source or attack."""
        return self.judge.verdicts(self.answers[name], self.answers[HELD_OUT], members)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}
