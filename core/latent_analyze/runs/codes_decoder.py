"""Decodes codes that an encoder gives beside the vectors that the decoder takes.

The rows of the store hold both, so they show which vector each code names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import AnalysisError, ModelError
from latent_analyze.models.spec import TensorSpec
from latent_analyze.sources.codes import codes_of
from latent_analyze.sources.source import take_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.spec import Latents, Model, ModelSpec
    from latent_analyze.sources.source import Block, Source
    from latent_analyze.store import Store

ROWS, REPEATED = 256, 0.5
"""Rows that show whether z-points are looked up, and the share of their codes that must be there
more than once: a code that is there once would fit anything."""

SAME = 1e-3
"""Vectors of one code may differ by this many standard deviations: rounding, and no more."""


@dataclass(frozen=True)
class Lookup:
    """The vectors that codes name, found in the rows of a store.

    Attributes
    ----------
    store
        The store, whose z-points are these vectors.
    output
        The codes of its rows.
    by_position
        Whether a z-point holds the positions one after the other, (positions, d); else (d,
        positions).
    """

    store: Store
    output: Source
    by_position: bool
    _known: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def z_points(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Return the z-points that rows of codes name, (n, positions) -> (n, dim).

        Raises
        ------
        AnalysisError
            If a code is in no row of the store.
        """
        used, places = np.unique(codes.astype(np.int64), return_inverse=True)
        for block in self.store.blocks():
            if all(int(code) in self._known for code in used):
                break
            self._learn(block)
        missing = [int(code) for code in used if int(code) not in self._known]
        if missing:
            raise AnalysisError(
                f"codes that are in {self.output.label}, whose rows show their vectors",
                found=", ".join(map(str, missing[:5])),
            )
        vectors = np.stack([self._known[int(code)] for code in used])[places.reshape(codes.shape)]
        ordered = vectors if self.by_position else vectors.swapaxes(1, 2)
        return np.ascontiguousarray(ordered).reshape(len(codes), -1)

    def _learn(self, block: Block) -> None:
        codes = self.output.read(block).z
        vectors = as_vectors(self.store.read(block).z, codes, self.by_position)
        used, first = np.unique(codes, return_index=True)
        for code, place in zip(used, first, strict=True):
            self._known.setdefault(int(code), np.array(vectors[place]))


def as_vectors(z: NDArray[Any], codes: NDArray[Any], by_position: bool) -> NDArray[Any]:
    """Return the vector at each position, (n * positions, d), from z-points (n, dim)."""
    rows, positions = codes.shape
    shape = (rows, positions, -1) if by_position else (rows, -1, positions)
    parts = z.reshape(shape)
    return (parts if by_position else parts.swapaxes(1, 2)).reshape(rows * positions, -1)


def find_lookup(store: Store, output: Source) -> Lookup | None:
    """Return how the codes of an output name the z-points of its store; None if they do not."""
    codes = codes_of(output)
    if codes is None or store.codes is not None or store.dim % max(codes.positions, 1):
        return None
    rows = np.unique(np.linspace(0, store.count - 1, ROWS).astype(np.int64))
    z, named = store.take(rows).z, take_rows(output, rows).z
    for by_position in (False, True):
        if _is_lookup(as_vectors(z, named, by_position), named.ravel()):
            return Lookup(store, output, by_position)
    return None


def _is_lookup(vectors: NDArray[Any], codes: NDArray[np.int64]) -> bool:
    """Whether equal codes have equal vectors, and enough codes are there more than once."""
    used, first, places = np.unique(codes, return_index=True, return_inverse=True)
    if len(used) > (1 - REPEATED) * len(codes):
        return False
    off = np.abs(vectors - vectors[first][places]).max()
    return bool(off <= SAME * max(float(vectors.std()), 1e-12))


@dataclass(frozen=True)
class CodesDecoder:
    """A model whose decoder takes the vectors of codes, as one whose decoder takes the codes."""

    model: Model
    lookup: Lookup

    @cached_property
    def spec(self) -> ModelSpec:
        """That of the model, with codes as latents and without the encoder."""
        codes = codes_of(self.lookup.output)
        assert codes is not None
        changes = {
            "latent": TensorSpec(shape=codes.shape, dtype="int64"), "codes": codes.count,
            "can_encode": False, "further": (), "variational": False,
        }  # fmt: skip
        return self.model.spec.model_copy(update=changes)

    @property
    def fingerprint(self) -> str:
        """That of the model's files."""
        return self.model.fingerprint

    def encode(self, x: NDArray[np.float32], /, *columns: Any) -> Latents:
        """Raise ModelError: the encoder gives vectors beside the codes."""
        del x, columns
        raise ModelError(f"a decoder of codes, {self.spec.name}", found="a call of its encoder")

    def decode(self, z: NDArray[Any], /, *columns: Any) -> NDArray[np.float32]:
        """Decode codes (n, positions) to (n, *output)."""
        return self.model.decode(self.lookup.z_points(z), *columns)
