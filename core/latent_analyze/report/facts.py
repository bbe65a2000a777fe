"""What was analyzed, as lists of terms and texts; specs of models and data sets as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from latent_analyze.host.numbers import show, show_range
from latent_analyze.models.signature import Signature

if TYPE_CHECKING:
    from latent_analyze.host.options import Options
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.runs.outcome import CaseOutcome, NullInfo, SourceInfo

SHORT_HASH = 12
TITLES = {"model": "Model", "dataset": "Data set"}


@dataclass(frozen=True)
class Group:
    """A heading and (term, text) below it."""

    title: str
    rows: Sequence[tuple[str, str]]


def case_facts(case: CaseOutcome, config: RunConfig) -> list[Group]:
    """Return what was analyzed in a case: reference, model, data set, sources beside it, nulls."""
    details = {key: value for key, value in case.details.items() if _is_spec(value)}
    groups = [Group("Reference", _reference(case, config))]
    signature = details.pop("signature", None)
    groups += [Group(TITLES.get(key, _term(key)), spec_rows(details[key])) for key in details]
    if isinstance(signature, Signature):
        groups.insert(2, Group("How the model is read", list(_choices(signature))))
    groups.append(Group("Shown beside it", list(_beside(case))))
    groups.append(Group("Null models", [_null(null) for null in case.nulls]))
    return [group for group in groups if group.rows]


def spec_rows(spec: BaseModel | Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a spec that say anything."""
    values = spec.model_dump() if isinstance(spec, BaseModel) else spec
    return [
        (_term(str(key)), text)
        for key, value in values.items()
        if not _is_empty(value) and (text := _plain(str(key), value))
    ]


def detail(case: CaseOutcome, key: str, field: str) -> str:
    """Return a field of a detail as text, empty where there is none."""
    value = case.details.get(key)
    found = value.get(field) if isinstance(value, Mapping) else getattr(value, field, None)
    return "" if _is_empty(found) else str(found)


def given_source(case: CaseOutcome, config: RunConfig) -> str:
    """Return the text that named a case's reference, empty where it came from a program."""
    return dict(zip(config.labels, config.sources, strict=False)).get(case.reference.label, "")


def option_texts(options: Options) -> list[tuple[str, str]]:
    """Return name and value of every option, as a user would type the names."""
    values = options.model_dump(mode="json")
    return [(name, "none" if v is None else _plain(name, v)) for name, v in values.items()]


def companions(case: CaseOutcome) -> dict[str, list[str]]:
    """Return the labels that an analysis alone shows: key of the analysis -> labels."""
    common = {case.reference.label, *(source.label for source in case.shown)}
    found = {
        key: [label for label in entry.results.results if label not in common]
        for key, entry in case.analyses.items()
        if entry.results is not None
    }
    return {key: labels for key, labels in found.items() if labels}


def _choices(signature: Signature) -> Iterator[tuple[str, str]]:
    if signature.explained is not None:
        yield "explained", f"{signature.explained:.0%} of the variance of {signature.rows} rows"
    yield from ((choice.key, choice.known_as) for choice in signature.choices)


def _reference(case: CaseOutcome, config: RunConfig) -> list[tuple[str, str]]:
    """Rows on the reference, with those details that are one text."""
    source = case.reference
    texts = {"source": given_source(case, config), **case.details}
    if "store" in texts:
        del texts["source"]
    return [
        ("label", source.label),
        *_sizes(source),
        ("fingerprint", source.fingerprint[:SHORT_HASH]),
        *spec_rows({key: text for key, text in texts.items() if not _is_spec(text)}),
        ("seed", str(config.seed)),
        *([("cut", "; ".join(config.cut))] if config.cut else []),
    ]


def _sizes(source: SourceInfo) -> list[tuple[str, str]]:
    if source.codes is None:
        return [("z-points", show(source.count)), ("dimensions", show(source.dim))]
    count = show(source.codes.count)
    if not source.codes.is_known:
        count = f"{count}, the largest that occurs plus 1: the codebook is not known"
    return [
        ("rows", show(source.count)),
        ("codes per row", _tensor({"shape": source.codes.shape or (1,)})),
        ("codes in the codebook", count),
    ]


def _beside(case: CaseOutcome) -> Iterator[tuple[str, str]]:
    for source in case.shown:
        yield source.label, _size(source)
    for key, labels in companions(case).items():
        yield f"{key} only", ", ".join(labels)


def _size(source: SourceInfo) -> str:
    return f"{show(source.count)} {'rows' if source.codes else 'z-points'}"


def _null(null: NullInfo) -> tuple[str, str]:
    draws = "1 draw" if null.repeats == 1 else f"{show(null.repeats)} draws"
    about = " ".join(null.description.strip().split("\n\n")[0].split())
    return null.label, f"{draws}. {about}".strip()


def _is_spec(value: Any) -> bool:
    return isinstance(value, (BaseModel, Mapping))


def _term(key: str) -> str:
    return key.replace("_", " ")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (Sequence, Mapping)) and not value)


def _plain(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        if "shape" in value:
            return _tensor(value)
        if "name" in value:
            return str(value["name"])
        return ", ".join(f"{k} = {_plain(str(k), v)}" for k, v in value.items() if not _is_empty(v))
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(key, entry) for entry in value)
    if isinstance(value, str) and key.endswith("fingerprint"):
        return value[:SHORT_HASH]
    return show(value)


def _tensor(spec: Mapping[str, Any]) -> str:
    shape = " × ".join(show(length) for length in spec["shape"])
    usual = {"layout": "flat", "dtype": "float32"}
    about = [str(spec[key]) for key in usual if spec.get(key, usual[key]) != usual[key]]
    if spec.get("range"):
        about.append(f"values {show_range(*spec['range'])}")
    return f"{shape} ({', '.join(about)})" if about else shape
