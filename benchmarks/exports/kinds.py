"""The kinds of cases and their variants."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exports.case import Case

Make = Callable[..., Case]


@dataclass(frozen=True)
class Variant:
    """One case to be made: settings of a kind, and a seed."""

    kind: str
    make: Make
    settings: dict[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """Name of the folder: kind, settings and seed."""
        words = [str(value) for value in self.settings.values()]
        text = "_".join([self.kind, *words, str(self.seed)]).lower()
        return "".join(c if c.isalnum() or c in "_-" else "-" for c in text)

    def case(self, attempt: int = 0) -> Case:
        """Train the model, each attempt from other weights; the data may be others, too."""
        import torch

        seed = zlib.crc32(f"{self.name} {attempt}".encode())
        torch.manual_seed(seed)
        return self.make(np.random.default_rng(seed), **self.settings)


KINDS: dict[str, tuple[Make, list[dict[str, Any]]]] = {}


def kind(names: str, *rows: str) -> Callable[[Make], Make]:
    """Register a kind: names of its settings, and rows of their values, separated by commas.

    A setting of several values, separated by ``|``, stands for one variant each.
    """

    def register(make: Make) -> Make:
        KINDS[make.__name__] = (make, [s for row in rows for s in _expand(names, row)])
        return make

    return register


def _expand(names: str, row: str) -> Iterator[dict[str, Any]]:
    keys = [name.strip() for name in names.split(",")]
    choices = [[value.strip() for value in field.split("|")] for field in row.split(",")]
    found: list[dict[str, Any]] = [{}]
    for key, values in zip(keys, choices, strict=True):
        found = [{**done, key: value} for done in found for value in values]
    yield from found


def variants(seeds: int, only: Sequence[str] = (), *, tenth: bool = False) -> list[Variant]:
    """Return all variants, those of some kinds, or a tenth that is always the same."""
    from exports import image_kinds, latent_kinds, other_kinds, output_kinds, row_kinds

    assert all((image_kinds, latent_kinds, other_kinds, output_kinds, row_kinds))
    found = [
        Variant(name, make, settings, seed)
        for seed in range(seeds)
        for name, (make, rows) in KINDS.items()
        for settings in rows
        if not only or name in only
    ]
    if tenth:
        order = np.random.default_rng(2024).permutation(len(found))
        found = [found[i] for i in sorted(order[: max(1, len(found) // 10)])]
    return found
