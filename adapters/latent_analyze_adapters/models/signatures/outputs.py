"""Which output of an encoder is the mean: what the graph, names and the decoder's input allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.signatures.codes import codes_in
from latent_analyze_adapters.models.signatures.names import meaning, names_spread, words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import EncoderSpec
    from latent_analyze_adapters.models.graph import Shape

Outputs = dict[str, "NDArray[np.generic]"]


@dataclass(frozen=True)
class Mean:
    """One way to get the mean from the outputs: a whole one, or a half of one; or codes."""

    output: str
    axis: int | None = None
    half: int = 0
    codes: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of model.toml."""
        halves = {"halves_axis": self.axis, "mean_half": self.half} if self.axis is not None else {}
        return {"mu": self.output, **halves}

    @property
    def cost(self) -> float:
        """What its name says against it: of equally good means, the one that is named so wins."""
        said = meaning(self.output)
        if said in ("mean", "halves", "quantized") or (self.codes and said == "codes"):
            return 0.0
        return 3.0 if names_spread(self.output) else 0.25

    @property
    def text(self) -> str:
        """In words."""
        if self.codes:
            return f"{self.output!r} holds codes"
        if self.axis is None:
            return f"{self.output!r} is the mean"
        return f"the {('first', 'second')[self.half]} half of {self.output!r} is the mean"

    def take(self, outputs: Outputs) -> NDArray[np.float32]:
        """Return the mean, (n, *axes)."""
        values = np.asarray(outputs[self.output], np.float32)
        if self.axis is None:
            return values
        return np.split(values, 2, axis=self.axis + 1)[self.half]

    def other_half(self, outputs: Outputs) -> NDArray[np.float32]:
        """Return the half that is not the mean."""
        return Mean(self.output, self.axis, 1 - self.half).take(outputs)


def stated_mean(stated: EncoderSpec, outputs: Outputs) -> Mean | None:
    """Return the mean if its output is stated, or the graph shows it."""
    if stated.mu is None:
        return None
    codes = stated.mu in codes_in(outputs, stated)
    return Mean(stated.mu, stated.halves_axis, stated.mean_half, codes)


def means_for(
    outputs: Outputs,
    drawn: set[str],
    latent: Shape,
    *,
    codes: Collection[str] = (),
    whole_input: bool = False,
) -> list[Mean]:
    """Return what may be the mean for a decoder that takes rows of the shape `latent`.

    Parameters
    ----------
    codes
        Outputs that hold codes: where nothing else has the size, the decoder takes these.
    whole_input
        Whether the decoder takes whole numbers, and so codes before anything else.

    Raises
    ------
    ModelError
        If no output has its size.
    """
    size = math.prod(latent)
    named = [Mean(n, codes=True) for n, v in outputs.items() if n in codes and _size(v) == size]
    if named and whole_input:
        return named
    floats = {n: v for n, v in outputs.items() if v.dtype.kind in "fiu" and n not in codes}
    whole = [Mean(n) for n, v in floats.items() if _size(v) == size]
    fixed = [mean for mean in whole if mean.output not in drawn]
    if fixed or whole:
        return fixed or whole
    halves = [
        Mean(name, axis, half)
        for name, values in floats.items()
        if _size(values) == 2 * size
        for axis in _halving(values.shape[1:], latent)
        for half in (0, 1)
    ]
    if halves:
        return halves
    if named:
        return named
    raise ModelError(
        f"an output of the encoder with the {size} values that the decoder takes",
        found=", ".join(f"{n} {v.shape[1:]}" for n, v in outputs.items()),
        next_step="give the decoder that belongs to this encoder, or name the tensor that holds "
        "z-points: --signature encoder.mu=NAME",
    )


def mean_alone(
    outputs: Outputs,
    drawn: set[str],
    halves: int | None,
    *,
    stated: Mean | None = None,
    codes: Collection[str] = (),
) -> tuple[Mean, str]:
    """Return the mean of an encoder without a decoder, and how it is known.

    Parameters
    ----------
    halves
        Channels of a z-point, if a config beside the files states it.
    stated
        Axis and half of the mean, if they are stated without the name of the output.
    codes
        Outputs that hold codes: they are taken where there is nothing else.

    Raises
    ------
    ModelError
        If names do not tell which is the mean.
    """
    floats = {n: v for n, v in outputs.items() if v.dtype.kind in "fiu" and n not in codes}
    if not floats:
        return _named_codes(outputs, codes)
    fixed = {n: v for n, v in floats.items() if n not in drawn} or floats
    if len(fixed) == 1:
        ((name, values),) = fixed.items()
        if stated is not None:
            return Mean(name, stated.axis, stated.half), "stated"
        axis = _halved_axis(name, values.shape[1:], halves)
        if axis is not None:
            why = "name" if halves is None else "config.json"
            return Mean(name, axis), why
        return Mean(name), "name" if _is_latent_name(name) else "the only output"
    named = [n for n in fixed if meaning(n) == "mean"] or [
        n for n in fixed if meaning(n) == "quantized"
    ]
    named = named or _not_spread(fixed)
    if len(named) == 1:
        return Mean(named[0]), "name"
    sizes = {_size(v) for v in fixed.values()}
    if len(sizes) == len(fixed) and not named:
        return Mean(next(iter(fixed))), "the first output"
    raise undecided([Mean(name) for name in fixed], "nothing tells which one")


def undecided(means: Sequence[Mean], why: str) -> ModelError:
    """Return the error for outputs of which any may be the mean."""
    first, second = means[0], means[1]
    flags = [f"--signature encoder.mu={mean.output}" for mean in (first, second)]
    if first.axis is not None:
        flags = [f"--signature encoder.mean_half={mean.half}" for mean in (first, second)]
    elif len(means) == 2:
        names = (second.output, first.output)
        more = [f"--signature encoder.log_var={name}" for name in names]
        flags = [" ".join(pair) for pair in zip(flags, more, strict=True)]
    return ModelError(
        "one output that is the mean",
        found=f"{why}: {', '.join(mean.text for mean in means)}",
        next_step=f"say which: {' or '.join(flags)}",
    )


def _named_codes(outputs: Outputs, codes: Collection[str]) -> tuple[Mean, str]:
    """Return the output of codes of an encoder that gives nothing else, and how it is known."""
    means = [Mean(name, codes=True) for name in outputs if name in codes]
    named = [mean for mean in means if meaning(mean.output) == "codes"]
    if len(means) == 1 or len(named) == 1:
        return (named or means)[0], "name" if named else "the only output"
    if len({_size(outputs[mean.output]) for mean in means}) == len(means):
        return means[0], "the first output"
    raise undecided(means, "nothing tells which one")


def _is_latent_name(name: str) -> bool:
    """Whether a name says that an output holds z-points."""
    known = meaning(name) in ("mean", "quantized")
    return known or not {"z", "latent", "latents", "code", "encoding"}.isdisjoint(words(name))


def _not_spread(outputs: Mapping[str, NDArray[np.generic]]) -> list[str]:
    """Return the outputs that are not a spread, if some name is one."""
    rest = [name for name in outputs if not names_spread(name)]
    return rest if len(rest) < len(outputs) else []


def _halved_axis(name: str, shape: Shape, channels: int | None) -> int | None:
    """Return the axis in which an output holds mean and spread, if its name or a config says so."""
    if channels is not None:
        return next((i for i, n in enumerate(shape) if n == 2 * channels), None)
    if meaning(name) != "halves":
        return None
    return next((i for i, n in enumerate(shape) if n % 2 == 0), None)


def _halving(whole: Shape, latent: Shape) -> list[int]:
    """Return the axes in which half of an output has the shape of a z-point."""
    even = [i for i, n in enumerate(whole) if n % 2 == 0]
    halves = {i: (*whole[:i], whole[i] // 2, *whole[i + 1 :]) for i in even}
    exact = [i for i, half in halves.items() if half == latent]
    moved = [i for i, half in halves.items() if sorted(half) == sorted(latent)]
    return exact or moved or even[:1] + even[-1:][: len(even) - 1]


def _size(values: NDArray[np.generic]) -> int:
    return math.prod(values.shape[1:])
