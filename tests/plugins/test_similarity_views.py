"""Comparing the spaces of several cases: findings and figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, ResultSet
from latent_analyze.testing import figures_of, findings_of, run_analysis
from latent_analyze_plugins.similarity import Similarity


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


SHARED = normal(400, 4)


def seeded(seed: int, noise: float) -> np.ndarray:
    return SHARED + noise * normal(400, 4, seed)


def compare(own: float, **options: Any) -> ResultSet:
    """Compare a space of this noise with two of noise 0.2, and one that shares nothing."""
    analysis = Similarity(build_options(Similarity.Options, options, "similarity"))
    others = [
        ArraySource(seeded(1, 0.2).astype(np.float32), "ae1"),
        ArraySource(seeded(2, 0.2).astype(np.float32), "ae2"),
        ArraySource(normal(400, 4, 9).astype(np.float32), "far"),
    ]
    return run_analysis(
        analysis, ArraySource(seeded(3, own).astype(np.float32), "vae"), others=others
    )


@pytest.fixture(scope="module")
def results() -> ResultSet:
    return compare(0.2, yardstick=["ae1", "ae2"])


def texts(results: ResultSet) -> list[str]:
    findings = findings_of(Similarity(results.options), results)
    assert all(finding.severity == "note" for finding in findings)
    return [finding.text for finding in findings]


def test_a_sentence_per_pair_of_the_reference(results: ResultSet) -> None:
    found = texts(results)
    share = 100 * results.data["knn_overlap[ae1]"]
    assert found[0].startswith(f"vae and ae1 share {share:.1f} ± ")
    assert "% by chance" in found[0]
    assert [text.split(" share ")[0] for text in found[:3]] == [
        "vae and ae1", "vae and ae2", "vae and far",
    ]  # fmt: skip
    assert len(found) == 5
    assert found[4].startswith("The variance is shared as if evenly by ")


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        (0.2, "no less like ae1 and ae2 than they are like each other"),
        (2.0, "less like ae1 and ae2 than they are like each other"),
    ],
)
def test_the_yardstick_tells_likeness(own: float, verdict: str) -> None:
    text = texts(compare(own, yardstick=["ae1", "ae2"]))[3]
    assert f"vae is {verdict}:" in text
    assert "not known how much such pairs differ" in text


def test_without_a_yardstick_all_others_are_it() -> None:
    text = texts(compare(0.2))[3]
    assert "vae is no less like ae1, ae2 and far than they are" in text
    assert "not known" not in text


def test_two_cases_need_no_yardstick() -> None:
    source = ArraySource(SHARED.astype(np.float32), "one")
    other = ArraySource(seeded(1, 0.1).astype(np.float32), "two")
    assert len(texts(run_analysis(Similarity(), source, others=[other]))) == 2


def test_many_dimensions_for_the_rows_are_said_to_raise_plain_cka() -> None:
    one, two = (ArraySource(normal(60, 80, s).astype(np.float32), f"s{s}") for s in (1, 2))
    text, _ = texts(run_analysis(Similarity(), one, others=[two]))
    assert "by chance; unbiased" in text


def test_the_figure_holds_all_pairs_and_chance(results: ResultSet) -> None:
    pairs, spaces = figures_of(Similarity(), results)
    axis = pairs.figure.axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names[:3] == ["vae and ae1", "vae and ae2", "vae and far"]
    assert len(names) == 6
    labels = {text.get_text() for text in pairs.figure.legends[0].get_texts()}
    assert labels == {"with the reference", "between the others", "shuffled rows"}
    assert "yardstick" in pairs.caption
    spectra = {line.get_label() for line in spaces.figure.axes[0].get_lines()}
    assert spectra == {"vae", "ae1", "ae2", "far"}
    assert "participation" not in spaces.alt


def test_figures_can_be_saved(results: ResultSet, tmp_path) -> None:
    for figure in figures_of(Similarity(), results):
        figure.figure.savefig(tmp_path / f"{figure.name}.png")
        assert (tmp_path / f"{figure.name}.png").stat().st_size > 10_000
