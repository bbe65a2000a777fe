"""How it is known that outputs hold codes, and how many codes their codebooks have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, ModelError
from latent_analyze_adapters.models.signatures.codes import codes_in
from latent_analyze_adapters.models.signatures.names import meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze.plugin import EncoderSpec, Known
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.signatures.outputs import Mean, Outputs

KEY = "encoder.codes"

WIDE = 4
"""Bytes of integers that are codes by their type: 8-bit ones may be coordinates, quantized."""

SHOWN = "chosen from a codebook"
TAKEN = "the decoder looks it up in a codebook"


def code_counts(outputs: Outputs, mean: Mean, stated: EncoderSpec, facts: Facts) -> dict[str, int]:
    """Return the outputs that hold codes, and how many their codebook has: 0 if unknown.

    Parameters
    ----------
    mean
        The mean: only its codes does the decoder look up.
    stated
        What is known about the encoder before.
    facts
        What the files show.
    """
    found = dict(stated.codes or {})
    for name in sorted(codes_in(outputs, stated)):
        own = name == mean.output
        count = facts.codes.get(name, 0) or (facts.looked_up if own else 0)
        # A graph may be misread, but what occurs is a code.
        fits = count > float(outputs[name].max())
        found[name] = found.get(name) or (count if fits else 0)
    return found


def count_choice(mean: Mean, counts: Mapping[str, int], stated: EncoderSpec) -> list[Choice]:
    """Return how large the codebook of the latents is, as a choice of a signature."""
    if not mean.codes or (stated.codes or {}).get(mean.output):
        return []
    if count := counts[mean.output]:
        return [Choice(key=KEY, value=f"{count:,} codes in the codebook", known="graph")]
    return [
        Choice(
            key=KEY, value="a codebook as large as the codes that occur", known="assumed",
            why=f"nothing shows its size; state a larger one: --signature {KEY}.{mean.output}=N",
        )
    ]  # fmt: skip


def how_codes(
    mean: Mean,
    outputs: Mapping[str, NDArray[np.generic]],
    stated: EncoderSpec,
    facts: Facts,
    *,
    whole_input: bool = False,
) -> tuple[Known, str]:
    """Return how it is known that the mean holds codes, if it does, and what shows it.

    Parameters
    ----------
    whole_input
        Whether there is a decoder, and it takes whole numbers.

    Raises
    ------
    ModelError
        If nothing tells whole numbers that name codes from coordinates.
    """
    name, values = mean.output, outputs[mean.output]
    if not mean.codes or stated.codes is not None:
        return "stated", ""
    if name in facts.codes:
        return "graph", SHOWN
    if facts.looked_up or whole_input:
        return "graph", TAKEN if facts.looked_up else "the decoder takes whole numbers"
    if meaning(name) == "codes":
        return "name", ""
    if values.dtype.kind in "iu" and values.dtype.itemsize >= WIDE and values.min() >= 0:
        return "graph", "its type is integer"
    raise undecided(name, values)


def undecided(name: str, values: NDArray[np.generic]) -> ModelError:
    """Return the error for whole numbers that may be codes or coordinates."""
    return ModelError(
        "z-points that are coordinates or codes",
        found=f"whole numbers in the output {name!r}, {values.min()} to {values.max()}, which may "
        "be either",
        next_step=f"say which: --signature encoder.codes={name} for codes of a codebook, which "
        "have no distances, or --signature encoder.codes= for coordinates",
    )
