"""What the signatures of models say that no analysis can: nothing explains the data, two differ."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from latent_analyze.host.results import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latent_analyze.runs.outcome import CaseOutcome, SourceInfo

SHOWN = 4
"""Differences of two signatures that are named."""


def with_model_findings(cases: Sequence[CaseOutcome]) -> list[CaseOutcome]:
    """Return the cases of a run with what is to be said about the models behind their sources."""
    return [
        replace(
            case,
            about_model=(*_about(case), *_different(case, cases[:number]), *_about_data(case)),
        )
        for number, case in enumerate(cases)
    ]


def _stores(case: CaseOutcome) -> list[SourceInfo]:
    """Return the sources of a case whose stores have signatures; of views of one store the first.

    Stores that differ only in their decoder's signature hold the same rows, so they have one
    fingerprint.
    """
    found: list[SourceInfo] = []
    for source in (case.reference, *case.shown):
        known = any((o.store, o.signature) == (source.store, source.signature) for o in found)
        if source.signature is not None and not known:
            found.append(source)
    return found


def _about(case: CaseOutcome) -> Iterator[Finding]:
    """Say what is wrong with the signature of each source, or what it assumes."""
    for source in _stores(case):
        signature = source.signature
        assert signature is not None
        whose = "" if source is case.reference else f"{source.label}: "
        if signature.problem:
            yield Finding("problem", whose + signature.problem)
        elif signature.assumed:
            texts = "; ".join(f"{c.key} = {c.value}" for c in signature.assumed)
            start = "Nothing in the model's files or the data shows this, so it is assumed"
            yield Finding("note", f"{whose}{start}: {texts}.")


def _about_data(case: CaseOutcome) -> Iterator[Finding]:
    """Say what was decided when the data of each source were read, each once."""
    for source in (case.reference, *case.shown):
        whose = "" if source is case.reference else f"{source.label}: "
        before = case.reference.notes if whose else ()
        for note in source.notes:
            if note not in before:
                yield Finding("note", f"{whose}{note}.")


def _different(case: CaseOutcome, earlier: Sequence[CaseOutcome]) -> Iterator[Finding]:
    """Say which sources were encoded by the same files with another signature than one before."""
    own = _stores(case)
    for number, source in enumerate(own):
        before = own[:number]
        if source is case.reference:
            before = [other.reference for other in earlier]
        for other in before:
            if text := _difference(source, other):
                yield Finding("problem", text)


def _difference(source: SourceInfo, other: SourceInfo) -> str:
    """Return what differs between the signatures of two stores of one model, or an empty text."""
    if source.signature is None or other.signature is None or source.model != other.model:
        return ""
    found = source.signature.differences(other.signature)
    if not found:
        return ""
    names = [
        f"{key} is {_text(mine)} in {source.label} and {_text(others)} in {other.label}"
        for key, (mine, others) in found.items()
    ]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    flags = [f"{key}={text}" for key, (_, text) in found.items() if text is not None]
    stated = " ".join(f"--signature {shlex.quote(flag)}" for flag in flags)
    how = f", as with {stated}" if stated and not more else ""
    return (
        f"{source.label} and {other.label} were encoded by the same files with different "
        f"signatures: {', '.join(names[:SHOWN])}{more}. At most one of them is right. Delete the "
        f"wrong store and encode again with the right one stated{how}."
    )


def _text(value: str | None) -> str:
    return value if value else "none"
