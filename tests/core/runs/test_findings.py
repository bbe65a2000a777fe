from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from latent_analyze import AnalysisError
from latent_analyze.plugin import Analysis, ArraySource, Finding, Frame, Measure, ResultSet
from latent_analyze.runs.findings import all_findings, standard_findings
from latent_analyze.testing import findings_of, gaussian_members, run_analysis

PEAK = {"calibrated": True, "minimum_effect": 0.1}


class Tails(Analysis):
    """How heavy are the tails?"""

    name = "tails"
    measures = (
        Measure("peak", "fourth moment: all axes", **PEAK, higher="the tails are heavier"),
        Measure("share_{axis}", "share beyond 3 on axis {axis}", "share", **PEAK),
        Measure("lost", "left out", "z-points", said="{value:,} z-points were left out at {limit}"),
    )

    def prepare(self, reference: Any) -> Frame:
        return Frame({"limit": 7})

    def run(self, frame: Frame, source: Any, context: Any) -> dict[str, Any]:
        z = context.sample(2000).z
        shares = {f"share_{i}": float((np.abs(x) > 3).mean()) for i, x in enumerate(z.T)}
        return {"peak": float((z**4).mean()), "lost": int(source.label == "data") * 1234, **shares}


class Told(Tails):
    """Says one of them itself."""

    def interpret(self, results: ResultSet) -> Iterator[Finding]:
        yield Finding("finding", "The peak is high.", {"peak": results.data["peak"]})
        yield Finding("warning", "Shares may mislead.", {"share_0": 0.0})


@pytest.fixture(scope="module")
def results() -> ResultSet:
    z = np.random.default_rng(0).standard_t(3, (2000, 4)).astype(np.float32) * 2
    data = ArraySource(z)
    nulls = {"gaussian": gaussian_members(data, 20), "other": gaussian_members(data, 20, seed=1)}
    return run_analysis(Tails(), data, nulls=nulls)


def test_what_stands_out_is_one_plain_sentence_per_null(results: ResultSet) -> None:
    found = [f for f in findings_of(Tails(), results) if f.severity == "finding"]
    assert [("null model gaussian" in f.text, "null model other" in f.text) for f in found] == [
        (True, False), (False, True)
    ]  # fmt: skip
    assert found[0].text.startswith("data differs from the null model gaussian: the tails are")
    # The part of a description behind a colon explains, and is left out of the sentence.
    assert "fourth moment" in found[0].text
    assert "all axes" not in found[0].text
    assert "5-95 % of 20 draws; p = 0.048, corrected" in found[0].text
    assert found[0].numbers["peak"] == results.data["peak"]


def test_scalars_that_a_finding_names_are_not_said_again(results: ResultSet) -> None:
    said = findings_of(Told(), results)
    assert [f.text for f in said[:2]] == ["The peak is high.", "Shares may mislead."]
    standard = [f for f in said[2:] if f.severity == "finding"]
    assert all("peak" not in f.numbers for f in standard)


def test_what_was_left_out_is_said_for_the_sources_that_lack_it(results: ResultSet) -> None:
    notes = [f for f in findings_of(Tails(), results) if f.severity == "note"]
    assert [f.text for f in notes] == ["data: 1,234 z-points were left out at 7."]


def test_without_a_standout_nothing_is_found() -> None:
    z = np.random.default_rng(0).normal(size=(2000, 4)).astype(np.float32)
    data = ArraySource(z, "calm")
    calm = run_analysis(Tails(), data, nulls={"gaussian": gaussian_members(data, 20)})
    assert findings_of(Tails(), calm) == []


def test_what_is_no_finding_is_an_error(results: ResultSet) -> None:
    class Loose(Tails):
        """Says a bare text."""

        def interpret(self, results: ResultSet) -> Any:
            return ["a text"]

    with pytest.raises(AnalysisError, match="findings of severity problem, warning, finding, note"):
        all_findings(Loose(), results)


class Says(Analysis):
    """Says what it found."""

    name = "says"
    measures = (
        Measure("lost", "left out", said="{value:.0f} of {limit}"),
        Measure("unknown", "not known", said="{value} is unknown"),
    )

    def prepare(self, reference: Any) -> Frame:
        return Frame({"limit": 7, "value": 99})

    def run(self, frame: Frame, source: Any, context: Any) -> dict[str, Any]:
        return {"lost": 3.0, "unknown": float("nan")}


def test_the_value_itself_is_said_and_nothing_of_what_is_not_known() -> None:
    z = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    found = findings_of(Says(), run_analysis(Says(), ArraySource(z)))
    assert [f.text for f in found] == ["data: 3 of 7."]


def test_a_meaning_may_use_options_and_frame(results: ResultSet) -> None:
    measures = (Measure("peak", "peak", **PEAK, higher="heavier than {limit}"),)
    found = standard_findings(results, measures)
    assert "heavier than 7" in found[0].text
    with pytest.raises(AnalysisError, match=r"placeholders, options or frame values in '\{no\}'"):
        standard_findings(results, (Measure("peak", "peak", **PEAK, higher="{no}"),))
