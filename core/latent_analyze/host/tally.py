"""An accumulator whose attributes merge by themselves: sums, smallest and largest values."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from latent_analyze.errors import PluginError


class Tally:
    """Base of accumulators that count and add up: write `add` and `result`, `merge` follows.

    Numbers and arrays merge by ``+``, in mappings and lists entry by entry; arrays of another
    length along an axis are filled up with zeros at the end. Attributes with a `merge` of their own
    are merged by it. None gives way to what the other holds, booleans merge by ``or``, text stays.

    Attributes
    ----------
    lowest, highest
        Attributes (and keys of mappings) of which the smaller or the larger value is kept.
    shared
        Attributes that are the same in every accumulator of a frame.
    """

    lowest: ClassVar[frozenset[str]] = frozenset()
    highest: ClassVar[frozenset[str]] = frozenset()
    shared: ClassVar[frozenset[str]] = frozenset({"frame", "options"})

    def merge(self, other: Any) -> None:
        """Take in all that another accumulator of the same frame has seen."""
        for name, value in vars(other).items():
            if name not in self.shared:
                setattr(self, name, self._merged(name, getattr(self, name), value))

    def _merged(self, name: str, mine: Any, other: Any) -> Any:
        if mine is None or other is None:
            return other if mine is None else mine
        if isinstance(mine, bool):
            return mine or other
        if isinstance(mine, str):
            return mine
        if isinstance(mine, dict):
            return {key: self._merged_entry(name, key, mine, other) for key in {**mine, **other}}
        if isinstance(mine, (list, tuple)):
            if len(mine) != len(other):
                raise PluginError(
                    f"{name} of {type(self).__name__} as long in every accumulator",
                    found=f"{len(mine)} and {len(other)}",
                    next_step="count in an array, or write merge",
                )
            pairs = zip(mine, other, strict=True)
            return type(mine)(self._merged(name, a, b) for a, b in pairs)
        if hasattr(mine, "merge"):
            mine.merge(other)
            return mine
        if name in self.lowest:
            return np.minimum(mine, other)
        if name in self.highest:
            return np.maximum(mine, other)
        if not isinstance(mine, (int, float, np.ndarray, np.generic)):
            raise PluginError(
                f"a number or array as {name} of {type(self).__name__}",
                found=type(mine).__name__,
                next_step=f"write merge, or name {name} in `shared` if it is the same everywhere",
            )
        return _sum(mine, other)

    def _merged_entry(self, name: str, key: str, mine: Any, other: Any) -> Any:
        if key not in mine or key not in other:
            return mine.get(key, other.get(key))
        kept = key if key in self.lowest | self.highest else name
        return self._merged(kept, mine[key], other[key])


def _sum(mine: Any, other: Any) -> Any:
    a, b = np.shape(mine), np.shape(other)
    if a == b or not (a and b):
        return mine + other
    shape = np.maximum(a, b)
    total = np.zeros(shape, np.result_type(mine, other))
    total[tuple(slice(n) for n in a)] += mine
    total[tuple(slice(n) for n in b)] += other
    return total
