"""Samplers: makers of artificial z-points, to be shown or to serve as nulls."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from latent_analyze.errors import OptionError
from latent_analyze.host.options import SamplerOptions, build_options
from latent_analyze.sources.codes import LatentKind, codes_of
from latent_analyze.sources.drawn import DrawnSource
from latent_analyze.sources.source import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze.sources.source import Block
    from latent_analyze.sources.summary import Summary

Matches = Literal["covariance", "variance", "nothing"]


class Sampler(ABC):
    """Makes artificial z-points. Subclass it, set `name`, and write `draw` (and `state`), or `fit`.

    Attributes
    ----------
    needs_reference
        Whether a reference must be there; if not, options `dim` and `count` can stand in for one.
    matches
        The moments of the reference that a fitted source has in expectation; may depend on the
        options. As a null, each draw is rescaled to have them exactly.
    latents
        What it can be fitted to, and draws then: ``"coordinates"``, ``"codes"``, or both.
    """

    name: ClassVar[str]
    needs_reference: ClassVar[bool] = False
    requires: ClassVar[frozenset[str]] = frozenset()
    latents: ClassVar[frozenset[LatentKind]] = frozenset({"coordinates"})
    matches: Matches = "nothing"
    Options: ClassVar[type[SamplerOptions]] = SamplerOptions

    def __init__(self, options: Any = None, **given: Any) -> None:
        self.options: Any = options or build_options(self.Options, given, self.name)

    def state(self, reference: Source | None, seed: int) -> Mapping[str, Any]:
        """Return what `draw` needs to know: numbers, texts, small arrays, or the reference."""
        del reference, seed
        return {}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *args: Any, **state: Any
    ) -> NDArray[Any]:
        """Return z-points of a shape (n, dim), in latent units; codes for a reference of codes.

        Parameters
        ----------
        rng
            Keyed by seed and block: use nothing else that is random, and any process agrees.
        state
            What `state` returned, by name.
        """
        raise NotImplementedError

    def fit(self, reference: Source | None, seed: int) -> Source:
        """Return a source of artificial z-points fitted to a reference.

        Raises
        ------
        OptionError
            If a reference is needed and not there, or the options do not suit it.
        """
        if self.needs_reference:
            self.required(reference)
        count, dim = self.size(reference)
        state = self.state(reference, seed)
        drawn = SampledSource(self, state, label=self.name, count=count, dim=dim, seed=seed)
        drawn.codes = codes_of(reference)
        return drawn

    def required(self, reference: Source | None, text: str = "") -> Source:
        """Return the reference; OptionError if there is none. `text` is who needs it."""
        if reference is None:
            raise OptionError(
                f"a store or vectors that {text or self.name} is fitted to",
                found="none",
                next_step="name a store, or use normal, uniform or sphere with dim=",
            )
        return reference

    def summary(self, reference: Source | None, text: str = "") -> Summary:
        """Return the summary of a reference; OptionError without any finite z-point."""
        reference = self.required(reference, text)
        summary = reference.summary()
        if summary.count == 0:
            raise OptionError(
                f"finite z-points in {reference.label} to fit {self.name} to",
                found="none",
                next_step="encode the data again or name another store",
            )
        return summary

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


class SampledSource(DrawnSource):
    """What a sampler draws with a state: picklable where the sampler's class can be imported."""

    def __init__(
        self,
        sampler: Sampler,
        values: Mapping[str, Any],
        *,
        label: str,
        count: int,
        dim: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=dim, seed=seed)
        self.sampler, self.values = sampler, dict(values)

    @property
    def origin(self) -> type:
        """The class whose code the rows depend on."""
        return type(self.sampler)

    @property
    def state(self) -> Mapping[str, Any]:
        """The sampler's options and state; a source in it stands for its rows."""
        plain = {k: v.fingerprint if isinstance(v, Source) else v for k, v in self.values.items()}
        return {"options": self.sampler.options.model_dump_json(), **plain}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[Any]:
        """Return the z-points of a block."""
        return self.sampler.draw(rng, (block.size, self.dim), **self.values)
