"""Conditional models, from files to results: which labels rows and artificial z-points get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conditional_onnx import (
    IMAGES,
    LABELS,
    SHIFTS,
    images,
    shown_labels,
    write_data,
    write_model,
)

import latent_analyze as la
from latent_analyze_plugins.random_decode import RandomDecode
from latent_analyze_plugins.reconstruct import Reconstruct
from latent_analyze_plugins.traversals import Traversals

PLUGINS = [
    RandomDecode(samplers=["gaussian", "interpolate"], boundaries=[3], points=60),
    Traversals(pairs=12, decoded_pairs=6, add=1, subtract=2),
    Reconstruct(),
]
OWN = "the model gets the label label of each row"
DRAWN = "the model gets the label label of random rows of data, so in its shares"
STATED = "the model gets label = 1 for every row, as stated"

Run = Callable[..., la.Report]


@pytest.fixture(scope="module", params=["one_hot", "index"])
def run(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Encodes and analyzes with a model that takes the label in one form or the other."""
    folder: Path = tmp_path_factory.mktemp("conditional")
    model = write_model(folder / "model", request.param)

    def encoded_and_run(name: str, labels: Any = None, **signature: Any) -> la.Report:
        data = write_data(folder / f"{name}.npz", **(labels or {}))
        store = la.encode(model, data, folder / f"{name}.zarr", signature=signature)
        return la.run(str(store.path), plugins=PLUGINS, null="none", labels=["data"])

    return encoded_and_run


@pytest.fixture(scope="module")
def report(run: Run) -> la.Report:
    return run("own")


def test_held_out_rows_are_decoded_and_encoded_with_their_own_label(report: la.Report) -> None:
    data = report["random_decode"].data
    shown = data["row"][np.linspace(0, len(data["row"]) - 1, 16).round().astype(int)]
    assert shown_labels(data["images"]).tolist() == LABELS[shown].tolist()
    # With another label the encoder would be off by a shift, and the threshold as wide.
    assert report["random_decode"].frame["threshold"] < 1e-3
    assert data["cycle_rate"] > 0.9
    assert OWN in data.notes
    assert DRAWN not in data.notes


def test_artificial_z_points_get_labels_in_the_shares_of_the_data(report: la.Report) -> None:
    for label in ("gaussian", "interpolate", "uniform:b=3"):
        result = report["random_decode"].results[label]
        assert len(set(shown_labels(result["images"]).tolist())) > 1
        assert DRAWN in result.notes
        assert OWN not in result.notes


def test_there_is_still_a_block_per_class(report: la.Report) -> None:
    blocks = report["random_decode"].data["class_images"]
    assert [set(shown_labels(block).tolist()) for block in blocks] == [{0}, {1}, {2}]


def test_rows_are_reconstructed_with_their_own_label(report: la.Report) -> None:
    data = report["reconstruct"].data
    assert data["explained"] > 0.999
    assert "constants" not in " ".join(data.notes)


def test_paths_keep_the_label_of_their_start_and_moved_rows_their_own(report: la.Report) -> None:
    data = report["traversals"].data
    labels = shown_labels(data["path_images"])
    assert (labels == labels[:, :1, :1]).all()
    assert len(np.unique(labels)) > 1
    assert (shown_labels(data["moved_images"]) == 2).all()
    assert (data["subtracted"], data["added"]) == ("2", "1")


def test_a_path_starts_with_the_row_itself(report: la.Report) -> None:
    for start in report["traversals"].data["path_images"][:, :, 0]:
        off = np.abs(255 * IMAGES[:, None] - start).max(axis=(2, 3, 4))
        assert (off.min(axis=0) <= 0.51).all()


def test_lines_get_the_label_of_the_z_point_nearest_to_the_mean(report: la.Report) -> None:
    data = report["traversals"].data
    (label,) = set(shown_labels(data["line_images"]).ravel().tolist())
    text = f"lines are decoded with label = {label}, that of the z-point nearest to the mean"
    assert any(note.startswith(text) for note in data.notes)
    assert any(f"{text}; paths" in finding.text for finding in report.findings)


def test_captions_say_which_labels(report: la.Report) -> None:
    def captions(name: str) -> str:
        return " ".join(figure.caption for figure in report.figures(name))

    found = captions("traversals")
    assert "The decoder gets label of the z-point nearest to the mean." in found
    assert "The decoder gets label of its start all along a path." in found
    assert "The decoder gets label of the z-point before it is moved." in found
    assert "They get their own label; z-points without one, that of a random row." in captions(
        "random_decode"
    )


@pytest.fixture(scope="module")
def stated(run: Run) -> la.Report:
    return run("stated", **{"constants.label": 1})


def test_a_stated_constant_wins_and_is_said(stated: la.Report) -> None:
    results = stated["random_decode"].results
    for result in results.values():
        assert set(shown_labels(result["images"]).tolist()) == {1}
        assert STATED in result.notes
        assert OWN not in result.notes
        assert "class_images" not in result.arrays
    assert set(shown_labels(stated["traversals"].data["line_images"]).ravel().tolist()) == {1}
    assert set(shown_labels(stated["reconstruct"].data["decoded"]).ravel().tolist()) == {1}
    assert STATED in stated["traversals"].data.notes
    assert STATED in stated["reconstruct"].data.notes


def test_labels_by_any_name(run: Run) -> None:
    report = run("named", {"digit": LABELS, "other": LABELS[::-1]}, **{"columns.label": "digit"})
    data = report["random_decode"].data
    shown = data["row"][np.linspace(0, len(data["row"]) - 1, 16).round().astype(int)]
    assert shown_labels(data["images"]).tolist() == LABELS[shown].tolist()
    assert "the model gets the label digit of each row" in data.notes


def test_the_world_is_what_it_is_said_to_be() -> None:
    latents = np.zeros((3, 3)) + SHIFTS[:, None]
    found = images(latents, np.arange(3))
    assert shown_labels(found).tolist() == [0, 1, 2]
    assert np.allclose(found[:, 1:], 0.5)
