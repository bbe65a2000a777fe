"""Encode and decode outputs of a model again, and measure what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Context, Labels
from latent_analyze_plugins.random_decode.image_cycle import ImageCycle
from latent_analyze_plugins.random_decode.landing import Landing
from latent_analyze_plugins.random_decode.metric import white_in
from latent_analyze_plugins.random_decode.passes import some_labels
from latent_analyze_plugins.random_decode.standard import Standard

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Space:
    """What outputs are measured in.

    Attributes
    ----------
    context
        Has the model.
    cycle, landing
        Measure errors, and how surprising a landing is.
    values
        Of a frame, with the metric of the data.
    """

    context: Context
    cycle: ImageCycle
    landing: Landing
    values: Mapping[str, Any]

    def white(self, z: NDArray[Any]) -> Floats:
        """Return whitened z-points (n, dim)."""
        return white_in(self.values, z)

    def surprise(self, again: Rows, labels: Labels) -> Floats:
        """Return how far from the data reconstructions (n, *row) land; infinite if not finite."""
        found = np.full(len(again), np.inf)
        finite = np.asarray(np.isfinite(again.reshape(len(again), -1)).all(axis=1))
        if finite.any():
            z = self.context.encode(again[finite], some_labels(labels, finite)).mu
            found[finite] = self.landing.surprise(self.white(z))
        return found

    def moved_error(self, images: Rows, labels: Labels) -> Floats:
        """Return the log of the error of images that are moved, encoded and decoded, (n,)."""
        pairs = []
        for moved in self.cycle.moved(images):
            z = self.context.encode(moved, labels).mu
            pairs.append((moved, self.context.decode(z, labels)))
        return self.cycle.moved_error(pairs, images)


@dataclass(frozen=True)
class Everything:
    """Measures all there is of held-out rows: the logs of the errors, then the surprise."""

    space: Space

    @property
    def width(self) -> int:
        """One error and the surprise, and of images the error of moved ones."""
        return 3 if self.space.cycle.image else 2

    def __call__(self, rows: Rows, z: Rows, labels: Labels) -> Floats:
        """Return the logs of the errors, and the surprise of the second landing; (n, width)."""
        space = self.space
        again = space.context.decode(z, labels)
        found = [space.cycle.error(rows, again)]
        if space.cycle.image:
            found.append(space.moved_error(rows, labels))
        return np.column_stack([*found, space.surprise(again, labels)])


@dataclass(frozen=True)
class Parts:
    """Measures the parts that a standard ranks; what the first one vetoes is left at that.

    Attributes
    ----------
    standard
        Of held-out rows.
    used
        Which errors it holds, of those that `Everything` measures, (errors,).
    """

    space: Space
    standard: Standard
    used: NDArray[np.bool_]

    @property
    def width(self) -> int:
        """The errors used, and the surprise."""
        return int(self.used.sum()) + 1

    def __call__(self, rows: Rows, z: Rows, labels: Labels) -> Floats:
        """Return parts (n, width); NaN where an earlier part is already worse than allowed."""
        space, standard = self.space, self.standard
        near = standard.near(space.white(z))
        again = space.context.decode(z, labels)
        parts, left = np.full((len(rows), self.width), np.nan), np.ones(len(rows), bool)
        if self.used[0]:
            parts[:, 0] = standard.local(space.cycle.error(rows, again), near, 0)
            left = ~standard.vetoes(parts[:, 0], 0)
        if not left.any():
            return parts
        some = some_labels(labels, left)
        if self.used[1:].any():
            errors, last = space.moved_error(rows[left], some), self.width - 2
            parts[left, last] = standard.local(errors, near[left], last)
        parts[left, -1] = space.surprise(again[left], some)
        return parts


def make_space(values: Mapping[str, Any], data: NDArray[Any], context: Context) -> Space:
    """Return the space of the arrays of a frame; `data` are the rows of the support set."""
    landing = Landing.of(values, white_in(values, data))
    cycle = ImageCycle.of(values["mean_output"], values["energy"], kind=values["kind"])
    return Space(context, cycle, landing, values)
