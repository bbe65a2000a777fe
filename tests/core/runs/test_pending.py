"""What is wrong with a run of data and a model is said before anything is encoded or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latent_analyze as la
from latent_analyze.errors import LatentAnalyzeError
from latent_analyze.runs import encoding
from latent_analyze.runs.encoding import Encoding

SHORT: dict[str, Any] = {"plugins": "radius", "null": "none", "output": "r"}
FROM = {"model": "model", "data": "images.npz"}


def never(*_: object, **__: object) -> None:
    pytest.fail("this comes too early")


@pytest.mark.parametrize("shown", ["gone.zarr", "images.npz", "part.zarr[label=77]"])
def test_files_beside_the_data_are_opened_before_the_model(
    place: Path, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    if "part" in shown:
        la.encode("model", "images.npz", "part.zarr")
    before = sorted(place.rglob("*"))
    monkeypatch.setattr(encoding, "open_encoding", never)
    with pytest.raises(LatentAnalyzeError):
        la.run(shown=shown, **FROM, **SHORT)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shown": "r/latents.zarr[label=77]"}, "choose from: label = 0, 1, 2"),
        ({"shown": "r/latents.zarr[gone=7]"}, "'gone'"),
        ({"plugins": "traversals", "model": "model/encoder.onnx"}, "the model has no decoder"),
        ({"shown": "normal:dim=77"}, "leave dim out of normal"),
        ({"shown": "narrow.npy"}, "without --with"),
        ({"shown": "data.npy"}, "'data' 2 times"),
        ({"plugins": "similarity"}, "give two stores of one data set"),
    ],
)
def test_what_does_not_go_with_the_z_points_is_said_before_encoding(
    place: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    wide = la.inspect("model").spec.dim
    np.save(place / "narrow.npy", np.random.default_rng(0).standard_normal((50, wide + 1)))
    np.save(place / "data.npy", np.random.default_rng(0).standard_normal((50, wide)))
    before = sorted(place.rglob("*"))
    monkeypatch.setattr(Encoding, "write", never)
    with pytest.raises(LatentAnalyzeError, match=message):
        la.run(**{**FROM, **SHORT, **changes})
    assert sorted(place.rglob("*")) == before


def test_views_of_the_store_that_the_run_makes(place: Path) -> None:
    """The same text works before there is a store and afterwards."""
    for _ in range(2):
        report = la.run(shown="r/latents.zarr[label=1],shuffled", **FROM, **SHORT)
        labels = [source.label for source in report.outcome.cases[0].shown]
        assert labels == ["latents[label=1]", "shuffled"]
