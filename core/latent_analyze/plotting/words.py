"""What the rows that a model takes or gives are called, and how their shape is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from latent_analyze.models.spec import TensorSpec

Kind = Literal["image", "row", "signal", "sequence", "window", "volume"]
"""What a row is: an image; a table's row or a vector; a signal over time; channels over time; an
array with two axes that are no picture, such as time and frequency; or an array with three."""

MOST_CHANNELS = 12
"""An array with two axes, one of them at most this long, is a sequence of channels."""

MOST_PLANES = 4
"""An array with three axes, the first or last at most this long, is a window with channels."""

PICTURES = ("HWC", "CHW", "HW", "flat-CHW")
"""Layouts of images."""


@dataclass(frozen=True)
class Words:
    """Words for rows of a kind and the numbers in them.

    Attributes
    ----------
    kind
        What a row is.
    one, many
        A row, and several of them: ``"image"``, ``"images"``.
    value, values
        A number in a row, and several of them: ``"pixel"``, ``"pixels"``.
    """

    kind: Kind
    one: str = "row"
    many: str = "rows"
    value: str = "value"
    values: str = "values"

    @property
    def a(self) -> str:
        """A row, with its article: ``"an image"``."""
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.one}"

    def dims(self, axes: int) -> tuple[str, ...]:
        """Return the names of a row's axes in an array of results."""
        if self.kind == "image":
            return ("y", "x", "channel")
        return ("feature",) if axes == 1 else tuple(f"row_axis_{n + 1}" for n in range(axes))


WORDS: dict[str, Words] = {
    "image": Words("image", "image", "images", "pixel", "pixels"),
    "row": Words("row"),
    "signal": Words("signal", "signal", "signals"),
    "sequence": Words("sequence", "sequence", "sequences"),
    "window": Words("window"),
    "volume": Words("volume", "volume", "volumes"),
}


def words_of(kind: str) -> Words:
    """Return the words for rows of a kind."""
    return WORDS[kind]


def kind_of(spec: TensorSpec) -> Kind:
    """Return what rows with this spec are: images by their layout, others by their shape."""
    pictures = (*PICTURES, "flat") if len(spec.shape) == len("HWC") else PICTURES
    return "image" if spec.layout in pictures else kind_of_shape(spec.shape)


def kind_of_shape(shape: tuple[int, ...]) -> Kind:
    """Return what rows of a shape are that are no images."""
    inner = tuple(length for length in shape if length > 1)
    if len(inner) <= 1:
        return "signal" if len(shape) > 1 else "row"
    if len(inner) == 2:
        return "sequence" if min(inner) <= MOST_CHANNELS else "window"
    if len(inner) == 3:
        return "window" if min(inner[0], inner[-1]) <= MOST_PLANES else "volume"
    return "volume" if len(inner) == len("CDHW") else "row"
