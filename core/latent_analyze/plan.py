"""Planning a run: which analyses on which cases; what is wrong is found here, before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from latent_analyze.case_model import CaseModel
from latent_analyze.contracts import Progress, no_progress
from latent_analyze.engine import Surroundings
from latent_analyze.errors import OptionError, StoreError
from latent_analyze.opening import (
    DEFAULT_STORE,
    SourceText,
    fit_sampler,
    is_store,
    open_source,
)
from latent_analyze.options import parse_spec
from latent_analyze.run_config import NO_NULL, PluginChoice, RunConfig
from latent_analyze.source_views import RelabelledSource
from latent_analyze.summary import MAX_COVARIANCE_DIM

if TYPE_CHECKING:
    from latent_analyze.contracts import Analysis, Sampler
    from latent_analyze.host import Host, Plugin
    from latent_analyze.options import Options
    from latent_analyze.source import Source


@dataclass(frozen=True)
class Choice:
    """An analysis of the run: its key there, its plugin and its options."""

    key: str
    plugin: Plugin[Analysis]
    options: Options

    def make(self) -> Analysis:
        """Return a fresh instance."""
        return self.plugin.cls(self.options)


@dataclass(frozen=True)
class LeftOut:
    """An analysis that does not apply to a case, and why."""

    analysis: str
    reason: str


@dataclass(frozen=True)
class Case:
    """One reference, the sources shown beside it, its nulls, and what it offers to analyses."""

    reference: Source
    shown: tuple[Source, ...]
    nulls: Mapping[str, Sampler]
    around: Surroundings
    choices: tuple[Choice, ...]
    left_out: tuple[LeftOut, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    model_fingerprint: str = ""


@dataclass(frozen=True)
class Plan:
    """The cases of a run and the resolved config that reruns it."""

    config: RunConfig
    cases: tuple[Case, ...]


def make_plan(
    config: RunConfig,
    host: Host,
    *,
    progress: Progress = no_progress,
    given: Mapping[str, Source] | None = None,
) -> Plan:
    """Open the sources, fit the samplers, and decide what runs on which case.

    Parameters
    ----------
    given
        Text -> source that is open already and stands for it.

    Raises
    ------
    LatentAnalyzeError
        For anything that is wrong with the sources, plugins or options; nothing is written.
    """
    given = dict(given or {})
    config = resolve(config, host, given)
    choices = choose(config, host)
    _check_samplers(config, host)
    cases = []
    for text, label in zip(config.sources, config.labels, strict=True):
        reference = _reference(text, label, config, host, given)
        cases.append(_case(reference, choices, config, host, progress))
    _check_shown(config, cases)
    return Plan(config, tuple(cases))


def _reference(
    text: str, label: str, config: RunConfig, host: Host, given: Mapping[str, Source]
) -> Source:
    if text in given:
        return RelabelledSource(given[text], label)
    return open_source(text, host, label=label, seed=config.seed, nonfinite=config.nonfinite)


def _case(
    reference: Source,
    choices: tuple[Choice, ...],
    config: RunConfig,
    host: Host,
    progress: Progress,
) -> Case:
    model = CaseModel.of(reference, config, host)
    chosen, left_out = applicable(choices, model.offers(reference), asked=bool(config.plugins))
    return Case(
        reference=reference,
        shown=_shown(config, host, reference),
        nulls=_nulls(config, host, reference),
        around=Surroundings(
            reference, model.open, model.images, seed=config.seed, progress=progress
        ),
        choices=chosen,
        left_out=left_out,
        details=model.details,
        model_fingerprint=model.ref.fingerprint if model.ref else "",
    )


def resolve(
    config: RunConfig, host: Host, given: Mapping[str, Source] = MappingProxyType({})
) -> RunConfig:
    """Return the config with sources made absolute, labels given, and default nulls settled."""
    sources = config.sources or (DEFAULT_STORE,)
    if not config.sources and not Path(DEFAULT_STORE).exists():
        raise StoreError(
            "a store to analyze", found=f"none given and none at ./{DEFAULT_STORE}",
            next_step="name one, or make one: latent-analyze encode MODEL DATA",
        )  # fmt: skip
    labels = _labels(sources, config.labels)
    nulls = tuple(null for null in config.nulls if null != NO_NULL)
    plugins = config.plugins
    if [p.name for p in plugins] == ["all"]:
        plugins = tuple(PluginChoice(name=name) for name in host.analyses)
    return config.model_copy(
        update={
            "sources": tuple(t if t in given else _absolute(t) for t in sources),
            "labels": labels,
            "shown": tuple(_absolute(text) for text in config.shown),
            "nulls": nulls if config.null_repeats else (),
            "plugins": plugins,
        }
    )


def choose(config: RunConfig, host: Host) -> tuple[Choice, ...]:
    """Return the analyses of a run, the same plugin perhaps twice; raises OptionError."""
    if not config.plugins:
        light = [p for p in host.analyses.values() if p.cls.cost == "light"]
        return tuple(Choice(p.name, p, p.options({})) for p in light)
    times = Counter(choice.name for choice in config.plugins)
    chosen = []
    for choice in config.plugins:
        plugin = host.get("analysis", choice.name)
        key = choice.name if times[choice.name] == 1 else choice.text
        chosen.append(Choice(key, plugin, plugin.options(choice.options)))
    twice = [key for key, n in Counter(c.key for c in chosen).items() if n > 1]
    if twice:
        raise OptionError(
            "each analysis once, or with other options", found=f"{twice[0]!r} more than once"
        )
    return tuple(chosen)


def applicable(
    choices: tuple[Choice, ...], offers: Mapping[str, str], *, asked: bool
) -> tuple[tuple[Choice, ...], tuple[LeftOut, ...]]:
    """Return the analyses that a case can serve, and the others with the reason.

    Parameters
    ----------
    offers
        What analyses may require -> reason why the case has not got it (empty if it has).
    asked
        Whether the user named the analyses.
    """
    chosen, left_out = [], []
    for choice in choices:
        reasons = [
            f"needs {need}: {offers.get(need, 'unknown')}"
            for need in sorted(choice.plugin.cls.requires)
            if offers.get(need, "unknown")
        ]
        if reasons:
            left_out.append(LeftOut(choice.key, "; ".join(reasons)))
        else:
            chosen.append(choice)
    if asked and not chosen:
        listed = "; ".join(f"{entry.analysis} {entry.reason}" for entry in left_out)
        raise OptionError("an analysis that applies to the source", found=listed)
    return tuple(chosen), tuple(left_out)


def _shown(config: RunConfig, host: Host, reference: Source) -> tuple[Source, ...]:
    sources = []
    for text in config.shown:
        if is_sampler(text, host):
            sources.append(fit_sampler(text, host, reference=reference, seed=config.seed))
            continue
        label = _file_label(text)
        source = open_source(text, host, label=label, seed=config.seed, nonfinite=config.nonfinite)
        if source.dim == reference.dim:
            sources.append(source)
    labels = [reference.label, *(source.label for source in sources)]
    for label, times in Counter(labels).items():
        if times > 1:
            raise OptionError("sources with labels of their own", found=f"{label!r} {times} times")
    return tuple(sources)


def _check_shown(config: RunConfig, cases: list[Case]) -> None:
    shown = {source.label for case in cases for source in case.shown}
    for text in config.shown:
        if text not in shown and _file_label(text) + SourceText.parse(text).suffix not in shown:
            dims = ", ".join(f"{c.reference.label}: {c.reference.dim}" for c in cases)
            raise OptionError(
                f"a source of the same dimensions as a case ({dims})", found=f"--with {text}"
            )


def _nulls(config: RunConfig, host: Host, reference: Source) -> dict[str, Sampler]:
    nulls = {}
    for text in config.nulls:
        spec = parse_spec(text)
        if spec.text == "gaussian" and reference.dim > MAX_COVARIANCE_DIM:
            spec = parse_spec("gaussian:covariance=diag")
        nulls[spec.text] = host.get("sampler", spec.name).make(spec.options)
    return nulls


def _check_samplers(config: RunConfig, host: Host) -> None:
    for text in [*config.nulls, *(t for t in config.shown if not _is_path(t))]:
        spec = parse_spec(SourceText.parse(text).base)
        host.get("sampler", spec.name).options(spec.options)


def is_sampler(text: str, host: Host) -> bool:
    """Whether a source text names a sampler; a path that exists is a path."""
    return not Path(text).exists() and parse_spec(text).name in host.samplers


def _is_path(text: str) -> bool:
    base = SourceText.parse(text).base
    return (
        is_store(base)
        or Path(base).exists()
        or any(mark in base.partition(":")[0] for mark in "/\\.")
    )


def _absolute(text: str) -> str:
    base = SourceText.parse(text).base
    if "://" in base or not Path(base).exists():
        return text
    return str(Path(base).resolve()) + text.removeprefix(base)


def _labels(sources: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    if given and len(given) != len(sources):
        raise OptionError(f"{len(sources)} labels, one per source", found=f"{len(given)}")
    names = given or (("data",) if len(sources) == 1 else tuple(map(_file_label, sources)))
    if len(set(names)) < len(names):
        raise OptionError(
            "sources of different names", found=", ".join(names),
            next_step="name the cases with --label",
        )  # fmt: skip
    return names


def _file_label(text: str) -> str:
    base = SourceText.parse(text).base
    if not _is_path(text):
        return base
    path = Path(base.partition(":")[0] if not Path(base).exists() else base)
    return path.stem or path.name
