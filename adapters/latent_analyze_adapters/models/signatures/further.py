"""Further outputs of an encoder that are latents as well: codes, and latents of other layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Choice
from latent_analyze_adapters.models.signatures.codes import codes_in
from latent_analyze_adapters.models.signatures.names import is_latent, meaning, names_spread
from latent_analyze_adapters.models.signatures.trial import same_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from latent_analyze.plugin import Known
    from latent_analyze_adapters.models.signatures.encoders import OpenEncoder
    from latent_analyze_adapters.models.signatures.outputs import Mean, Outputs

MOST_VALUES = 4096
"""Values per row of a further output that is kept without being stated."""

MEANINGS = ("mean", "quantized", "codes")


def further_outputs(
    encoder: OpenEncoder, outputs: Outputs, mean: Mean, taken: Collection[str]
) -> dict[str, Known]:
    """Return the outputs that are latents as well, and how that is known; none if it is stated.

    Parameters
    ----------
    outputs
        All outputs by name, (n, ...).
    mean
        The mean; outputs that are equal to it are left out.
    taken
        Names of those that are its spread, or random.
    """
    if "further" in encoder.spec.model_fields_set:
        return {}
    found: dict[str, Known] = {}
    codes = codes_in(outputs, encoder.spec)
    kept = [mean.take(outputs)]
    for name in _one_per_row(encoder):
        known = _known(name, outputs[name], name in codes) if name in outputs else None
        if known is None or name in {mean.output, *taken}:
            continue
        values = np.asarray(outputs[name], np.float32)
        small = math.prod(values.shape[1:]) <= MOST_VALUES
        if small and not any(same_mean(values, other) for other in kept):
            found[name] = known
            kept.append(values)
    return found


def further_choice(found: Mapping[str, Known]) -> list[Choice]:
    """Return the choice of a signature, or nothing."""
    if not found:
        return []
    known: Known = "name" if "name" in found.values() else next(iter(found.values()))
    why = "the decoder does not take it" if len(found) == 1 else "the decoder does not take them"
    value = ", ".join(map(repr, found))
    return [Choice(key="encoder.further", value=value, known=known, why=why)]


def _known(name: str, values: NDArray[np.generic], is_code: bool) -> Known | None:
    """Return how it is known that an output is a latent, or None if it is not."""
    if is_code:
        return "graph" if values.dtype.kind in "iu" else "data"
    is_named = meaning(name) in MEANINGS or is_latent(name)
    return "name" if is_named and not names_spread(name) and values.dtype.kind == "f" else None


def _one_per_row(encoder: OpenEncoder) -> list[str]:
    """Return the outputs whose first axis is that of the rows, as far as the graph shows it."""
    plan = encoder.half.network.plan
    lengths = {None, plan.batch, *plan.input.shape[:1]}
    return [
        tensor.name
        for tensor in encoder.half.session.graph.outputs
        if not plan.batched or not tensor.shape or tensor.shape[0] in lengths
    ]
