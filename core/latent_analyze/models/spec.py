"""What a model is: an encoder and/or a decoder behind one interface, with a spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Layout = Literal["HWC", "CHW", "HW", "flat", "flat-CHW"]


class Spec(BaseModel):
    """Base of the specs that are written into stores and reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(Spec):
    """Shape of one row (no batch axis), dtype, layout and value range of a tensor."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: Layout = "flat"
    range: tuple[float, float] | None = None


class ModelSpec(Spec):
    """What a model takes and gives.

    `input` and `output` describe the side that analyses see: images channel-last (H, W, C) or
    vectors, float32, values in [0, 1] for images. What the file itself wants (NCHW, [-1, 1], a
    fixed batch, ...) is the adapter's business.
    """

    name: str
    adapter: str
    input: TensorSpec | None = None
    latent: TensorSpec
    output: TensorSpec | None = None
    variational: bool = False
    can_encode: bool = False
    can_decode: bool = False
    batch: int = Field(256, description="rows per call that suit the model")
    columns: tuple[str, ...] = Field(
        (), description="labels of the data set that encode takes as its second argument"
    )
    producer: str = ""
    notes: tuple[str, ...] = ()

    @property
    def dim(self) -> int:
        """Latent dimensions, flattened."""
        size = 1
        for length in self.latent.shape:
            size *= length
        return size


class Latents(NamedTuple):
    """What an encoder gives: `mu` (n, dim) float32 and, if variational, `log_var` (n, dim)."""

    mu: NDArray[np.float32]
    log_var: NDArray[np.float32] | None = None


@runtime_checkable
class Model(Protocol):
    """An encoder and/or a decoder, opened by an adapter."""

    @property
    def spec(self) -> ModelSpec:
        """Shapes, ranges and abilities."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the model files and of the preprocessing around them."""
        ...

    def encode(self, x: NDArray[np.float32]) -> Latents:
        """Encode (n, *input) to mu (n, dim) and log_var (n, dim) or None; any n >= 1.

        A model whose spec names `columns` takes a second argument: label -> (n,) values. Without
        it, the model takes what it was told to take.
        """
        ...

    def decode(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode (n, dim) to (n, *output); any n >= 1."""
        ...


@dataclass(frozen=True)
class ModelRef:
    """How a worker opens a model again: never a session, only path, hash and adapter."""

    path: str
    fingerprint: str
    adapter: str
    device: str | None = None
    trust: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return {"path": self.path, "fingerprint": self.fingerprint, "adapter": self.adapter}
