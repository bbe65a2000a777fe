"""The inputs and outputs of a model file, as every runtime describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["encoder", "decoder"]
Shape = tuple[int, ...]

MU_NAMES = frozenset({"mu", "z_mean", "mean"})
LOG_VAR_NAMES = frozenset({"log_var", "z_log_var", "logvar", "z_logvar"})
IMAGE_RANKS = (3, 4)
VECTOR_RANKS = (1, 2)


@dataclass(frozen=True)
class Tensor:
    """An input or output: name, numpy dtype, shape with None for what is free or unknown."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        axes = ", ".join("?" if length is None else str(length) for length in self.shape)
        return f"{self.name} {self.dtype} ({axes})"


@dataclass(frozen=True)
class Graph:
    """Inputs and outputs of the file called `name`."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def canonical(name: str) -> str:
    """Return the name of an output without what exporters put around it."""
    # TensorFlow writes "encoder/z_mean:0".
    return name.lower().rsplit("/", 1)[-1].split(":")[0]
