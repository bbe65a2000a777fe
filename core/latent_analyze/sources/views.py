"""Sources derived from another one: subsets, posterior draws, outputs, finite rows, a label."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import AnalysisError, OptionError, unknown_name
from latent_analyze.files.hashing import content_hash
from latent_analyze.sources.codes import Codes, codes_of
from latent_analyze.sources.seeding import GENERATOR, keyed_rng
from latent_analyze.sources.source import (
    Z_ONLY,
    AnyArray,
    Batch,
    Block,
    BlockSource,
    Source,
    concatenate,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.sources.summary import Summary


class SubsetSource(BlockSource):
    """Some rows of a source; each block holds the chosen rows of one block of the base."""

    def __init__(self, base: Source, rows: NDArray[np.int64], label: str) -> None:
        self.base, self.chosen, self.label = base, np.sort(rows), label
        self.count, self.dim, self.fields = len(rows), base.dim, base.fields
        self.codes = codes_of(base)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the base and of the row numbers."""
        return content_hash("subset", self.base.fingerprint, self.chosen)

    @cached_property
    def _base_blocks(self) -> dict[int, Block]:
        kept = [
            block
            for block in self.base.blocks()
            if np.diff(np.searchsorted(self.chosen, [block.start, block.stop]))[0]
        ]
        return dict(enumerate(kept))

    def blocks(self) -> Sequence[Block]:
        """Return one block for each block of the base that contains chosen rows."""
        blocks = []
        for index, base in self._base_blocks.items():
            start, stop = np.searchsorted(self.chosen, [base.start, base.stop])
            blocks.append(Block(index, int(start), int(stop)))
        return blocks

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read a block of the base and keep the chosen rows."""
        base = self._base_blocks[block.index]
        inside = self.chosen[block.start : block.stop] - base.start
        batch = self.base.read(base, fields).take(inside)
        return Batch(
            z=np.ascontiguousarray(batch.z),
            rows=np.arange(block.start, block.stop),
            mu=batch.mu,
            log_var=batch.log_var,
            ids=batch.ids,
            labels=batch.labels,
            outputs=batch.outputs,
        )


class PosteriorSource(BlockSource):
    """Seeded draws mu + exp(log_var / 2) * eps, one per row of a variational source.

    See Kingma & Welling (2014), equation 10.
    """

    def __init__(self, base: Source, seed: int, label: str) -> None:
        if "log_var" not in base.fields:
            raise OptionError(
                "a variational store (with log_var) for posterior draws",
                found=f"{base.label!r}, which has mu only",
                next_step="leave @posterior out, or encode with a variational model",
            )
        self.base, self.seed, self.label = base, seed, label
        self.count, self.dim, self.fields = base.count, base.dim, base.fields

    @cached_property
    def fingerprint(self) -> str:
        """Hash of base, seed and generator version."""
        return content_hash("posterior", GENERATOR, self.base.fingerprint, self.seed)

    def blocks(self) -> Sequence[Block]:
        """Return the blocks of the base."""
        return self.base.blocks()

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Draw one z-point per row."""
        batch = self.base.read(block, fields | {"mu", "log_var"})
        if batch.mu is None or batch.log_var is None:
            raise AnalysisError(
                "mu and log_var in every block",
                found=f"a source that lists but does not return them ({block})",
            )
        rng = keyed_rng(self.seed, "posterior", block.index)
        eps = rng.standard_normal(batch.mu.shape, dtype=np.float32)
        z = batch.mu + np.exp(0.5 * batch.log_var) * eps
        mu = batch.mu if "mu" in fields else None
        log_var = batch.log_var if "log_var" in fields else None
        return Batch(z, batch.rows, mu, log_var, batch.ids, batch.labels, batch.outputs)


class OutputSource(BlockSource):
    """A further output of the encoder, such as z2, in place of mu; ids and labels as in the base.

    Parameters
    ----------
    codes
        What its values name, if they are codes instead of coordinates.

    Raises
    ------
    OptionError
        If the base does not have that output.
    """

    def __init__(self, base: Source, name: str, label: str, codes: Codes | None = None) -> None:
        names = [f.removeprefix("output:") for f in base.fields if f.startswith("output:")]
        if name not in names:
            raise unknown_name(f"further output in {base.label}", name, names)
        self.base, self.name, self.label, self.codes = base, name, label, codes
        first = base.read(base.blocks()[0], frozenset({f"output:{name}"}))
        self.count, self.dim = base.count, first.outputs[name].shape[1]
        outputs = {f"output:{name}" for name in names}
        self.fields = base.fields - outputs - {"mu", "log_var"}

    @cached_property
    def fingerprint(self) -> str:
        """Hash of base and name."""
        return content_hash("output", self.base.fingerprint, self.name)

    def blocks(self) -> Sequence[Block]:
        """Return the blocks of the base."""
        return self.base.blocks()

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the output of a block as z."""
        batch = self.base.read(block, (fields & self.fields) | {f"output:{self.name}"})
        dtype = np.float32 if self.codes is None else np.int64
        z: AnyArray = np.ascontiguousarray(batch.outputs[self.name], dtype)
        return Batch(z, batch.rows, ids=batch.ids, labels=batch.labels)


class QuantizedSource(BlockSource):
    """The vectors that the codes of a source name: coordinates, the positions one after the other.

    Raises
    ------
    OptionError
        If the base has no codes, or their vectors are not known.
    """

    name = "quantized"

    def __init__(self, base: Source, label: str) -> None:
        codes = codes_of(base)
        if codes is None or codes.vectors is None:
            raise OptionError(
                f"codes whose vectors are known, for @{self.name}", found=f"{base.label}, whose "
                f"{'values are coordinates' if codes is None else 'codebook is not known'}",
                next_step=f"leave @{self.name} out",
            )  # fmt: skip
        self.base, self.label, self.vectors = base, label, codes.vectors
        self.count, self.dim = base.count, base.dim * codes.vectors.shape[1]
        self.fields = base.fields

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the base and of the vectors."""
        return content_hash(self.name, self.base.fingerprint, self.vectors)

    def blocks(self) -> Sequence[Block]:
        """Return the blocks of the base."""
        return self.base.blocks()

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Look up the codes of a block."""
        batch = self.base.read(block, fields)
        z = self.vectors[batch.z].reshape(len(batch), self.dim)
        return Batch(z, batch.rows, ids=batch.ids, labels=batch.labels)


class RelabeledSource(BlockSource):
    """The same rows with a different label."""

    def __init__(self, base: Source, label: str) -> None:
        self.base, self.label = base, label
        self.count, self.dim, self.fields = base.count, base.dim, base.fields
        self.codes = codes_of(base)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the base: the label does not change the rows."""
        return self.base.fingerprint

    def blocks(self) -> Sequence[Block]:
        """Return the blocks of the base."""
        return self.base.blocks()

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read from the base."""
        return self.base.read(block, fields)

    def summary(self) -> Summary:
        """Return the summary of the base."""
        return self.base.summary()


def select(base: Source, conditions: dict[str, str], label: str) -> SubsetSource:
    """Return the rows with the given label values: ``{"split": "test"}``.

    Raises
    ------
    OptionError
        If the source has no such label, or no row has these values.
    """
    names = sorted(f.removeprefix("label:") for f in base.fields if f.startswith("label:"))
    for name in conditions:
        if name not in names:
            raise unknown_name(f"label of {base.label}", name, names)
    fields = frozenset({"z", *(f"label:{name}" for name in conditions)})
    batch = concatenate([base.read(block, fields) for block in base.blocks()])
    keep = np.ones(len(batch), bool)
    for name, value in conditions.items():
        keep &= batch.labels[name].astype(str) == value
    if not keep.any():
        raise OptionError(
            f"rows of {base.label} with {conditions}", found="none",
            next_step=f"choose from: {_values(batch, conditions)}",
        )  # fmt: skip
    return SubsetSource(base, np.flatnonzero(keep), label)


def finite_rows(base: Source) -> SubsetSource:
    """Return the rows without NaN or infinity."""
    kept = []
    for block in base.blocks():
        finite = np.isfinite(base.read(block).z).all(axis=1)
        kept.append(block.start + np.flatnonzero(finite))
    return SubsetSource(base, np.concatenate(kept), base.label)


def _values(batch: Batch, conditions: dict[str, str]) -> str:
    shown = {name: np.unique(batch.labels[name].astype(str))[:12].tolist() for name in conditions}
    return "; ".join(f"{name} = {', '.join(values)}" for name, values in shown.items())
