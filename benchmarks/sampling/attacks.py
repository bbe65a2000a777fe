"""z-points whose images are mostly no good, and which a test of images may take for good.

Each is a function of a `Space` and a generator, and returns z-points (n, dim).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sampling import junk
from sampling.data import Labels, Pixels
from sampling.samplers import gaussian
from sampling.samplers import midpoints as _midpoints
from sampling.samplers import shuffled as _shuffled
from sampling.space import Space, Z

POINTS = 1000
ATTRACTORS = 400
ROUNDS = 100
"""How often D(E(.)) is applied to reach its fixed points."""
FAR = 10.0
COPIES = 20
"""Of attacks that are one single point."""

Rng = np.random.Generator
Attack = Callable[[Space, Rng], Z]


def iterate(space: Space, z: Z, rounds: int = ROUNDS) -> Z:
    """Return where E(D(.)) takes z-points in some rounds."""
    for _ in range(rounds):
        z = space.encode(space.decode(z))
    return z


def attractors(space: Space, rng: Rng) -> Z:
    """Ends of iterating D(E(.)) from Gaussian draws."""
    return iterate(space, gaussian(space.reference, ATTRACTORS, rng))


def far_attractors(space: Space, rng: Rng) -> Z:
    """Ends of iterating D(E(.)) from far outside the data."""
    spread = space.reference.std(axis=0)
    start = rng.standard_normal((ATTRACTORS, len(spread))) * FAR * spread
    return iterate(space, start)


def black(space: Space, rng: Rng) -> Z:
    """The black image, encoded."""
    return space.encode(np.zeros((COPIES, *space.images.shape), np.float32))


def mean(space: Space, rng: Rng) -> Z:
    """The mean z-point."""
    return np.repeat(space.reference.mean(axis=0, keepdims=True), COPIES, axis=0)


def mean_image(space: Space, rng: Rng) -> Z:
    """The mean image, encoded."""
    average: Pixels = space.reference_images.mean(axis=0, keepdims=True)
    return space.encode(np.repeat(average, COPIES, axis=0))


def blends(space: Space, rng: Rng) -> Z:
    """Means of two images of different classes, encoded."""
    one, two = _two_images(space, rng)
    return space.encode((one + two) / 2)


def halves(space: Space, rng: Rng) -> Z:
    """The upper half of one image and the lower one of another class, encoded."""
    one, two = _two_images(space, rng)
    middle = one.shape[1] // 2
    return space.encode(np.concatenate([one[:, :middle], two[:, middle:]], axis=1))


def maxima(space: Space, rng: Rng) -> Z:
    """The larger pixel of two images of different classes, encoded."""
    one, two = _two_images(space, rng)
    return space.encode(np.maximum(one, two))


def blur(space: Space, rng: Rng) -> Z:
    """Images under a blur of a standard deviation of 2.5 pixels of 28, encoded."""
    images = space.attacked[0][:POINTS]
    return space.encode(junk.smooth(images, np.full(len(images), 2.5)))


def patches(space: Space, rng: Rng) -> Z:
    """Images cut into sixteen squares in random order, encoded."""
    images, classes = space.attacked
    return space.encode(junk.patches(images[:POINTS], classes[:POINTS], rng))


def shrunk(space: Space, rng: Rng) -> Z:
    """Held-out z-points, moved half way to the mean."""
    center = space.reference.mean(axis=0)
    return center + (space.held_out[:POINTS] - center) / 2


def shuffled_axes(space: Space, rng: Rng) -> Z:
    """Each coordinate from another training row."""
    return _shuffled(space.reference, POINTS, rng)


def midpoints(space: Space, rng: Rng) -> Z:
    """Midpoints of any two training rows."""
    return _midpoints(space.reference, POINTS, rng)


ATTACKS: dict[str, Attack] = {
    attack.__name__.replace("_", " "): attack
    for attack in (
        attractors, far_attractors, black, mean, mean_image, blends, halves, maxima, blur,
        patches, shrunk, shuffled_axes, midpoints,
    )
}  # fmt: skip


def attack_all(space: Space) -> dict[str, Z]:
    """Return the z-points of every attack, by name."""
    return {
        name: attack(space, np.random.default_rng([space.seed, 4, index]))
        for index, (name, attack) in enumerate(ATTACKS.items())
    }


def _two_images(space: Space, rng: Rng) -> tuple[Pixels, Pixels]:
    images, classes = space.attacked
    one: Labels = rng.permutation(len(classes))
    two: Labels = rng.permutation(len(classes))
    differ = classes[one] != classes[two]
    return images[one][differ][:POINTS], images[two][differ][:POINTS]
