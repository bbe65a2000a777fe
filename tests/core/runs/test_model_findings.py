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
from latent_analyze.runs.model_findings import with_model_findings
from latent_analyze.runs.outcome import CaseOutcome, SourceInfo

QUICK = {"plugins": "radius", "null": "none"}


def signature(**changes: Any) -> Signature:
    encoder = EncoderSpec(
        file=changes.pop("file", "e.onnx"), range=changes.pop("range", (0.0, 1.0))
    )
    return Signature(bundle=Bundle(encoder=encoder), **changes)


ONE, OTHER = signature(), signature(range=(-1.0, 1.0))
BROKEN = signature(problem="Nothing fits.")


def source(label: str, found: Any = None, *, model: str = "m", store: str = "") -> SourceInfo:
    return SourceInfo(
        label, 10, 2, label, store=store or f"store of {label}", model=model, signature=found
    )


def case(reference: Any, *shown: Any) -> CaseOutcome:
    return CaseOutcome(reference, shown, (), {})


def said(*cases: CaseOutcome) -> list[list[tuple[str, str]]]:
    return [[(f.severity, f.text) for f in c.about_model] for c in with_model_findings(cases)]


def test_nothing_to_say() -> None:
    assert said(case(source("a")), case(source("b", ONE), source("c", ONE))) == [[], []]


class TestOneSource:
    def test_a_problem_of_the_reference_and_of_a_source_beside_it(self) -> None:
        assert said(case(source("data", BROKEN))) == [[("problem", "Nothing fits.")]]
        shown = case(source("data", model="n"), source("b", BROKEN))
        assert said(shown) == [[("problem", "b: Nothing fits.")]]

    def test_what_is_assumed_is_a_note(self) -> None:
        choices = (
            Choice(key="encoder.range", value="values in [0, 1]", known="assumed"),
            Choice(key="encoder.mu", value="'a' is the mean", known="trial"),
        )
        found = signature(choices=choices)
        ((severity, text), (beside, other)) = said(case(source("a", found), source("b", found)))[0]
        assert severity == beside == "note"
        assert "values in [0, 1]" in text
        assert "'a'" not in text
        assert other == f"b: {text}"
        # A problem says it all.
        both = signature(choices=choices, problem="Nothing fits.")
        assert said(case(source("a", both))) == [[("problem", "Nothing fits.")]]

    def test_views_of_one_store_say_it_once(self) -> None:
        whole = source("a", BROKEN, store="s")
        views = [source(f"a{view}", BROKEN, store="s") for view in ("@posterior", "[label=1]")]
        assert said(case(whole, *views)) == [[("problem", "Nothing fits.")]]
        assert said(case(source("b", model="n"), *views)) == [
            [("problem", "a@posterior: Nothing fits.")]
        ]


class TestDifferentSignatures:
    def test_a_problem_in_the_later_case(self) -> None:
        first, second = said(case(source("a", ONE)), case(source("b", OTHER)))
        ((severity, text),) = second
        assert (first, severity) == ([], "problem")
        assert "b and a were encoded by the same files with different signatures" in text
        assert "encoder.range is [-1.0, 1.0] in b and [0.0, 1.0] in a" in text
        assert "--signature 'encoder.range=[0.0, 1.0]'" in text

    def test_of_a_source_beside_the_data_it_is_the_same_problem(self) -> None:
        (_, beside) = said(case(source("a", ONE)), case(source("b", OTHER)))
        assert said(case(source("a", ONE), source("b", OTHER))) == [beside]

    def test_one_for_each_that_differs(self) -> None:
        every = {"a": ONE, "b": ONE, "c": OTHER}
        sources = [source(label, one) for label, one in every.items()]
        assert [len(texts) for texts in said(*map(case, sources))] == [0, 0, 2]
        assert [len(texts) for texts in said(case(*sources))] == [2]

    def test_views_of_one_store_are_one(self) -> None:
        views = [source(f"b{view}", OTHER, store="b") for view in ("", "@posterior", "@z2")]
        ((_, text),) = said(case(source("a", ONE), *views))[0]
        assert text.startswith("b and a")

    @pytest.mark.parametrize("model", ["other", ""])
    def test_not_of_other_models(self, model: str) -> None:
        assert said(case(source("a", ONE), source("b", OTHER, model=model))) == [[]]

    def test_not_of_stores_without_a_signature(self) -> None:
        assert said(case(source("a"), source("b", OTHER))) == [[]]

    @pytest.mark.parametrize(
        "same",
        [
            signature(choices=(Choice(key="k", value="v", known="trial"),), explained=0.9, rows=5),
            signature(file="renamed.onnx"),
        ],
        ids=["evidence", "name of the file"],
    )
    def test_not_where_the_choices_are_the_same(self, same: Signature) -> None:
        assert said(case(source("a", ONE), source("b", same))) == [[]]

    def test_many_differences(self) -> None:
        further = ("z2", "z3")
        encoder = EncoderSpec(
            file="e.onnx", range=(-1, 1), mu="m", layout="CHW", spread="std", further=further
        )
        other = Signature(bundle=Bundle(encoder=encoder))
        ((_, text),) = said(case(source("a", ONE), source("b", other)))[0]
        assert "and 1 more" in text
        assert "encoder.mu is m in b and none in a" in text


def test_two_stores_of_one_file(place: Path) -> None:
    """As two cases and beside each other, whole and as views, by text and as open stores."""
    model = place / "model"
    la.encode(model, place / "images.npz", place / "a.zarr")
    stated = {"encoder.further": ["log_var"], "encoder.range": [0, 2]}
    la.encode(model, place / "images.npz", place / "b.zarr", signature=stated)
    la.encode(model, place / "images.npz", place / "c.zarr")
    same = la.run(place / "a.zarr", place / "c.zarr", **QUICK)
    assert not problems(same)
    told = problems(la.run(place / "b.zarr", place / "a.zarr", **QUICK))
    assert sum("with different signatures" in text for text in told) == 1
    for view in ("", "@posterior", "[label=3]", "[label=3]@posterior", "@log_var"):
        report = la.run(place / "a.zarr", shown=f"{place / 'b.zarr'}{view}", **QUICK)
        ((own,), (differ,)) = (
            [text for text in problems(report) if phrase in text]
            for phrase in ("What is stated about the model", "with different signatures")
        )
        assert own.startswith(f"b{view}: "), view
        assert differ.startswith(f"b{view} and data were encoded by the same files"), view
    opened = la.open_source(f"{place / 'a.zarr'}[label=3]", label="part")
    report = la.run(opened, shown=str(place / "b.zarr"), **QUICK)
    assert any(text.startswith("b and data were") for text in problems(report))


def problems(report: Any) -> list[str]:
    return [f.text for f in report.findings if f.severity == "problem"]


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
