"""The inputs and outputs of a model file, described the same way for every runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from latent_analyze.plugin import DecoderSpec, EncoderSpec

Role = Literal["encoder", "decoder"]
Shape = tuple[int, ...]
FreeShape = tuple[int | None, ...]
"""A shape with None for axes that are free or unknown."""

NetworkSpec = EncoderSpec | DecoderSpec
"""One table of model.toml, ``[encoder]`` or ``[decoder]``."""

IMAGE_RANKS = (3, 4)
VECTOR_RANKS = (1, 2)


@dataclass(frozen=True)
class Tensor:
    """An input or output: its name, NumPy dtype and shape."""

    name: str
    dtype: str
    shape: FreeShape

    def __str__(self) -> str:
        axes = ", ".join("?" if length is None else str(length) for length in self.shape)
        return f"{self.name} {self.dtype} ({axes})"


@dataclass(frozen=True)
class Graph:
    """The inputs and outputs of the file called `name`.

    Where `is_probed`, they were found by a run, and types of outputs may depend on the input.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    is_probed: bool = False


def canonical(name: str) -> str:
    """Return the name of an output without what exporters add to it."""
    # TensorFlow writes "encoder/z_mean:0".
    return name.lower().rsplit("/", 1)[-1].split(":")[0]
