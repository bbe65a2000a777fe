"""The interface of models: an encoder, a decoder or both, with a spec."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Layout = Literal["HWC", "CHW", "HW", "flat", "flat-CHW", "array"]
"""Order of axes in a file; ``array``: rows of any shape and values, which are no images."""


class Spec(BaseModel):
    """Base class of the specs that are saved in stores and reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(Spec):
    """Shape (without the batch axis), dtype, layout and value range of a tensor."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: Layout = "flat"
    range: tuple[float, float] | None = None


class FurtherSpec(Spec):
    """A further output of an encoder, besides mu and log_var: its name and the shape of one row.

    Whole numbers, which name codes, are int64; `codes` is the number of codes in their codebook, if
    it is known.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "int64"] = "float32"
    codes: int | None = None

    @property
    def size(self) -> int:
        """Values per row."""
        return math.prod(self.shape)


class ModelSpec(Spec):
    """Inputs and outputs of a model.

    `input` and `output` describe the arrays that analyses work with: float32 images (H, W, C) with
    values in [0, 1] (layout ``"HWC"``), or float32 vectors or arrays of any shape with the values
    of the data (layout ``"flat"`` or ``"array"``). The adapter converts them to what the model's
    file expects (NCHW, [-1, 1], a fixed batch size, ...). `latent` of dtype int64 are codes, whole
    numbers from 0 that name entries of a codebook, instead of coordinates.
    """

    name: str
    adapter: str
    input: TensorSpec | None = None
    latent: TensorSpec
    output: TensorSpec | None = None
    variational: bool = False
    can_encode: bool = False
    can_decode: bool = False
    batch: int = Field(256, description="rows per call; a good batch size for the model")
    columns: tuple[str, ...] = Field(
        (), description="labels of the data set that encode gets as its second argument"
    )
    decode_columns: tuple[str, ...] = Field(
        (), description="labels that decode gets as its second argument, else its constants"
    )
    further: tuple[FurtherSpec, ...] = Field(
        (), description="further outputs of the encoder, which the decoder does not take"
    )
    codes: int | None = Field(
        None,
        description="number of codes in the codebook, if latents are codes and it is known",
    )
    producer: str = ""
    notes: tuple[str, ...] = ()

    @property
    def dim(self) -> int:
        """Number of latent dimensions, flattened."""
        return math.prod(self.latent.shape)

    @property
    def has_codes(self) -> bool:
        """Whether latents are codes instead of coordinates."""
        return self.latent.dtype == "int64"

    @property
    def latent_array(self) -> Literal["mu", "codes"]:
        """What a store calls the array of the latents."""
        return "codes" if self.has_codes else "mu"


class _Pair(NamedTuple):
    mu: NDArray[Any]  # Any: float32, or int64 for codes
    log_var: NDArray[np.float32] | None = None


class Latents(_Pair):
    """Output of an encoder: `mu` (n, dim) float32 and, if variational, `log_var` (n, dim).

    Codes stand in place of `mu`, as int64.

    `further` holds the further outputs that the spec lists, by name, (n, values) each; it is no
    part of the pair, ``mu, log_var = model.encode(x)``.
    """

    further: Mapping[str, NDArray[Any]] | None  # Any: float32 or int64

    def __new__(
        cls,
        mu: NDArray[Any],
        log_var: NDArray[np.float32] | None = None,
        further: Mapping[str, NDArray[Any]] | None = None,
    ) -> Self:
        """Make the pair, with its further outputs."""
        self = super().__new__(cls, mu, log_var)
        self.further = further
        return self

    def _replace(self, **changes: Any) -> Self:
        """Return it with other values, also of `further`."""
        kept = {"mu": self.mu, "log_var": self.log_var, "further": self.further}
        return type(self)(**{**kept, **changes})


@runtime_checkable
class Model(Protocol):
    """An encoder, a decoder or both, opened by an adapter."""

    @property
    def spec(self) -> ModelSpec:
        """Shapes and value ranges, and whether the model can encode and decode."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the model files, whatever they mean."""
        ...

    def encode(self, x: NDArray[np.float32], /, *columns: Any) -> Latents:
        """Encode (n, *input) to mu (n, dim) and log_var (n, dim) or None; any n >= 1.

        Codes stand in place of mu, as int64.

        If the spec lists `columns`, a second argument maps labels to (n,) values. Without it, the
        model uses its constants.
        """
        ...

    def decode(self, z: NDArray[Any], /, *columns: Any) -> NDArray[np.float32]:
        """Decode (n, dim), z-points or codes, to (n, *output); any n >= 1.

        If the spec lists `decode_columns`, a second argument maps labels to (n,) values. Without
        it, the model uses its constants.
        """
        ...
