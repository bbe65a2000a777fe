"""What is said about the models behind the cases of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from low_rank import write_model

import latent_analyze as la
from latent_analyze.cli import main
from latent_analyze.plugin import Bundle, Choice, EncoderSpec, Signature
from latent_analyze.runs.model_findings import signature_of, with_model_findings
from latent_analyze.runs.outcome import CaseOutcome, SourceInfo

QUICK = {"plugins": "radius", "null": "none"}


def signature(**changes: Any) -> Signature:
    encoder = EncoderSpec(file="e.onnx", range=changes.pop("range", (0.0, 1.0)))
    return Signature(bundle=Bundle(encoder=encoder), **changes)


def case(label: str = "data", *, model: str | None = "m", found: Any = None) -> CaseOutcome:
    details = {"signature": found, "model_fingerprint": model}
    return CaseOutcome(SourceInfo(label, 10, 2, label), (), (), {}, details=details)


def said(*cases: CaseOutcome) -> list[list[tuple[str, str]]]:
    return [[(f.severity, f.text) for f in c.about_model] for c in with_model_findings(cases)]


def test_nothing_to_say() -> None:
    assert said(case(), case(found=signature())) == [[], []]
    assert signature_of(case(found="text")) is None


def test_a_problem_of_the_signature() -> None:
    assert said(case(found=signature(problem="Nothing fits."))) == [[("problem", "Nothing fits.")]]


def test_what_is_assumed_is_a_note() -> None:
    choices = (
        Choice(key="encoder.range", value="values in [0, 1]", known="assumed"),
        Choice(key="encoder.mu", value="'a' is the mean", known="trial"),
    )
    ((severity, text),) = said(case(found=signature(choices=choices)))[0]
    assert severity == "note"
    assert "values in [0, 1]" in text
    assert "'a'" not in text
    # A problem says it all.
    (found,) = said(case(found=signature(choices=choices, problem="Nothing fits.")))[0]
    assert found == ("problem", "Nothing fits.")


class TestDifferentSignatures:
    ONE, OTHER = signature(), signature(range=(-1.0, 1.0))

    def test_a_problem_in_the_later_case(self) -> None:
        first, second = said(case("a", found=self.ONE), case("b", found=self.OTHER))
        ((severity, text),) = second
        assert (first, severity) == ([], "problem")
        assert "b and a were encoded by the same files with different signatures" in text

    def test_one_for_each_that_differs(self) -> None:
        every = {"a": self.ONE, "b": self.ONE, "c": self.OTHER}
        found = said(*(case(label, found=one) for label, one in every.items()))
        assert [len(texts) for texts in found] == [0, 0, 2]

    @pytest.mark.parametrize("model", ["other", None])
    def test_not_of_other_models(self, model: str | None) -> None:
        assert said(case("a", found=self.ONE), case("b", model=model, found=self.OTHER)) == [[], []]

    def test_not_of_stores_without_a_signature(self) -> None:
        assert said(case("a"), case("b", found=self.OTHER)) == [[], []]

    def test_not_where_only_the_evidence_differs(self) -> None:
        choice = Choice(key="encoder.range", value="values in [0, 1]", known="trial", why="tried")
        other = signature(choices=(choice,), explained=0.9, rows=5)
        assert said(case("a", found=self.ONE), case("b", found=other)) == [[], []]


def test_two_stores_of_one_file(place: Path) -> None:
    model = place / "model"
    la.encode(model, place / "images.npz", place / "a.zarr")
    stated = {"encoder.log_var": ""}
    la.encode(model, place / "images.npz", place / "b.zarr", signature=stated)
    la.encode(model, place / "images.npz", place / "c.zarr")
    same = la.run(place / "a.zarr", place / "c.zarr", **QUICK)
    assert not [f for f in same.findings if f.severity == "problem"]
    report = la.run(place / "a.zarr", place / "b.zarr", **QUICK)
    first = report.findings
    assert [f.severity for f in first].count("problem") == 1
    _, second = report.outcome.cases
    assert "with different signatures" in second.findings[0][1].text


def test_nothing_explains_the_data(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Encoding works and stores the problem; a run says it first, on the screen and as JSON."""
    write_model(place / "other", decoder_seed=3)
    assert call("encode", "other", "images.npz") == 0
    assert "No signature explains the data" in capsys.readouterr().out
    assert la.open_source("latents.zarr").schema.signature.problem  # type: ignore[attr-defined]
    assert call("run", "latents.zarr", "--plugins", "radius", "--null", "none") == 0
    first = capsys.readouterr().out.splitlines()[1]
    assert first.strip().startswith("problem: No signature explains the data")
    (found,) = json.loads((place / "latent-report" / "results.json").read_text())["cases"]
    assert found["findings"][0]["severity"] == "problem"
    assert found["findings"][0]["analysis"] == "model"
    report = (place / "latent-report" / "report.html").read_text()
    assert "No signature explains the data" in report


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--quiet"])
    return int(ended.value.code or 0)
