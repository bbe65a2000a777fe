"""How values of the data become values of a file, and back: ranges, normalization, activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze_adapters.models.configs import PREPROCESSOR
from latent_analyze_adapters.models.image_tensor import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Sample
    from latent_analyze_adapters.models.configs import Normalization
    from latent_analyze_adapters.models.image_tensor import ImageTensor

Numbers = tuple[float, ...]

SYMMETRIC, BYTES = (-1.0, 1.0), (0.0, 255.0)
PUBLISHED: dict[int, dict[str, tuple[Numbers, Numbers]]] = {
    1: {"MNIST's mean, over its std": ((0.1307,), (0.3081,))},
    3: {
        "ImageNet's mean, over its std": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "CIFAR-10's mean, over its std": ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
        "CIFAR-10's mean, over its std within images": (
            (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.201)
        ),
        "CLIP's mean, over its std": (
            (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
        ),
    },
}  # fmt: skip
"""Number of channels -> means and standard deviations of published training code, for images in
[0, 1], the usual one first. Mean and standard deviation 0.5 are the range [-1, 1]."""

PUBLISHED_COST = 4.0
"""Those of the data are as simple: which one it is, the trial says."""

SMALLEST_STD = 1e-6

SAME_DIGITS, ALIKE, NEARLY = 6, 0.2, 0.03
"""Decimals in which two maps are the same; how much of the range of what they make of the data may
differ if they are alike; and how much if moments of some gray rows may be the published ones."""


@dataclass(frozen=True)
class Scaling:
    """A map between values of the data and values of a file.

    Attributes
    ----------
    range
        For images, what stands for 0 and 1.
    mean, std
        Subtracted from values in `range`, and then the divisor.
    activation
        What the output of a decoder goes through first.
    text
        In words.
    cost
        How far it is from the values as they are: among equally good ones the smallest wins.
    moments
        Whether mean and std are those of the data, over all values or for each place in the last
        axis.
    usual
        Whether it is by far the commonest of published normalizations.
    file
        The file next to the model that states it, if one does.
    """

    range: tuple[float, float] = UNIT
    mean: Numbers | None = None
    std: Numbers | None = None
    activation: Literal["sigmoid", "tanh"] | None = None
    text: str = "values as they are"
    cost: float = 0.0
    moments: Literal["all", "last"] | None = None
    usual: bool = False
    file: str = ""

    def flags(self, role: str = "") -> str:
        """Return the options that state it, for the encoder, the decoder or both."""
        prefix = f"{role}." if role else ""
        values = (
            {"range": self.range} if self.mean is None else {"mean": self.mean, "std": self.std}
        )
        return " ".join(
            f"--signature '{prefix}{key}={[float(f'{v:.6g}') for v in given or ()]}'"
            for key, given in values.items()
        )

    def is_same(self, other: Scaling) -> bool:
        """Whether range, mean and std are the same."""
        return self.fields == other.fields

    def ends(self, low: float, high: float) -> NDArray[np.float64]:
        """Return what becomes of two values of the data, (2, n): n is 1, or one per channel."""
        black, white = self.range
        values = np.array([[low], [high]]) * (white - black) + black
        found: NDArray[np.float64] = values - np.array(self.mean or (0.0,))
        return found / np.array(self.std or (1.0,))

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of model.toml."""
        return {"range": self.range, "mean": self.mean, "std": self.std}

    def applied_to(self, image: ImageTensor) -> ImageTensor:
        """Return a tensor of a file whose values are scaled so."""
        mean, std = self.mean or (0.0,), self.std or (1.0,)
        return replace(image, range=self.range, mean=mean, std=std, activation=self.activation)


def scalings(sample: Sample, dtype: str, stated: Normalization | None = None) -> list[Scaling]:
    """Return the maps from the data to the input of an encoder, the data's own first.

    Before it comes what a file next to the model states about images, if it fits their channels.
    """
    if sample.kind == "images":
        every = _of_images(sample, dtype)
        if len(every) == 1:
            return every
        return distinct([*_from_file(stated, sample.x.shape[-1]), *every])
    if np.dtype(dtype).kind in "iub":
        return [Scaling()]
    return _of_arrays(sample.x)


def activations(inputs: list[Scaling], dtype: str, *, bounded: bool) -> list[Scaling]:
    """Return the maps from the output of a decoder to the data.

    Parameters
    ----------
    inputs
        Those of the encoder: an output may have the format of any of them.
    dtype
        Of the output.
    bounded
        Whether the data are in [0, 1], so that a sigmoid may lead to them.
    """
    if np.dtype(dtype).kind in "iub":
        return [scaling for scaling in inputs if scaling.range == BYTES] or inputs[:1]
    found = list(inputs)
    if bounded:
        found.append(Scaling(activation="sigmoid", text="a sigmoid", cost=1.0))
        found.append(
            Scaling(SYMMETRIC, activation="tanh", text="a tanh, values in [-1, 1]", cost=3.0)
        )
    return found


def distinct(found: Iterable[Scaling]) -> list[Scaling]:
    """Return one scaling for each map, the first."""
    kept: dict[tuple[float, ...], Scaling] = {}
    for one in found:
        kept.setdefault(tuple(np.round(one.ends(0.0, 1.0), SAME_DIGITS).ravel()), one)
    return list(kept.values())


def families(every: Sequence[Scaling], extent: tuple[float, float]) -> list[int]:
    """Return a number for each: those that are like the first of a number have the same one.

    The normalizations of natural photos are alike, for example. `extent` is the smallest and the
    largest value of the data.
    """
    first: list[Scaling] = []
    found = []
    for one in every:
        like = (i for i, other in enumerate(first) if alike(other, one, extent))
        number = next(like, len(first))
        found.append(number)
        if number == len(first):
            first.append(one)
    return found


def alike(
    first: Scaling, second: Scaling, extent: tuple[float, float], share: float = ALIKE
) -> bool:
    """Whether two maps make nearly the same of data whose values have this extent."""
    a, b = first.ends(*extent), second.ends(*extent)
    return bool(np.abs(a - b).max() <= share * np.ptp(a, axis=0).min())


def extent_of(x: NDArray[np.float32]) -> tuple[float, float]:
    """Return the smallest and the largest value."""
    return float(x.min(initial=np.inf)), float(x.max(initial=-np.inf))


def moments(x: NDArray[np.float32], *, axes: Literal["all", "last"]) -> tuple[Numbers, Numbers]:
    """Return mean and standard deviation over all values, or for each place in the last axis."""
    values = x.reshape(-1, x.shape[-1]).astype(np.float64)
    if axes == "all":
        return (float(values.mean()),), (max(float(values.std()), SMALLEST_STD),)
    std = np.maximum(values.std(axis=0), SMALLEST_STD)
    return tuple(map(float, values.mean(axis=0))), tuple(map(float, std))


def exact(scaling: Scaling, sample: Sample) -> Scaling:
    """Return a scaling by moments with those of all rows, not only of the rows at hand."""
    if scaling.moments is None or sample.moments is None:
        return scaling
    mean, std = sample.moments()
    if scaling.moments == "all":
        # The variance of all values is the mean of the variances plus the variance of the means.
        std = np.sqrt(np.mean(std**2) + np.var(mean)).reshape(1)
        mean = mean.mean().reshape(1)
    std = np.maximum(std, SMALLEST_STD)
    return replace(scaling, mean=tuple(map(float, mean)), std=tuple(map(float, std)))


def _of_images(sample: Sample, dtype: str) -> list[Scaling]:
    own = sample.stored_range or UNIT
    if np.dtype(dtype).kind in "iub":
        low = (-128.0, 127.0) if dtype == "int8" else BYTES
        return [Scaling(low, text=_range(low), cost=0.0)]
    first = Scaling(own, text=_range(own))
    ranges = [r for r in (UNIT, SYMMETRIC, BYTES) if r != own]
    highest = float(np.rint(BYTES[1] * sample.x.max(initial=0)))
    if own == BYTES and 1 < highest < BYTES[1] / 2:
        # Digits of 0 to 16, which their maker divided by 16.
        ranges.append((0.0, BYTES[1] / highest))
    found = [first, *(Scaling(r, text=_range(r), cost=1.0 + i) for i, r in enumerate(ranges))]
    return [*found, *_normalized_images(sample.x)]


def _from_file(stated: Normalization | None, channels: int) -> Iterator[Scaling]:
    """Yield what a file states about images, if it is for as many channels."""
    if stated is None:
        return
    counts = {len(values) for values in (stated.mean, stated.std) if values is not None}
    if counts <= {1, channels}:
        text = _range(stated.range)
        if stated.mean is not None and stated.std is not None:
            text = f"values less {listed(stated.mean)}, over {listed(stated.std)}"
        yield Scaling(
            stated.range, stated.mean, stated.std, text=f"{text} ({PREPROCESSOR})", cost=-0.5,
            file=PREPROCESSOR,
        )  # fmt: skip


def _normalized_images(x: NDArray[np.float32]) -> Iterator[Scaling]:
    channels = x.shape[-1]
    published = [
        Scaling(mean=mean, std=std, text=f"values less {text}", cost=PUBLISHED_COST, usual=i == 0)
        for i, (text, (mean, std)) in enumerate(PUBLISHED.get(channels, {}).items())
    ]
    own = _normalized(x, "all", "standardized values", PUBLISHED_COST)
    yield from published
    if channels > 1:
        yield _normalized(x, "last", "values standardized per channel", PUBLISHED_COST)
        yield own
    # Rows of MNIST have MNIST's moments, but for which rows they are.
    elif not any(alike(one, own, (0.0, 1.0), NEARLY) for one in published):
        yield own


def _of_arrays(x: NDArray[np.float32]) -> list[Scaling]:
    low, high = extent_of(x)
    found = [Scaling()]
    if low >= 0 and 1 < high <= 255 and np.array_equal(x, np.rint(x)):
        found.append(Scaling(mean=(0.0,), std=(255.0,), text="values over 255", cost=2.0))
    found.append(_normalized(x, "all", "standardized values"))
    if x.shape[-1] > 1 and x.ndim <= 3:
        found.append(_normalized(x, "last", "columns standardized"))
    if high > low:
        middle, half = (high + low) / 2, (high - low) / 2
        unit, both = (low,), (high - low,)
        found.append(Scaling(mean=unit, std=both, text="values scaled to [0, 1]", cost=5.0))
        found.append(
            Scaling(mean=(middle,), std=(half,), text="values scaled to [-1, 1]", cost=5.0)
        )
    return found


def _normalized(
    x: NDArray[np.float32], axes: Literal["all", "last"], text: str, cost: float = 5.0
) -> Scaling:
    mean, std = moments(x, axes=axes)
    return Scaling(mean=mean, std=std, text=text, cost=cost, moments=axes)


def listed(values: Sequence[float]) -> str:
    """Return numbers as a text."""
    return ", ".join(f"{value:.4g}" for value in values)


def _range(values: tuple[float, float]) -> str:
    low, high = values
    if low == 0 and 1 < high < BYTES[1]:
        return f"values over {BYTES[1] / high:g}"
    return f"values in [{low:g}, {high:g}]"
