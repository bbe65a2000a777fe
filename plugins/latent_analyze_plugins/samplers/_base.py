"""What the samplers share: checks of the reference, and the type of a positive number."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from latent_analyze.plugin import OptionError, Source, Summary

PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def required(reference: Source | None, sampler: str) -> Source:
    """Return the reference, or raise an OptionError if there is none."""
    if reference is None:
        raise OptionError(
            f"a store or vectors that {sampler} is fitted to",
            found="none",
            next_step="name a store, or use normal, uniform or sphere with dim=",
        )
    return reference


def usable_summary(reference: Source, sampler: str) -> Summary:
    """Return the summary of a reference with at least one finite z-point."""
    summary = reference.summary()
    if summary.count == 0:
        raise OptionError(
            f"finite z-points in {reference.label} to fit {sampler} to",
            found="none",
            next_step="encode the data again or name another store",
        )
    return summary
