"""The values that a model takes and gives: ranges, normalization, and ends of decoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports.net import Step

Array = NDArray[Any]


@dataclass(frozen=True)
class Space:
    """Values between `low` and `high`, of which `mean` is subtracted and that `std` divides."""

    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def put(self, x: Array) -> Array:
        """Return images in [0, 1], channels last, as a model of this space takes them."""
        x = x.astype(np.float64) * (self.high - self.low) + self.low
        if self.mean is not None and self.std is not None:
            x = (x - np.array(self.mean)) / np.array(self.std)
        return x.astype(np.float32)

    def back(self, y: Array) -> Array:
        """Return images in [0, 1]."""
        if self.mean is not None and self.std is not None:
            y = y * np.array(self.std) + np.array(self.mean)
        return np.clip((y - self.low) / (self.high - self.low), 0, 1)

    def stated(self, half: str) -> dict[str, Any]:
        """Return the entries of a signature."""
        found: dict[str, Any] = {f"{half}.range": [self.low, self.high]}
        if self.mean is not None and self.std is not None:
            found |= {f"{half}.mean": list(self.mean), f"{half}.std": list(self.std)}
        return found


SPACES = {
    "unit": Space(),
    "signed": Space(-1.0, 1.0),
    "bytes": Space(0.0, 255.0),
    "mnist": Space(mean=(0.1307,), std=(0.3081,)),
    "imagenet": Space(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "cifar": Space(mean=(0.4914, 0.4822, 0.4465), std=(0.247, 0.2435, 0.2616)),
    "clip model": Space(
        mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
    ),
    "half": Space(mean=(0.5,), std=(0.5,)),
    "elsewhere": Space(mean=(0.19,), std=(0.42,)),
}


def space(name: str, images: Array) -> Space:
    """Return a space by its name; ``own`` has the statistics of the images, in [0, 1]."""
    if name != "own":
        return SPACES[name]
    axes = tuple(range(images.ndim - 1))
    mean, std = images.mean(axes), images.std(axes)
    return Space(mean=tuple(map(float, mean)), std=tuple(map(float, std)))


STORED = ("unit", "signed", "uint8", "bytes")


def stored(name: str, images: NDArray[np.uint8]) -> Array:
    """Return 8-bit images as a file holds them; gray ones without an axis of channels."""
    images = images[..., 0] if images.shape[-1] == 1 else images
    if name == "uint8":
        return images
    return SPACES[name].put(images / 255)


@dataclass(frozen=True)
class End:
    """How a decoder ends: steps of training, steps of the file, and what is left to do."""

    trained: tuple[Step, ...]
    file: tuple[Step, ...]
    space: str = "unit"
    activation: str = "none"
    loss: str = "square"


def _both(steps: tuple[Step, ...], name: str = "unit") -> End:
    return End(steps, steps, name)


_SIGMOID, _TANH, _TIMES = ("sigmoid", {}), ("tanh", {}), ("times", {"by": 255.0})
ENDS = {
    "sigmoid": _both((_SIGMOID,)),
    "logits": End((), (), activation="sigmoid", loss="logits"),
    "tanh": _both((_TANH,), "signed"),
    "before tanh": End((_TANH,), (), "signed", activation="tanh"),
    "tanh of unit": _both((_TANH,)),
    "linear": _both(()),
    "linear signed": _both((), "signed"),
    "clip": End((), (("clip", {}),)),
    "bytes": _both((_SIGMOID, _TIMES), "bytes"),
    "uint8": End((_SIGMOID, _TIMES), (_SIGMOID, _TIMES, ("to_bytes", {})), "bytes"),
    "mnist": _both((), "mnist"),
    "imagenet": _both((), "imagenet"),
    "cifar": _both((), "cifar"),
    "clip model": _both((), "clip model"),
    "half": _both((), "half"),
    "elsewhere": _both((), "elsewhere"),
    "own": _both((), "own"),
}
END_OF = {
    "unit": "sigmoid", "signed": "tanh", "bytes": "bytes",
    **{name: name for name in ("mnist", "imagenet", "cifar", "clip model", "half", "elsewhere")},
    "own": "own",
}  # fmt: skip
"""The usual end of a decoder whose encoder takes values of a space."""


def activated(y: Array, end: End) -> Array:
    """Return the output of a decoder after the activation that it lacks."""
    if end.activation == "sigmoid":
        return 1 / (1 + np.exp(-y))
    return np.tanh(y) if end.activation == "tanh" else y
