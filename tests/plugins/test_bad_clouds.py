"""Every built-in analysis over clouds that break estimators: a result or a clear error each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latent_analyze as la
from latent_analyze.host.discovery import Host
from latent_analyze.host.results import Finding, Result
from latent_analyze.report import figures as report_figures
from latent_analyze.runs.opening import open_model
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.testing import run_analysis

sys.path.append(str(Path(__file__).parents[1] / "core" / "helpers"))

from tiny_bundle import write_tiny_bundle

HOST = Host()
ANALYSES = {
    name: plugin.cls
    for name, plugin in HOST.analyses.items()
    if plugin.cls.__module__.startswith("latent_analyze_plugins.")
    and "coordinates" in plugin.cls.latents
}
SMALL = {
    "tsne": "iterations=250",
    "umap": "epochs=30",
    "clustering": "k_max=8",
}
"""Options that keep a test short; the code that runs is the same."""


def normal(count: int, dim: int) -> np.ndarray:
    return np.random.default_rng(count * 31 + dim).normal(size=(count, dim)).astype(np.float32)


def constant_axes() -> np.ndarray:
    z = normal(200, 6)
    z[:, 2:4] = (0.0, 3.7)
    return z


def unit_norm() -> np.ndarray:
    z = normal(200, 6)
    unit: np.ndarray = z / np.linalg.norm(z, axis=1, keepdims=True)
    return unit


CLOUDS: dict[str, Callable[[], np.ndarray]] = {
    "constant axes": constant_axes,
    "all points duplicated": lambda: np.repeat(normal(100, 4), 2, axis=0),
    "all points identical": lambda: np.full((120, 4), 1.5, np.float32),
    "50 points": lambda: normal(50, 4),
    "3 points": lambda: normal(3, 4),
    "2 dimensions": lambda: normal(200, 2),
    "1 dimension": lambda: normal(200, 1),
    "fewer rows than dimensions": lambda: normal(30, 64),
    "unit norm": unit_norm,
    "huge offset": lambda: normal(200, 4) + np.float32(1e4),
    "an axis of huge scale": lambda: normal(200, 4) * np.array([1, 1, 1, 1e6], np.float32),
}
WIDE = (100, 16_384)

REFUSED = {
    "all points identical": (
        ANALYSES.keys() - {"axis_density", "posterior", "radius", "reconstruct"}
    ),
    "3 points": {
        "clustering", "neighbors", "random_decode", "similarity", "traversals", "tsne", "umap",
    },
    "50 points": {"tsne"},
    "1 dimension": {"correlations", "projections", "slices"},
    "fewer rows than dimensions": {"neighbors", "tsne"},
    "an axis of huge scale": {"projections"},
}  # fmt: skip
"""Where the answer is an error: nothing varies, too few points for the estimator, or no plane."""

QUICK = {
    "constant axes": ANALYSES.keys() - {"umap"},
    "all points identical": ANALYSES.keys(),
    "3 points": ANALYSES.keys() - {"projections", "slices"},
    "50 points": {"tsne", "traversals", "random_decode"},
    "1 dimension": {"correlations", "projections", "slices", "radius", "axis_density"},
    "fewer rows than dimensions": {"pca", "correlations", "neighbors", "tsne"},
    "an axis of huge scale": {"axis_density", "pca", "projections"},
}
"""What runs by default; the rest is slow for its number only, and UMAP for its compilation."""


@cache
def bundle(folder: Path, dim: int) -> Path:
    weights = np.random.default_rng(dim).normal(0, 0.25, (64, dim)) if dim > 64 else None
    made: Path = write_tiny_bundle(folder / f"model-{dim}", dim=dim, weights=weights)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-clouds")


def source(z: np.ndarray, classes: int = 3, label: str = "data") -> ArraySource:
    digit = np.arange(len(z)) % classes
    split = np.where(np.arange(len(z)) % 5 == 0, "test", "train")
    return ArraySource(
        z, label, labels={"digit": digit, "split": split}, log_var=np.full_like(z, -3.0)
    )


def errors(name: str, z: np.ndarray, folder: Path, out: Path, **more: Any) -> list[str]:
    """Run one analysis the way a notebook does; returns why there is no result, if there is none.

    What is no clear error, and a value without a number of which no finding speaks, fails the test.
    """
    needs = ANALYSES[name].requires
    options = more.pop("options", SMALL.get(name, ""))
    sources = [source(z, more.pop("classes", 3))]
    if "images" in needs:
        return errors_over_images(name, sources[0], folder)
    if "paired" in needs:
        sources.append(source(z[:, ::-1].copy(), label="other"))
    if "decoder" in needs:
        more["model"] = str(bundle(folder, z.shape[1]))
    report = la.run(
        *sources, plugins=f"{name}:{options}" if options else name, null="gaussian",
        null_repeats=2, host=HOST, **more,
    )  # fmt: skip
    report.write(out)
    return [error for case in report.outcome.cases for error in checked(case)]


def checked(case: Any) -> Iterator[str]:
    for failed in case.failures:
        assert not failed.traceback, failed.traceback
        require_clear(failed.error)
        assert not failed.source.startswith("gaussian"), f"a null's failure: {failed.error}"
        yield failed.error
    for entry in case.analyses.values():
        if entry.results is not None:
            assert not list(unspoken(entry.results.data, list(entry.findings)))


def errors_over_images(name: str, reference: ArraySource, folder: Path) -> list[str]:
    """Run an analysis of the images behind the rows, which an array has not got."""
    model = open_model(str(bundle(folder, reference.dim)), HOST)[0]
    analysis = HOST.get("analysis", name).make({})
    pixels = np.random.default_rng(0).random((reference.count, 8, 8, 1), dtype=np.float32)
    try:
        found = run_analysis(analysis, reference, model=model, images=lambda rows: pixels[rows])
    except la.LatentAnalyzeError as error:
        require_clear(str(error))
        return [str(error)]
    assert not list(unspoken(found.data, list(analysis.interpret(found))))
    for figure in analysis.plot(found):
        small_png(figure.figure)
    return []


def require_clear(error: str) -> None:
    assert error.startswith("expected "), error
    assert ", found " in error, error
    assert "\n" not in error, error


def unspoken(result: Result, findings: list[Finding]) -> Iterator[str]:
    """Yield the values without a number of which no finding speaks."""
    said = " ".join(f.text for f in findings).lower()
    named = {name for finding in findings for name in finding.numbers}
    lacking = [n for n, s in result.scalars.items() if _is_lacking(np.asarray(s.value))]
    lacking += [n for n, a in result.arrays.items() if _is_empty(a.values)]
    yield from (n for n in lacking if n not in named and n.replace("_", " ") not in said)


def _is_lacking(value: np.ndarray) -> bool:
    return value.dtype.kind == "f" and not np.isfinite(value)


def _is_empty(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" and values.size > 0 and bool(np.isnan(values).all())


def small_png(figure: Any) -> bytes:
    """Draw a figure once, unarranged: arranging takes most of the time, whatever is shown."""
    figure.set_layout_engine("none")
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=25)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def small_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_figures, "_png", small_png)


def matrix() -> list[Any]:
    return [
        (name, cloud)
        if name in QUICK.get(cloud, ())
        else pytest.param(name, cloud, marks=pytest.mark.slow)
        for name in ANALYSES
        for cloud in CLOUDS
    ]


pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def test_the_built_in_analyses_are_found() -> None:
    assert {"radius", "pca", "neighbors", "posterior", "similarity"} <= ANALYSES.keys()


@pytest.mark.parametrize(("name", "cloud"), matrix())
def test_a_result_or_a_clear_error(name: str, cloud: str, folder: Path, tmp_path: Path) -> None:
    found = errors(name, CLOUDS[cloud](), folder, tmp_path)
    assert bool(found) == (name in REFUSED.get(cloud, ())), found


@pytest.mark.slow
@pytest.mark.parametrize("name", ANALYSES)
def test_very_many_dimensions(name: str, folder: Path, tmp_path: Path) -> None:
    assert not errors(name, normal(*WIDE), folder, tmp_path)


@pytest.mark.parametrize(
    "name", ["clustering", "posterior", pytest.param("tsne", marks=pytest.mark.slow), "traversals"]
)
def test_one_class_only(name: str, folder: Path, tmp_path: Path) -> None:
    assert not errors(name, normal(120, 4), folder, tmp_path, classes=1)


@pytest.mark.parametrize(
    ("name", "options", "refused"),
    [
        ("pca", "components=40", False),
        ("tsne", "perplexity=40:iterations=250", True),
        ("tsne", "perplexity=500:iterations=250", True),
        pytest.param("tsne", "components=40:iterations=250", False, marks=pytest.mark.slow),
        pytest.param("umap", "n_neighbors=500:epochs=30", True, marks=pytest.mark.slow),
        pytest.param("umap", "components=40:epochs=30", False, marks=pytest.mark.slow),
    ],
)
def test_options_beyond_the_cloud(
    name: str, options: str, refused: bool, folder: Path, tmp_path: Path
) -> None:
    found = errors(name, normal(120, 4), folder, tmp_path, options=options)
    assert bool(found) == refused, found
