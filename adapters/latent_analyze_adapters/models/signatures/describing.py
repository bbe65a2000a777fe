"""Puts a signature together: what was chosen, how each choice is known, and what else was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Candidate, Choice, Signature
from latent_analyze_adapters.models.image_tensor import UNIT
from latent_analyze_adapters.models.signatures.choosing import (
    LEAST_EXPLAINED,
    runner_up,
)
from latent_analyze_adapters.models.signatures.code_choices import code_counts, count_choice
from latent_analyze_adapters.models.signatures.further import further_choice, further_outputs
from latent_analyze_adapters.models.signatures.values import BYTES, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Bundle, EncoderSpec, Known, Sample
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.signatures.encoders import OpenEncoder
    from latent_analyze_adapters.models.signatures.outputs import Mean
    from latent_analyze_adapters.models.signatures.spread import Found
    from latent_analyze_adapters.models.signatures.trial import Tried, Way
    from latent_analyze_adapters.models.signatures.values import Scaling

SHOWN, MOST_NUMBERS = 10, 4
ORDER = (
    "encoder.range", "encoder.mu", "decoder.latent_axes", "decoder.scale", "decoder.range",
    "decoder.activation", "encoder.mean", "decoder.mean",
)  # fmt: skip


def values_alone(
    every: Sequence[Scaling], stated: EncoderSpec, sample: Sample, facts: Facts
) -> tuple[Scaling, list[Choice]]:
    """Return how values go into an encoder that has no decoder, and how that is known."""
    first = every[0]
    key = "encoder.range"
    if stated.model_fields_set & {"range", "mean", "std"}:
        return first, []
    if facts.input_range is not None and sample.kind == "images":
        return first, [Choice(key=key, value=first.text, known="graph", why=facts.input_why)]
    if sample.kind != "images":
        return first, [Choice(key=key, value=first.text, known="data")]
    if first.file:
        return first, [Choice(key=key, value=first.text, known="graph")]
    if first.range == BYTES and len(every) > 1:
        unit = next(scaling for scaling in every if scaling.range == UNIT)
        why = (
            "no decoder to try it with; if it takes 0 to 255, add --signature "
            "'encoder.range=[0,255]'"
        )
        return unit, [Choice(key=key, value=unit.text, known="assumed", why=why)]
    if len(every) == 1:
        return first, [Choice(key=key, value=first.text, known="graph", why="its type is integer")]
    return first, [Choice(key=key, value=first.text, known="data", why="as stored")]


def too_alike(x: NDArray[np.float32]) -> str:
    """Return why rows show nothing about a model, or an empty text."""
    if len(x) < 2:
        return "One row cannot show what the model means: its signature is assumed."
    if not np.ptp(x, axis=0).any():
        return (
            f"All {len(x)} rows tried are equal, so they cannot show what the model means: its "
            "signature is assumed."
        )
    return ""


def nothing_explains(best: Tried, given: float, shuffled: float) -> str:
    """Return that no signature explains the data, or an empty text.

    Parameters
    ----------
    best
        The best signature.
    given, shuffled
        What it explains of some rows, with their z-points as they are, and with the axes shuffled.
    """
    share = max(best.explained, 0.0) if np.isfinite(best.explained) else 0.0
    start = "No signature explains the data"
    if not best.explained >= LEAST_EXPLAINED:
        return (
            f"{start}: reconstructions explain {share:.1%} of the variance at best. Check that "
            "encoder and decoder belong together, are trained, and that these are their data."
        )
    if given <= shuffled:
        how = "codes renamed" if best.mean.codes else "latent axes shuffled"
        return (
            f"{start}: reconstructions explain {given:.1%} of the variance, and {shuffled:.1%} "
            f"with the {how}. Check that encoder and decoder belong together."
        )
    return ""


def choices_of(
    chosen: Tried, tried: Sequence[Tried], bundle: Bundle, *, problem: str
) -> list[Choice]:
    """Return the choices that the trial made."""
    assert bundle.encoder is not None
    assert bundle.decoder is not None
    known: Known = "assumed" if problem else "trial"
    why = "nothing explains the data" if problem else _why(chosen, tried)
    found = []
    if not bundle.encoder.model_fields_set & {"range", "mean", "std"}:
        found.append(_choice("encoder.range", chosen.way.scaling.text, known, why))
    if not bundle.decoder.model_fields_set & {"range", "mean", "std", "activation"}:
        key = "decoder.activation" if chosen.output.activation else "decoder.range"
        found.append(_choice(key, chosen.output.text, known, why))
    if bundle.encoder.mu is None:
        found.append(Choice(key="encoder.mu", value=chosen.mean.text, known=known, why=why))
    if chosen.decoder.text and bundle.decoder.latent_axes is None:
        value = chosen.decoder.text
        found.append(Choice(key="decoder.latent_axes", value=value, known=known, why=why))
    if chosen.scale.text:
        found.append(Choice(key="decoder.scale", value=chosen.scale.text, known=known, why=why))
    if chosen.decoder.network.plan.image.colors:
        why = "the data are gray: luminance, alpha over black"
        found.append(Choice(key="decoder.color", value="gray", known="data", why=why))
    return [*found, *_moments(chosen.way.scaling, chosen.output)]


def _choice(key: str, value: str, known: Known, why: str) -> Choice:
    return Choice(key=key, value=value, known=known, why=why)


def _moments(entry: Scaling, end: Scaling) -> Iterator[Choice]:
    """Yield what values are standardized with, if that is what these data have."""
    both = entry.moments is not None and entry.is_same(end)
    for role, scaling in (("encoder", entry), ("decoder", end)):
        if scaling.moments is None or scaling.mean is None or (both and role == "decoder"):
            continue
        prefix = "" if both else f"{role}."
        many = f"{len(scaling.mean)} numbers" if len(scaling.mean) > MOST_NUMBERS else ""
        numbers = [many or listed(values) for values in (scaling.mean, scaling.std or ())]
        value = f"standardized with mean {numbers[0]} and standard deviation {numbers[1]}"
        why = (
            "those of these data; if the model was trained with others, state them: "
            f"--signature '{prefix}mean=[...]' --signature '{prefix}std=[...]'"
        )
        yield Choice(key=f"{role}.mean", value=value, known="data", why=why)


def assemble(
    bundle: Bundle,
    encoder: OpenEncoder,
    way: Way,
    mean: Mean,
    *,
    spread: Found | None,
    drawn: Collection[str],
    choices: Sequence[Choice],
    facts: Facts,
    chosen: Tried | None = None,
    tried: Sequence[Tried] = (),
    problem: str = "",
    rows: int = 0,
) -> Signature:
    """Return the signature with all of its choices."""
    latent = chosen.decoder.latent if chosen else mean.take(way.outputs).shape[1:]
    scaling = way.scaling.fields
    in_halves = mean.axis is not None
    named: dict[str, Any] = {"log_var": ""} if spread is None or in_halves else spread.fields
    if in_halves and spread is not None:
        named = {"log_var": "", "spread": spread.kind}
    taken = {*drawn, *facts.drawn, *([spread.output] if spread else [])}
    further = further_outputs(encoder, way.outputs, mean, taken)
    counts = code_counts(way.outputs, mean, encoder.spec, facts)
    named |= {"further": tuple(further)} if further else {}
    named |= {"codes": counts} if counts else {}
    ends = encoder.spec.model_copy(update={"layout": way.layout, **scaling, **mean.fields, **named})
    changes: dict[str, Any] = {
        "encoder": ends,
        "image_shape": tuple(encoder.half.network.plan.image.shape),
        "latent_shape": bundle.latent_shape or latent,
    }
    if chosen is not None:
        plan, spec = chosen.decoder.network.plan, chosen.decoder.network.spec
        out = chosen.output
        changes["decoder"] = spec.model_copy(
            update={
                **out.fields, "activation": out.activation, "output": plan.outputs[0],
                "input": plan.input.name, "layout": plan.image.layout, **chosen.scale.fields,
            }
        )  # fmt: skip
    return Signature(
        bundle=bundle.model_copy(update=changes),
        choices=_distinct(
            [
                *choices,
                *(spread.choices if spread else ()),
                *further_choice(further),
                *count_choice(mean, counts, encoder.spec),
                *facts.choices,
            ]
        ),
        explained=None if chosen is None or not np.isfinite(chosen.explained) else chosen.explained,
        rows=rows,
        candidates=_candidates(tried),
        problem=problem,
    )


def _why(chosen: Tried, tried: Sequence[Tried]) -> str:
    text = f"reconstructions explain {chosen.explained:.0%} of the variance"
    second = runner_up(chosen, tried)
    if second is None:
        return text
    share = "nothing" if second.explained < 0.005 else f"{second.explained:.0%}"
    return f"{text}; next best {share}, with {_difference(second, chosen)}"


def _difference(second: Tried, chosen: Tried) -> str:
    """Return in words what a signature has that the chosen one has not."""
    pairs = zip(second.parts, chosen.parts, strict=True)
    return ", ".join(part for part, other in pairs if part and part != other) or second.text


def _candidates(tried: Sequence[Tried]) -> tuple[Candidate, ...]:
    best: dict[str, float] = {}
    for one in tried:
        best.setdefault(one.text, one.explained)
    shown = list(best.items())[:SHOWN]
    return tuple(
        Candidate(text=text, explained=value if np.isfinite(value) else None)
        for text, value in shown
    )


def _distinct(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Return one choice per key, the surest one; those that nothing shows come first."""
    order: list[Known] = ["stated", "graph", "trial", "name", "data", "assumed"]
    best: dict[str, Choice] = {}
    for choice in sorted(choices, key=lambda c: order.index(c.known)):
        best.setdefault(choice.key, choice)
    return tuple(sorted(best.values(), key=_place))


def _place(choice: Choice) -> tuple[bool, int, str]:
    """Return what sorts choices: assumed ones first, then in the order of the data's way."""
    known = ORDER.index(choice.key) if choice.key in ORDER else len(ORDER)
    return choice.known != "assumed", known, choice.key
