"""Planning a run: which analyses on which cases; what is wrong is found here, before any work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from latent_analyze.errors import OptionError, StoreError
from latent_analyze.files.writing import exists
from latent_analyze.host.contracts import Progress, no_progress
from latent_analyze.host.options import parse_spec
from latent_analyze.runs.case_model import CaseModel, store_of
from latent_analyze.runs.config import ALL, NO_NULL, PluginChoice, RunConfig
from latent_analyze.runs.engine import CaseContext
from latent_analyze.runs.opening import (
    DEFAULT_STORE,
    absolute,
    fit_sampler,
    is_path,
    label_of,
    make_sampler,
    open_source,
    usable,
)
from latent_analyze.runs.selection import (
    Choice,
    LeftOut,
    applicable,
    choose,
    other_kind,
    unasked,
)
from latent_analyze.runs.source_text import SourceText
from latent_analyze.sources.codes import LatentKind, codes_of, latent_kind
from latent_analyze.sources.summary import MAX_COVARIANCE_DIM
from latent_analyze.sources.views import RelabeledSource

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Sampler
    from latent_analyze.host.discovery import Host
    from latent_analyze.sources.source import Source


USUAL_NULL: Mapping[LatentKind, str] = {"coordinates": "gaussian", "codes": "shuffled"}
"""Null model for each kind of latents, in place of one for the other kind."""


@dataclass(frozen=True)
class Case:
    """One reference, the sources shown beside it, its nulls, and what it offers to analyses."""

    reference: Source
    shown: tuple[Source, ...]
    nulls: Mapping[str, Sampler]
    shared: CaseContext
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
    config, choices = check_names(config, host, given)
    references = [
        _reference(text, label, config, host, given)
        for text, label in zip(config.sources, config.labels, strict=True)
    ]
    if config.data is not None and not any(map(store_of, references)):
        raise OptionError(
            "a store whose data are at --data", found=", ".join(r.label for r in references),
            next_step="leave --data out, or give it with --model and without a source",
        )  # fmt: skip
    cases = [
        _case(reference, references, choices, config, host, progress) for reference in references
    ]
    _check_shown(config, cases, host)
    return Plan(config, tuple(cases))


def check_names(
    config: RunConfig, host: Host, given: Mapping[str, Source] = MappingProxyType({})
) -> tuple[RunConfig, tuple[Choice, ...]]:
    """Return the resolved config and its analyses; raises OptionError for wrong names or options.

    Opens no source.
    """
    config = resolve(config, host, given)
    chosen = choose(config, host)
    _check_samplers(config, host)
    for name in config.calibrate:
        if name != ALL:
            host.get("analysis", name)
    return config, chosen


def _reference(
    text: str, label: str, config: RunConfig, host: Host, given: Mapping[str, Source]
) -> Source:
    if text in given:
        return usable(RelabeledSource(given[text], label), config.nonfinite)
    return open_source(text, host, label=label, seed=config.seed, nonfinite=config.nonfinite)


def _case(
    reference: Source,
    references: Sequence[Source],
    choices: tuple[Choice, ...],
    config: RunConfig,
    host: Host,
    progress: Progress,
) -> Case:
    model, kind = CaseModel.of(reference, config, host), latent_kind(reference)
    others = tuple(o for o in references if o is not reference and latent_kind(o) == kind)
    offers = model.offers(reference) | {"paired": _why_not_paired(reference, others)}
    chosen, left_out = applicable(choices, offers, latents=kind, asked=bool(config.plugins))
    nulls, replaced = _nulls(config, host, reference)
    return Case(
        reference=reference,
        shown=_shown(config, host, reference),
        nulls=nulls,
        shared=CaseContext(
            reference, model.open, model.images, seed=config.seed, progress=progress,
            others=others, lacks=offers, value_names=model.value_names,
        ),
        choices=chosen,
        left_out=(*left_out, *replaced, *(() if config.plugins else unasked(host))),
        details=model.details,
        model_fingerprint=model.ref.identity if model.ref else "",
    )  # fmt: skip


def _why_not_paired(reference: Source, others: Sequence[Source]) -> str:
    if not others:
        case = "case of codes" if codes_of(reference) else "case"
        return f"the run has one {case} only; give two stores of one data set"
    if any("id" in reference.fields & other.fields for other in others):
        return ""
    return "no other case has ids"


def resolve(
    config: RunConfig, host: Host, given: Mapping[str, Source] = MappingProxyType({})
) -> RunConfig:
    """Return the config with sources made absolute, labels given, and default nulls settled."""
    sources = config.sources or (DEFAULT_STORE,)
    if not config.sources and not exists(DEFAULT_STORE):
        raise StoreError(
            "a store to analyze", found=f"none given and none at ./{DEFAULT_STORE}",
            next_step="name one, or make one: latent-analyze encode MODEL DATA",
        )  # fmt: skip
    labels = _labels(sources, config.labels)
    nulls = tuple(null for null in config.nulls if null != NO_NULL)
    plugins = config.plugins
    if [p.name for p in plugins] == [ALL]:
        plugins = tuple(PluginChoice(name=name) for name in host.analyses)
    return config.model_copy(
        update={
            "sources": tuple(t if t in given else absolute(t) for t in sources),
            "labels": labels,
            "shown": tuple(absolute(text) for text in config.shown),
            "nulls": nulls if config.null_repeats else (),
            "model": None if config.model is None else absolute(config.model),
            "data": None if config.data is None else absolute(config.data),
            "plugins": plugins,
        }
    )


def _shown(config: RunConfig, host: Host, reference: Source) -> tuple[Source, ...]:
    sources = []
    kind = latent_kind(reference)
    for text in config.shown:
        if is_sampler(text, host):
            if kind in host.samplers[parse_spec(text).name].cls.latents:
                sources.append(fit_sampler(text, host, reference=reference, seed=config.seed))
            continue
        label = label_of(text)
        source = open_source(text, host, label=label, seed=config.seed, nonfinite=config.nonfinite)
        if (source.dim, latent_kind(source)) == (reference.dim, kind):
            sources.append(source)
    labels = [reference.label, *(source.label for source in sources)]
    for label, times in Counter(labels).items():
        if times > 1:
            raise OptionError(
                "sources with labels of their own", found=f"{label!r} {times} times",
                next_step="name each source once, and the case with --label",
            )  # fmt: skip
    return tuple(sources)


def _check_shown(config: RunConfig, cases: list[Case], host: Host) -> None:
    shown = {source.label for case in cases for source in case.shown}
    for text in config.shown:
        if text not in shown and label_of(text) + SourceText.parse(text).suffix not in shown:
            sizes = ", ".join(f"{c.reference.label}: {_size(c.reference)}" for c in cases)
            kinds = {latent_kind(c.reference) for c in cases}
            fitting = [name for name, p in host.samplers.items() if kinds & p.cls.latents]
            raise OptionError(
                f"a source of the same dimensions as a case ({sizes})", found=f"--with {text}",
                next_step=f"use one of {', '.join(fitting)}" if is_sampler(text, host)
                else "give it as a case of its own, without --with",
            )  # fmt: skip


def _size(source: Source) -> str:
    return str(codes_of(source) or source.dim)


def _nulls(
    config: RunConfig, host: Host, reference: Source
) -> tuple[dict[str, Sampler], list[LeftOut]]:
    """Return the null models, the usual one in place of those for the other kind of latents."""
    nulls, replaced, kind = {}, [], latent_kind(reference)
    for text in config.nulls:
        spec = parse_spec(text)
        if kind not in host.get("sampler", spec.name).cls.latents:
            usual = USUAL_NULL[kind]
            why = f"{other_kind(kind)}; in its place {usual}"
            replaced.append(LeftOut(f"null {spec.text}", why))
            spec = parse_spec(usual)
        if spec.text == "gaussian" and reference.dim > MAX_COVARIANCE_DIM:
            spec = parse_spec("gaussian:covariance=diag")
        nulls[spec.text] = make_sampler(spec, host, reference)
    return nulls, replaced


def _check_samplers(config: RunConfig, host: Host) -> None:
    for text in [*config.nulls, *(t for t in config.shown if not is_path(t))]:
        spec = parse_spec(SourceText.parse(text).base)
        host.get("sampler", spec.name).options(spec.options)


def is_sampler(text: str, host: Host) -> bool:
    """Whether a source text names a sampler; a path that exists is a path."""
    return not exists(text) and parse_spec(text).name in host.samplers


def _labels(sources: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    if given and len(given) != len(sources):
        raise OptionError(
            f"{len(sources)} labels, one per source", found=f"{len(given)}",
            next_step="repeat --label, in the order of the sources",
        )  # fmt: skip
    names = given or (("data",) if len(sources) == 1 else tuple(map(label_of, sources)))
    whole = [n + SourceText.parse(t).suffix for n, t in zip(names, sources, strict=True)]
    if len(set(whole)) < len(whole):
        raise OptionError(
            "sources of different names", found=", ".join(names),
            next_step="name the cases with --label",
        )  # fmt: skip
    return names
