"""`tsne` by openTSNE: ground truth, seeds, errors."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latent_analyze import AnalysisError, MissingDependencyError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Result
from latent_analyze.testing import check_analysis, run_analysis, tiny_source
from latent_analyze_plugins.embedding import tsne
from latent_analyze_plugins.embedding.tsne import Tsne

pytest.importorskip("openTSNE", reason="the extra embed is not installed")


def make(**options: Any) -> Tsne:
    fast = {"perplexity": 15, "iterations": 150}
    return Tsne(build_options(Tsne.Options, fast | options, "tsne"))


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def analyze(z: np.ndarray, **options: Any) -> Result:
    return run_analysis(make(**options), ArraySource(z)).data


def blobs() -> tuple[np.ndarray, np.ndarray]:
    kinds = np.arange(240) % 3
    return normal(240, 6) + 12 * np.eye(3, 6, dtype=np.float32)[kinds], kinds


def test_it_keeps_the_contract() -> None:
    results = check_analysis(make(iterations=40), source=tiny_source(100, 5))
    assert 0 <= results.data["trustworthiness"] <= 1
    assert 0 <= results.data["knn_preservation"] <= 1
    assert results.data["kl_divergence"] > 0


@pytest.mark.parametrize("gradient", ["bh", "fft"])
def test_blobs_stay_apart(gradient: str) -> None:
    z, kinds = blobs()
    page = analyze(z, gradient=gradient, iterations=60)["embedding"]
    centers = np.array([page[kinds == kind].mean(axis=0) for kind in range(3)])
    away = np.linalg.norm(page[:, None] - centers, axis=2)
    np.testing.assert_array_equal(away.argmin(axis=1), kinds)


def test_a_plane_keeps_its_neighbors() -> None:
    z = np.random.default_rng(0).uniform(-1, 1, (250, 2)).astype(np.float32)
    flat = analyze(z, iterations=400)
    assert flat["knn_preservation"] > 0.8
    assert flat["trustworthiness"] > 0.97
    assert flat["knn_preservation"] > analyze(normal(250, 30))["knn_preservation"] + 0.3


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    z = normal(120, 4)
    one = analyze(z)
    monkeypatch.setattr(tsne, "THREADED_POINTS", 0)
    many = analyze(z)
    for name in one.arrays:
        assert one[name].tobytes() == many[name].tobytes()
    assert {n: s.value for n, s in one.scalars.items()} == {
        n: s.value for n, s in many.scalars.items()
    }


SCRIPT = """
import sys, numpy as np
from latent_analyze.plugin import ArraySource
from latent_analyze.testing import run_analysis
from latent_analyze_plugins.embedding.{module} import {name}
z = np.random.default_rng(0).standard_normal((120, 4)).astype(np.float32)
data = run_analysis({name}({name}.Options({options})), ArraySource(z)).data
sys.stdout.write(data["embedding"].tobytes().hex())
"""


@pytest.mark.slow
def test_two_processes_give_the_same_bytes() -> None:
    script = SCRIPT.format(module="tsne", name="Tsne", options="perplexity=15, iterations=150")
    pages = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert pages[0] == pages[1] == analyze(normal(120, 4))["embedding"].tobytes().hex()


def test_progress_ends_at_the_number_of_iterations() -> None:
    seen: list[tuple[int, int]] = []
    start = np.random.default_rng(0).standard_normal((100, 2))
    make().embed(normal(100, 3), start, seed=0, report=lambda *done: seen.append(done))
    assert seen[-1] == (150, 150)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(("n", "perplexity"), [(50, 30), (90, 30), (60, 20)])
def test_a_perplexity_of_a_third_of_the_points_is_an_error(n: int, perplexity: float) -> None:
    with pytest.raises(AnalysisError) as caught:
        make(perplexity=perplexity).check_size(n, "data")
    assert f"below {n / 3:.4g}" in str(caught.value)
    assert f"found {perplexity}" in str(caught.value)
    assert "lower it: tsne:perplexity=10" in str(caught.value)


def test_the_step_that_an_error_names_helps() -> None:
    make(perplexity=10).check_size(50, "data")
    make(perplexity=20).check_size(61, "data")
    with pytest.raises(AnalysisError, match=r"lower it: tsne:perplexity=2$"):
        make(perplexity=3).check_size(8, "data")
    make(perplexity=2).check_size(8, "data")
    with pytest.raises(AnalysisError, match="more different z-points"):
        make(perplexity=2).check_size(6, "data")


def test_repeated_points_do_not_count_for_the_perplexity() -> None:
    source = ArraySource(np.repeat(normal(20, 3), 9, axis=0))
    context: Any = SimpleNamespace(sample=lambda n, fields: source.sample(n, 0, fields))
    with pytest.raises(AnalysisError, match="of the 20 different z-points of data, found 15; low"):
        make().prepare_with(source, context)


def test_a_missing_library_is_an_error_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(
        MissingDependencyError, match=r"openTSNE for t-SNE.*latent-analyze\[embed\]"
    ):
        make().prepare_with(ArraySource(normal(60, 3)), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"perplexity": 1}, {"perplexity": np.inf}, {"iterations": 0}, {"gradient": "exact"},
     {"early_exaggeration": 0}, {"sample": 0}, {"components": 0}, {"sample": "half"}],
)  # fmt: skip
def test_bad_values_are_option_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="tsne"):
        make(**options)


@pytest.mark.parametrize(
    "z",
    [
        normal(60, 2),
        normal(50, 200),
        normal(60, 4) * np.array([1, 0, 1, 0], np.float32),
        normal(60, 8) / np.linalg.norm(normal(60, 8), axis=1, keepdims=True),
        np.repeat(normal(50, 4), 4, axis=0),
        np.round(normal(60, 1)) + 0.001 * normal(60, 1, 1),
    ],
    ids=["2 dims", "fewer rows", "constant axes", "unit norm", "duplicates", "1 dim"],
)
def test_awkward_clouds_give_a_finite_page(z: np.ndarray) -> None:
    result = analyze(z, perplexity=10, iterations=40)
    assert np.isfinite(result["embedding"]).all()
    assert np.isfinite(result["kl_divergence"])
    assert np.ptp(result["embedding"], axis=0).min() > 0
