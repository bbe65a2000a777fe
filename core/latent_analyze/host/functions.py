"""Analyses that are one function: ``@analysis`` on ``def kurtosis(z, *, threshold=1.0)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints, overload

from pydantic import Field, PositiveInt, create_model
from pydantic.fields import FieldInfo

from latent_analyze.errors import PluginError
from latent_analyze.host.contracts import Analysis, Context
from latent_analyze.host.measures import Measure, Values
from latent_analyze.host.options import AnalysisOptions

if TYPE_CHECKING:
    from latent_analyze.host.results import Frame
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
        options = {name: getattr(self.options, name) for name in self.options_of_function()}
        found = type(self).function(*(_input(n, batch, context) for n in self.inputs), **options)
        if isinstance(found, Values):
            return found
        if not isinstance(found, Mapping):
            raise PluginError(f"a dict from {self.name}()", found=type(found).__name__)
        return Values(found, sample_size=len(batch), rows=batch.rows)

    @classmethod
    def options_of_function(cls) -> Iterable[str]:
        """Return the names of the options that are arguments of the function."""
        parameters = inspect.signature(cls.function).parameters
        return [name for name in cls.Options.model_fields if name in parameters]


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

    Raises
    ------
    PluginError
        If a positional parameter is none of these, or an option has no default.
    """

    def make(function: Function) -> type[FunctionAnalysis]:
        inputs, fields = _parameters(function)
        called = name or getattr(function, "__name__", "")
        requires = {"log_var", "labels"} & set(inputs)
        options = create_model(f"{called}_options", __base__=AnalysisOptions, **fields)
        options.__doc__ = f"Options of `{called}`."
        body = {
            "__doc__": inspect.getdoc(function) or called.replace("_", " "),
            "__module__": function.__module__,
            "name": called, "title": title, "measures": tuple(measures), "inputs": inputs,
            "function": staticmethod(function), "requires": frozenset(requires),
            "cost": "heavy" if heavy else "light", "Options": options,
            "counts": {"sample": min(LEAST, sample)},
        }  # fmt: skip
        return type(called, (FunctionAnalysis,), body)

    def _parameters(function: Function) -> tuple[tuple[str, ...], dict[str, Any]]:
        hints = get_type_hints(function, include_extras=True)
        inputs: list[str] = []
        size = Field(sample, description="z-points looked at")
        fields: dict[str, Any] = {"sample": (PositiveInt, size)}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                hint = hints.get(parameter.name, Any)
                fields[parameter.name] = _option(function, parameter, hint)
            elif parameter.name in INPUTS:
                inputs.append(parameter.name)
            else:
                raise PluginError(
                    f"parameters of {function.__name__} among {', '.join(INPUTS)}",
                    found=repr(parameter.name), next_step="write options after a '*'",
                )  # fmt: skip
        return tuple(inputs), fields

    return make if function is None else make(function)


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
    return context.rng if name == "rng" else getattr(batch, name)
