"""The measures of `codes`."""

from __future__ import annotations

from typing import Any

from latent_analyze.plotting import words_of
from latent_analyze.plugin import Measure

IMAGE_AXES = 3

BITS = "bits"
KNOWN: dict[str, Any] = {
    "unit": BITS, "calibrated": True, "direction": "high", "minimum_effect": 0.01,
}  # fmt: skip


DECODED = {
    "decoded": "what the decoder makes of a code at all positions",
    "decoded_among": "of a code in the middle, with the most frequent code at all other positions",
}


def _decoded() -> tuple[Measure, ...]:
    """Return the arrays of decoded rows, for every number of axes that a row may have."""
    kinds = {axes: words_of("image" if axes == IMAGE_AXES else "row") for axes in range(1, 6)}
    return tuple(
        Measure(name, text, dims=("shown_code", *words.dims(axes)))
        for name, text in DECODED.items()
        for axes, words in kinds.items()
    )


MEASURES = (
    Measure("rows", "rows", "rows"),
    Measure("codes", "in the codebook", "codes"),
    Measure("used", "that occur", "codes"),
    Measure("dead", "that never occur", "codes"),
    Measure("dead_by_chance", "that even draws of as many would leave unused: "
            "codes (1 - 1 / codes)^draws (closed form)", "codes"),
    Measure("top_share", "share of the most frequent code", "share"),
    Measure("entropy", "of the usage", BITS),
    Measure("entropy_bias", "how much too low it is for want of draws: "
            "(used - 1) / (2 draws ln 2) (Miller & Madow 1955)", BITS),
    Measure("entropy_error", "its standard error; rows are independent, positions of a row are "
            "not", BITS),
    Measure("perplexity", "2^entropy: as many codes would say as much if used evenly", "codes"),
    Measure("perplexity_error", "its standard error", "codes"),
    Measure("perplexity_share", "perplexity / codes", "share"),
    Measure("perplexity_within", "perplexity of one position, geometric mean over positions, "
            "corrected for bias", "codes"),
    Measure("position_bits", "what the position alone tells about its code: entropy of all less "
            "that of each position, corrected for bias", BITS),
    Measure("constant", "with one code only", "positions"),
    Measure("told_share", "of the sampled codes, those told apart where positions are compared",
            "share"),
    Measure("neighbor_bits", "mutual information of neighboring positions, mean over {neighbors:,} "
            "pairs, corrected for bias", **KNOWN,
            higher="neighboring positions know of each other"),
    Measure("far_bits", "mutual information of positions at least half of the largest distance "
            "apart, mean, corrected for bias", **KNOWN,
            higher="positions far apart know of each other"),
    Measure("usage", "how often each code occurs", "codes", dims=("code",)),
    Measure("unused", "codes that never occur", dims=("unused_code",)),
    Measure("perplexity_at", "of each position, corrected for bias", "codes", dims=("position",)),
    Measure("neighbor_bits_at", "mutual information with its neighbors, mean, corrected for bias",
            BITS, dims=("position",)),
    Measure("steps", "distance of two positions", "steps", dims=("distance",)),
    Measure("bits_by_steps", "mutual information of positions at this distance, mean, corrected "
            "for bias", BITS, dims=("distance",)),
    Measure("together", "log2 of how often two codes are neighbors, over how often they were if "
            "positions were independent; NaN below 5 expected", BITS,
            dims=("told_code", "other_code")),
    Measure("decoded_kind", "what a decoded row is"),
    Measure("shown_codes", "codes that were decoded", dims=("shown_code",)),
    *_decoded(),
)  # fmt: skip
