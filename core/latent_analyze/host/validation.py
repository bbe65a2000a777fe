"""Whether a class is a complete plugin: what is wrong with it, in one sentence."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

from latent_analyze.host.contracts import Analysis, Dataset, Sampler, Trainer
from latent_analyze.host.contracts.sampler import Matches
from latent_analyze.host.measures import Measure
from latent_analyze.host.options import AnalysisOptions, Options, SamplerOptions

_OPTIONS: Mapping[type, type[Options]] = {
    Analysis: AnalysisOptions, Dataset: Options, Sampler: SamplerOptions, Trainer: Options,
}  # fmt: skip

REQUIREMENTS = ("encoder", "decoder", "log_var", "labels", "images", "paired")
"""What an analysis may require of a case."""

COSTS = ("light", "heavy")

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def fault_of(cls: Any, base: type) -> str:
    """Return what keeps a class from being a plugin of a kind; empty if nothing does."""
    if not (isinstance(cls, type) and issubclass(cls, base)):
        return f"registers {cls!r}, which is no subclass of {base.__name__}"
    if not _NAME.fullmatch(str(getattr(cls, "name", ""))):
        return f"{cls.__name__}.name must be lower case, letters, digits and underscores"
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        return f"{cls.__name__} lacks {missing}"
    options = _OPTIONS.get(base)
    given: Any = getattr(cls, "Options", None)
    if options and not (isinstance(given, type) and issubclass(given, options)):
        return f"{cls.__name__}.Options is no subclass of {options.__name__}"
    if issubclass(cls, Analysis):
        return _fault_of_analysis(cls)
    if issubclass(cls, Sampler) and cls.fit is Sampler.fit and cls.draw is Sampler.draw:
        return f"{cls.__name__} has neither draw nor fit"
    if issubclass(cls, Sampler) and cls.matches not in (*get_args(Matches), None):
        return f"{cls.__name__}.matches is {cls.matches!r}; known: {', '.join(get_args(Matches))}"
    return ""


def _fault_of_analysis(cls: type[Analysis]) -> str:
    name = cls.__name__
    if not cls.is_streaming() and cls.run is Analysis.run:
        return f"{name} has neither accumulator nor run"
    measures = cls.measures if isinstance(cls.measures, (list, tuple)) else [None]
    if not all(isinstance(measure, Measure) for measure in measures):
        return f"{name}.measures must be a tuple of Measure (mind the comma behind a single one)"
    # Of one name there may be an image and a vector: the host tells them apart by their dimensions.
    times = Counter((measure.name, len(measure.dims)) for measure in cls.measures)
    twice = [key for (key, _), count in times.items() if count > 1]
    if twice:
        return f"{name}.measures declares {twice[0]!r} twice"
    for what, given, known in (
        ("requires", cls.requires, REQUIREMENTS),
        ("counts", cls.counts, cls.Options.model_fields),
        ("cost", [cls.cost] if isinstance(cls.cost, str) else (), COSTS),
    ):
        unknown = sorted(set(given) - set(known))
        if unknown:
            return f"{name}.{what} names {unknown[0]!r}; known: {', '.join(known)}"
    return ""
