"""What the signatures of models say that no analysis can: nothing explains the data, two differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from latent_analyze.host.results import Finding
from latent_analyze.models.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze.runs.outcome import CaseOutcome


def with_model_findings(cases: Sequence[CaseOutcome]) -> list[CaseOutcome]:
    """Return the cases of a run with what is to be said about the models behind them."""
    return [
        replace(case, about_model=(*_about(case), *_different(case, cases[:number])))
        for number, case in enumerate(cases)
    ]


def signature_of(case: CaseOutcome) -> Signature | None:
    """Return the signature with which a case's reference was encoded, if its store has one."""
    found = case.details.get("signature")
    return found if isinstance(found, Signature) else None


def _about(case: CaseOutcome) -> list[Finding]:
    signature = signature_of(case)
    if signature is None:
        return []
    found = [Finding("problem", signature.problem)] if signature.problem else []
    if signature.assumed and not signature.problem:
        texts = "; ".join(f"{c.key} = {c.value}" for c in signature.assumed)
        start = "Nothing in the model's files or the data shows this, so it is assumed"
        found.append(Finding("note", f"{start}: {texts}."))
    return found


def _different(case: CaseOutcome, earlier: Sequence[CaseOutcome]) -> list[Finding]:
    """Return a problem for each earlier case of the same files with another signature."""
    own = signature_of(case)
    model = case.details.get("model_fingerprint")
    found = []
    for other in earlier:
        signature = signature_of(other)
        same = model is not None and other.details.get("model_fingerprint") == model
        if not same or own is None or signature is None:
            continue
        if own.fingerprint != signature.fingerprint:
            found.append(
                Finding(
                    "problem",
                    f"{case.reference.label} and {other.reference.label} were encoded by the same "
                    "files with different signatures: at most one of them is right. Encode one of "
                    "them again.",
                )
            )
    return found
