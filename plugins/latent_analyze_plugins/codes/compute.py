"""The numbers of a source of codes: usage, perplexity, positions, decoded codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import as_pixels
from latent_analyze.plugin import AnalysisError, Context, Frame, Source, Values, codes_of
from latent_analyze_plugins.codes.measures import DECODED
from latent_analyze_plugins.codes.pairs import compare
from latent_analyze_plugins.codes.usage import bias, entropy, entropy_error, usage_by_position
from latent_analyze_plugins.shared.decoding import output_kind

DECODED_VALUES, FEWEST = 500_000, 2
"""Most values of decoded rows that are no images, and fewest rows that are kept all the same."""


def measure(frame: Frame, source: Source, context: Context, options: Any) -> Values:
    """Return all measures of a source."""
    _require_codes(source, frame["codes"])
    batch = context.sample(options.sample)
    values = _usage(source, frame["codes"])
    error = entropy_error(batch.z, values["usage"], source.count)
    values |= {
        "entropy_error": error,
        "perplexity_error": float(values["perplexity"] * np.log(2) * error),
        **compare(batch.z, frame),
    }
    is_reference = source.fingerprint == context.reference.fingerprint
    if is_reference and context.has("decoder") and len(frame["frequent"]):
        values |= _decoded(frame, context)
    notes = [] if len(batch) == source.count else [f"positions compared in {len(batch):,} rows"]
    return Values(values, notes=notes)


def _require_codes(source: Source, count: int) -> None:
    """Raise AnalysisError if a source has codes that the reference's codebook has not."""
    codes = codes_of(source)
    if codes is None or codes.count > count:
        raise AnalysisError(
            f"codes of a codebook of {count:,}, like those of the reference",
            found=str(codes or "coordinates"),
            next_step="give the source as a case of its own, without --with",
        )


def _usage(source: Source, count: int) -> dict[str, Any]:
    """Return what is known of the usage of all rows."""
    usage, within, constant = np.zeros(count, np.int64), list[NDArray[np.float64]](), 0
    for table in usage_by_position(source, count):
        usage += table.sum(axis=0)
        within.append(entropy(table) + bias(table))
        constant += int((np.count_nonzero(table, axis=1) == 1).sum())
    bits, lost, at = float(entropy(usage)), float(bias(usage)), np.concatenate(within)
    draws, unused = int(usage.sum()), np.flatnonzero(usage == 0)
    return {
        "rows": source.count, "codes": count,
        "used": count - len(unused), "dead": len(unused),
        "dead_by_chance": float(count * np.exp(draws * np.log1p(-1 / count))) if count > 1 else 0.0,
        "top_share": float(usage.max() / draws),
        "entropy": bits, "entropy_bias": lost,
        "perplexity": 2.0**bits, "perplexity_share": 2.0**bits / count,
        "perplexity_within": float(2.0 ** at.mean()),
        "position_bits": float(bits + lost - at.mean()), "constant": constant,
        "usage": usage, "unused": unused, "perplexity_at": 2.0**at,
    }  # fmt: skip


def _decoded(frame: Frame, context: Context) -> dict[str, Any]:
    """Return what the decoder makes of each frequent code: everywhere, and in the middle."""
    codes, shape = frame["frequent"], tuple(frame["shape"])
    kind = output_kind(context, context.reference)
    everywhere = np.repeat(codes[:, None], context.reference.dim, axis=1)
    if kind != "image":
        size = context.decode(everywhere[:1]).size
        everywhere = everywhere[: max(DECODED_VALUES // max(size, 1), FEWEST)]
    shown = codes[: len(everywhere)]
    found: dict[str, Any] = {"decoded_kind": kind, "shown_codes": shown, "decoded": everywhere}
    if len(everywhere[0]) > 1:
        among = np.full_like(everywhere, codes[0])
        among[:, np.ravel_multi_index([n // 2 for n in shape], shape)] = shown
        found["decoded_among"] = among
    for name in DECODED.keys() & found.keys():
        rows: Any = context.decode(found[name])
        if kind == "image":
            rows = as_pixels(rows[..., None] if rows.ndim == 3 else rows)
        found[name] = rows
    return found
