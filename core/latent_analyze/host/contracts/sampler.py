"""Samplers: makers of artificial z-points, to be shown or to serve as nulls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from latent_analyze.errors import OptionError
from latent_analyze.host.options import SamplerOptions

if TYPE_CHECKING:
    from latent_analyze.sources.source import Source


class Sampler(ABC):
    """Makes artificial z-points. Subclass it, set `name`, and write `fit`.

    Attributes
    ----------
    needs_reference
        Whether `fit` needs a reference; if not, options `dim` and `count` can stand in for one.
    matches
        The moments of the reference that a fitted source has in expectation; may depend on the
        options. As a null, each draw is rescaled to have them exactly.
    """

    name: ClassVar[str]
    needs_reference: ClassVar[bool] = False
    requires: ClassVar[frozenset[str]] = frozenset()
    matches: Literal["covariance", "variance", "nothing"] = "nothing"
    Options: ClassVar[type[SamplerOptions]] = SamplerOptions

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def fit(self, reference: Source | None, seed: int) -> Source:
        """Return a source of artificial z-points fitted to a reference.

        `self.size(reference)` gives count and dim. The label is set by the host to the sampler's
        text; use `self.name`.
        """

    def size(self, reference: Source | None) -> tuple[int, int]:
        """Return (count, dim) from the options or else from the reference."""
        count, dim = self.options.count, self.options.dim
        if reference is not None and dim not in (None, reference.dim):
            raise OptionError(
                f"dim={reference.dim}, that of {reference.label}", found=f"dim={dim}",
                next_step=f"leave dim out of {self.name}",
            )  # fmt: skip
        if reference is not None:
            return count or reference.count, reference.dim
        if dim is None:
            raise OptionError(
                f"dim= for {self.name} without a store", found="none",
                next_step=f"write {self.name}:dim=16:count=10000",
            )  # fmt: skip
        return count or 10_000, dim
