"""Plugins that are one function.

``@analysis`` on ``def kurtosis(z, *, threshold=1.0)``, ``@sampler`` on ``def laplace(rng, shape,
mean, std)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints, overload

import numpy as np
from pydantic import Field, PositiveInt, create_model
from pydantic.fields import FieldInfo

from latent_analyze.errors import PluginError
from latent_analyze.host.contracts import Analysis, Context, Sampler
from latent_analyze.host.contracts.sampler import Matches
from latent_analyze.host.measures import Measure, Values
from latent_analyze.host.options import AnalysisOptions, SamplerOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.host.results import Frame
    from latent_analyze.sources.codes import LatentKind
    from latent_analyze.sources.source import Batch, Source

SAMPLE = 10_000
"""Rows that a function gets if it does not say otherwise."""

LEAST = 500
"""Rows that a budget leaves at least."""

Function = Callable[..., Any]

INPUTS = ("z", "mu", "log_var", "labels", "rows", "rng", "context")
"""What the positional parameters of a function may ask for, by their names."""


class FunctionAnalysis(Analysis):
    """An analysis made from a function by `analysis`."""

    function: Function
    inputs: tuple[str, ...]

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Call the function with a seeded sample and the options."""
        del frame
        batch = context.sample(self.options.sample, _fields(self.inputs, source))
        given = [_input(name, batch, context) for name in self.inputs]
        found = type(self).function(*given, **_options_of(self))
        if isinstance(found, Values):
            rows = batch.rows if found.rows is None else found.rows
            return replace(found, rows=rows, sample_size=found.sample_size or len(batch))
        if not isinstance(found, Mapping):
            raise PluginError(f"a dict from {self.name}()", found=type(found).__name__)
        return Values(found, sample_size=len(batch), rows=batch.rows)


@overload
def analysis(function: Function, /) -> type[FunctionAnalysis]: ...
@overload
def analysis(
    *,
    name: str = ...,
    title: str = ...,
    measures: Sequence[Measure] = ...,
    sample: int = ...,
    heavy: bool = ...,
    latents: Sequence[LatentKind] = ...,
) -> Callable[[Function], type[FunctionAnalysis]]: ...
def analysis(
    function: Function | None = None,
    /,
    *,
    name: str = "",
    title: str = "",
    measures: Sequence[Measure] = (),
    sample: int = SAMPLE,
    heavy: bool = False,
    latents: Sequence[LatentKind] = ("coordinates",),
) -> Any:
    """Make an analysis from a function of a sample of z-points.

    The positional parameters say by their names what the function gets: ``z`` (n, dim), ``mu``,
    ``log_var``, ``labels`` (name -> values), ``rows``, ``rng``, or the whole ``context``. Keyword
    arguments are the options; ``Annotated[float, "what it does"]`` describes one. It returns
    numbers and arrays by name; an array of n values belongs to the rows of the sample.

    Parameters
    ----------
    name
        The function's name, if not given.
    title
        Heading in the report.
    measures
        What the function returns; without them names speak for themselves, and nothing is
        calibrated.
    sample
        Rows that it gets; an option of the same name can change that.
    heavy
        Whether null ensembles run on request only.
    latents
        What z may be: ``"coordinates"``, ``"codes"`` or both.

    Raises
    ------
    PluginError
        If a positional parameter is none of these, or an option has no default.
    """

    def make(function: Function) -> type[FunctionAnalysis]:
        inputs, fields = _signature(function, INPUTS)
        called = name or getattr(function, "__name__", "")
        size = Field(sample, description="z-points looked at")
        fields = {"sample": (PositiveInt, size), **fields}
        body = {
            **_body(function, called, inputs, fields, AnalysisOptions),
            "title": title, "measures": tuple(measures), "cost": "heavy" if heavy else "light",
            "requires": frozenset({"log_var", "labels"} & set(inputs)),
            "counts": {"sample": (min(LEAST, sample), sample)},
            "latents": frozenset(latents),
        }  # fmt: skip
        return type(called, (FunctionAnalysis,), body)

    return make if function is None else make(function)


def _body(
    function: Function, called: str, inputs: Sequence[str], fields: dict[str, Any], base: Any
) -> dict[str, Any]:
    """Return what classes made from functions share."""
    options = create_model(f"{called}_options", __base__=base, **fields)
    options.__doc__ = f"Options of `{called}`."
    # Where pickle looks for it: the class stands in the module in place of the function.
    place = getattr(function, "__qualname__", called)
    options.__module__, options.__qualname__ = function.__module__, f"{place}.Options"
    doc = inspect.getdoc(function) or called.replace("_", " ")
    return {
        "__doc__": doc, "__module__": function.__module__, "__qualname__": place, "name": called,
        "Options": options, "inputs": tuple(inputs), "function": staticmethod(function),
    }  # fmt: skip


def _signature(function: Function, known: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the positional parameters of a function, and its options as pydantic fields."""
    parameters = inspect.signature(function).parameters.values()
    hints = _hints(function, {p.name for p in parameters if p.kind is p.KEYWORD_ONLY})
    inputs, fields = [], {}
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY:
            fields[parameter.name] = _option(function, parameter, hints.get(parameter.name, Any))
        elif parameter.name in known:
            inputs.append(parameter.name)
        else:
            raise PluginError(
                f"parameters of {function.__name__} among {', '.join(known)}",
                found=repr(parameter.name), next_step="write options after a '*'",
            )  # fmt: skip
    return inputs, fields


def _hints(function: Function, names: set[str]) -> dict[str, Any]:
    """Return the types of some parameters; those of the others may not exist when it runs."""
    plain = inspect.unwrap(function)
    noted = getattr(plain, "__annotations__", {})
    chosen = SimpleNamespace(__annotations__={k: v for k, v in noted.items() if k in names})
    return get_type_hints(chosen, getattr(plain, "__globals__", {}), include_extras=True)


def _options_of(plugin: FunctionAnalysis | FunctionSampler) -> dict[str, Any]:
    """Return the options that are arguments of the function."""
    parameters = inspect.signature(type(plugin).function).parameters
    names = [name for name in type(plugin.options).model_fields if name in parameters]
    return {name: getattr(plugin.options, name) for name in names}


def _option(function: Function, parameter: inspect.Parameter, hint: Any) -> tuple[Any, FieldInfo]:
    if parameter.default is parameter.empty:
        raise PluginError(
            f"a default for option {parameter.name} of {function.__name__}", found="none"
        )
    described = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    texts = [part for part in described if isinstance(part, str)]
    text = texts[0] if texts else parameter.name.replace("_", " ")
    return hint, Field(parameter.default, description=text)


def _fields(inputs: Sequence[str], source: Source) -> frozenset[str]:
    labels = {f for f in source.fields if f.startswith("label:")} if "labels" in inputs else set()
    return frozenset({"z", *({"mu", "log_var"} & set(inputs)), *labels})


def _input(name: str, batch: Batch, context: Context) -> Any:
    if name == "context":
        return context
    if name == "mu" and batch.mu is None:
        return batch.z
    return context.rng if name == "rng" else getattr(batch, name)


STATISTICS = ("mean", "std", "covariance", "reference")
"""What the positional parameters of a sampler function may ask for behind ``rng`` and ``shape``."""


class FunctionSampler(Sampler):
    """A sampler made from a function by `sampler`."""

    function: Function
    inputs: tuple[str, ...]

    def state(self, reference: Source | None, seed: int) -> Mapping[str, Any]:
        """Return the statistics of the reference that the function asks for."""
        del seed
        if not self.inputs:
            return {}
        known: dict[str, Any] = {"reference": self.required(reference)}
        if set(self.inputs) - {"reference"}:
            summary = self.summary(reference)
            known |= {name: getattr(summary, name) for name in STATISTICS[:3]}
        return {name: known[name] for name in self.inputs}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *args: Any, **state: Any
    ) -> NDArray[Any]:
        """Call the function with its statistics and options."""
        del args
        return np.asarray(type(self).function(rng, shape, **state, **_options_of(self)))


def sampler(
    function: Function | None = None, /, *, name: str = "", matches: Matches = "nothing"
) -> Any:
    """Make a sampler from a function ``(rng, shape, ...) -> z-points of that shape``.

    Further positional parameters say by their names what the function needs of the reference:
    ``mean``, ``std`` (dim,), ``covariance`` (dim, dim), or the whole ``reference``. Keyword
    arguments are the options. Draw from ``rng`` alone: it is keyed by seed and block.

    Parameters
    ----------
    name
        The function's name, if not given.
    matches
        ``"covariance"`` or ``"variance"`` if the draws have that of the reference: as a null, they
        are rescaled to have it exactly.

    Raises
    ------
    PluginError
        If a positional parameter is none of these, or an option has no default.
    """

    def make(function: Function) -> type[FunctionSampler]:
        inputs, fields = _signature(function, ("rng", "shape", *STATISTICS))
        called = name or getattr(function, "__name__", "")
        body = {
            **_body(function, called, inputs[2:], fields, SamplerOptions),
            "matches": matches, "needs_reference": bool(inputs[2:]),
        }  # fmt: skip
        return type(called, (FunctionSampler,), body)

    return make if function is None else make(function)
