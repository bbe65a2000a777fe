"""`umap` by umap-learn: what it is told, ground truth, seeds, errors.

Importing umap-learn compiles for many seconds, so what runs it is marked slow.
"""

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
from latent_analyze_plugins.embedding import base, umap
from latent_analyze_plugins.embedding.umap import Umap


def make(**options: Any) -> Umap:
    return Umap(build_options(Umap.Options, {"epochs": 100} | options, "umap"))


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def analyze(z: np.ndarray, **options: Any) -> Result:
    return run_analysis(make(**options), ArraySource(z)).data


class Recorder:
    """Stands in for `umap.UMAP` and remembers what it was told."""

    told: dict[str, Any] = {}

    def __init__(self, **told: Any) -> None:
        type(self).told = told

    def fit_transform(self, space: np.ndarray) -> np.ndarray:
        return self.told["init"]


@pytest.mark.parametrize(("epochs", "told"), [("auto", None), (20, 20)])
def test_the_library_is_told_the_options_a_seed_and_one_thread(
    monkeypatch: pytest.MonkeyPatch, epochs: Any, told: int | None
) -> None:
    monkeypatch.setattr(umap, "load_umap", lambda: SimpleNamespace(UMAP=Recorder))
    start, seen = normal(40, 2), []
    page, scalars = make(n_neighbors=7, min_dist=0.3, epochs=epochs).embed(
        normal(40, 5), start, seed=11, report=lambda *done: seen.append(done)
    )
    assert Recorder.told.pop("init").tobytes() == page.tobytes() == start.tobytes()
    assert Recorder.told == {
        "n_neighbors": 7, "min_dist": 0.3, "n_epochs": told, "random_state": 11, "n_jobs": 1,
    }  # fmt: skip
    assert scalars == {}
    assert seen == [(0, 1), (1, 1)]


def test_as_many_neighbors_as_points_are_an_error() -> None:
    make().check_size(16, "data")
    with pytest.raises(AnalysisError) as caught:
        make().check_size(15, "data")
    assert "umap.n_neighbors below the 15 different z-points of data, found 15" in str(caught.value)
    assert "lower it: umap:n_neighbors=5" in str(caught.value)
    make(n_neighbors=5).check_size(15, "data")


def test_repeated_points_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "installed_version", lambda *_: "umap-learn 0")
    source = ArraySource(np.repeat(normal(10, 3), 9, axis=0))
    context: Any = SimpleNamespace(sample=lambda n, fields: source.sample(n, 0, fields))
    with pytest.raises(AnalysisError, match="the 10 different z-points of data, found 15"):
        make().prepare_with(source, context)


def test_a_missing_library_is_an_error_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingDependencyError, match=r"umap-learn for UMAP.*latent-analyze\[embed"):
        make().prepare_with(ArraySource(normal(60, 3)), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"n_neighbors": 1}, {"min_dist": -0.1}, {"min_dist": 2}, {"min_dist": np.nan}, {"epochs": 0},
     {"perplexity": 30}],
)  # fmt: skip
def test_bad_values_are_option_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="umap"):
        make(**options)


@pytest.mark.slow
class TestWithTheLibrary:
    @pytest.fixture(autouse=True)
    def library(self) -> None:
        pytest.importorskip("umap", reason="the extra embed is not installed")

    def test_it_keeps_the_contract(self) -> None:
        results = check_analysis(make(epochs=20), source=tiny_source(100, 5))
        assert 0 <= results.data["trustworthiness"] <= 1
        assert 0 <= results.data["knn_preservation"] <= 1

    def test_blobs_stay_apart(self) -> None:
        kinds = np.arange(240) % 3
        z = normal(240, 6) + 12 * np.eye(3, 6, dtype=np.float32)[kinds]
        page = analyze(z)["embedding"]
        centers = np.array([page[kinds == kind].mean(axis=0) for kind in range(3)])
        away = np.linalg.norm(page[:, None] - centers, axis=2)
        np.testing.assert_array_equal(away.argmin(axis=1), kinds)

    def test_a_plane_keeps_its_neighbors(self) -> None:
        z = np.random.default_rng(0).uniform(-1, 1, (250, 2)).astype(np.float32)
        flat = analyze(z)
        assert flat["knn_preservation"] > 0.7
        assert flat["trustworthiness"] > 0.97
        assert flat["knn_preservation"] > analyze(normal(250, 30))["knn_preservation"] + 0.3

    def test_two_processes_give_the_same_bytes(self) -> None:
        script = (
            "import sys, numpy as np\n"
            "from latent_analyze.plugin import ArraySource\n"
            "from latent_analyze.testing import run_analysis\n"
            "from latent_analyze_plugins.embedding.umap import Umap\n"
            "z = np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)\n"
            "data = run_analysis(Umap(Umap.Options(epochs=100)), ArraySource(z)).data\n"
            "sys.stdout.write(data['embedding'].tobytes().hex())\n"
        )
        other = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        assert other == analyze(normal(200, 4))["embedding"].tobytes().hex()
        assert other == analyze(normal(200, 4))["embedding"].tobytes().hex()

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
    def test_awkward_clouds_give_a_finite_page(self, z: np.ndarray) -> None:
        result = analyze(z, epochs=20)
        assert np.isfinite(result["embedding"]).all()
        assert np.ptp(result["embedding"], axis=0).min() > 0
