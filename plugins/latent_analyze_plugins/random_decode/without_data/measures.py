"""The measures of a decoder without data."""

from __future__ import annotations

from latent_analyze.plotting import Words
from latent_analyze.plugin import Measure


def without_data_measures(words: Words) -> tuple[Measure, ...]:
    """Return the measures in the words for what the decoder gives."""
    return (*_of_axes(words), *_of_draws(words), *_of_radii(words.values))


def _of_axes(words: Words) -> tuple[Measure, ...]:
    return (
        Measure("axis_change", f"root mean square per {words.value} between {words.many} at -1 "
                "and +1 standard deviation along the axis", dims=("axis",)),
        Measure("dead_axes", "axes that change the output by less than 1 % of what the strongest "
                "does", "axes"),
        Measure("strongest_axis", "axis that changes the output most, from 0"),
        Measure("axes_for_90", "fewest axes with 90 % of the sum of the squared changes", "axes"),
    )  # fmt: skip


def _of_draws(words: Words) -> tuple[Measure, ...]:
    many, value, values = words.many, words.value, words.values
    return (
        Measure("pair_distance", f"root mean square per {value} between two drawn {many}"),
        Measure("pair_relative", f"the same over that of {values} at unrelated places of "
                f"unrelated {many}: 0 for one {words.one} again and again, 1 where nothing is "
                "common to all"),
        Measure("unchanging", f"share of the {values} that are the same in all drawn {many}",
                "share"),
    )  # fmt: skip


def _of_radii(values: str) -> tuple[Measure, ...]:
    return (
        Measure("typical_radius", "median distance of the z-points from their mean",
                "latent units"),
        Measure("range_low", f"lower end of the range of {values}"),
        Measure("range_high", f"upper end of the range of {values}"),
        Measure("radius", "radii that are decoded, in typical radii", dims=("radius",)),
        Measure("at_ends", f"share of the {values} at an end of the range, at each radius",
                "share", dims=("radius",)),
        Measure("at_ends_typical", f"share of the {values} at an end of the range, at the typical "
                "radius", "share"),
        Measure("at_ends_far", f"share of the {values} at an end of the range, at the largest "
                "radius", "share"),
    )  # fmt: skip
