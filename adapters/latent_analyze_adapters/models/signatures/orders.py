"""Orders in which a decoder may take the values of a z-point: as the encoder gives them, or moved.

Encoders of PyTorch give channels first, (c, h, w), those of Keras last, (h, w, c). Where the two
halves come from different ones, or each flattens in its own order, the decoder gets each value in a
wrong place, without an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latent_analyze.plugin import Sample
    from latent_analyze_adapters.models.graph import FreeShape, Shape

MOVED = 1.0
"""What counts against another order than that of the encoder."""


@dataclass(frozen=True)
class Order:
    """The shape of a z-point as the encoder gives it, and the order in which its axes are taken.

    Without `axes` it is the same; `said` says so where that is not what the shapes show.
    """

    shape: Shape
    axes: Shape = ()
    said: str = ""

    @property
    def taken(self) -> Shape:
        """The shape as the decoder takes it."""
        return tuple(self.shape[axis] for axis in self.axes) if self.axes else self.shape

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of the matrix that is transposed, in row-major order; (1, 1) if none.

        Moving the first axis to the end, or the last to the start, transposes a matrix.
        """
        if not self.axes:
            return 1, 1
        first = self.axes[0] != 0 and self.axes[-1] == 0
        rows = self.shape[0] if first else math.prod(self.shape[:-1])
        found = rows, math.prod(self.shape) // max(rows, 1)
        return found if min(found) > 1 else (1, 1)

    @property
    def text(self) -> str:
        """In words."""
        if not self.axes:
            return self.said
        before, after = (" x ".join(map(str, shape)) for shape in (self.shape, self.taken))
        return f"z-points of {before} taken as {after}"


def orders(given: Shape, taken: FreeShape, sample: Sample) -> list[Order]:
    """Return the orders that fit the input of a decoder, that of the encoder first.

    Parameters
    ----------
    given
        Shape of a z-point as the encoder gives it.
    taken
        Shape of a z-point as the decoder takes it, None where free.
    sample
        The data: z-points of images that are flat on both sides may be images as well, of the
        same proportions.
    """
    found: dict[tuple[int, int], Order] = {}
    for order in (Order(given), *_moved(given, taken, sample)):
        if _fits(order.taken, taken):
            found.setdefault(order.matrix, order)
    if found and all(order.axes for order in found.values()):
        found[1, 1] = Order((math.prod(given),), said="the values of z-points in the same order")
    return list(found.values())


def _moved(given: Shape, taken: FreeShape, sample: Sample) -> Iterator[Order]:
    inside = tuple(n for n in taken if n is not None)
    if _is_long(given):
        for axes in _rolls(len(given)):
            yield Order(given, axes)
    elif _is_long(inside) and len(inside) == len(taken):
        for axes in _rolls(len(inside)):
            yield Order(tuple(inside[axes.index(i)] for i in range(len(axes))), axes)
    elif sample.kind == "images":
        height, width = sample.x.shape[1:3]
        for size in _sizes(math.prod(given), height, width):
            channels = math.prod(given) // math.prod(size)
            yield Order((channels, *size), (1, 2, 0))
            yield Order((*size, channels), (2, 0, 1))


def _rolls(count: int) -> Iterator[Shape]:
    """Yield the orders that move the first axis to the end, and the last to the start."""
    yield (*range(1, count), 0)
    yield (count - 1, *range(count - 1))


def _sizes(total: int, height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield sizes of smaller images of the same proportions, of several channels each."""
    common = math.gcd(height, width)
    high, wide = height // common, width // common
    for times in range(1, common + 1):
        size = times * high, times * wide
        if math.prod(size) > 1 and total % math.prod(size) == 0 and math.prod(size) < total:
            yield size


def _is_long(shape: Shape) -> bool:
    return sum(n > 1 for n in shape) > 1


def _fits(order: Shape, taken: FreeShape) -> bool:
    """Whether z-points of a shape can be reshaped to what a decoder takes, value by value."""
    wide, wanted = [n for n in order if n > 1], [n for n in taken if n != 1]
    known = [n for n in wanted if n is not None]
    if len(known) == len(wanted) and math.prod(known) != math.prod(wide):
        return False
    if len(wide) < 2 or (len(wanted) < 2 and None not in wanted):
        return True
    if wanted == [None]:
        return True
    return len(wide) == len(wanted) and all(
        b in (None, a) for a, b in zip(wide, wanted, strict=True)
    )
