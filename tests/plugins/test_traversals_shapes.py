"""`traversals` of decoders that give no images: tables, signals, sequences, volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_shapes import SHAPES, World, assert_no_pictures, texts_of

from latent_analyze.host.options import build_options
from latent_analyze.plugin import ResultSet
from latent_analyze.testing import check_analysis, figures_of, run_analysis
from latent_analyze_plugins.traversals import Traversals

SMALL = {"pairs": 12, "decoded_pairs": 4, "n_axes": 2, "n_components": 1, "columns": 5}


def traverse(world: World) -> ResultSet:
    analysis = Traversals(build_options(Traversals.Options, SMALL, "traversals"))
    return run_analysis(analysis, world.source, model=world)


@pytest.mark.parametrize("name", ["table", "signal", "sequence", "window", "volume", "5-D"])
def test_rows_of_any_shape(name: str, tmp_path: Any) -> None:
    world = World(SHAPES[name])
    results = traverse(world)
    analysis, data = Traversals(results.options), results.data
    assert_no_pictures(analysis, results)
    if name != "volume":
        assert data["line_images"].shape[2:] == data["moved_images"].shape[2:] == world.shape
        mean = world.decode(world.source.summary().mean[None].astype(np.float32))[0]
        assert np.allclose(data["line_images"][0, 2], mean, rtol=1e-3, atol=1e-2)
    figures = figures_of(analysis, results)
    assert len(figures) == 4
    figures[0].figure.savefig(tmp_path / "lines.png")
    assert (tmp_path / "lines.png").stat().st_size > 5_000


def test_of_volumes_the_middle_slice_is_kept() -> None:
    results = traverse(World(SHAPES["volume"]))
    assert results.data["line_images"].shape[2:] == (16, 10)
    texts = texts_of(Traversals(results.options), results)
    assert any("slice through the middle" in text for text in texts)


def test_words_are_those_for_the_rows() -> None:
    results = traverse(World(SHAPES["sequence"]))
    texts = " ".join(texts_of(Traversals(results.options), results))
    assert "changes the sequence most" in texts
    assert "root mean square per value" in texts
    assert "length in sequences" in texts


class Conditional(World):
    """Gives the digit that it got, or -1, in every value."""

    def __init__(self, shape: tuple[int, ...] = (10,)) -> None:
        super().__init__(shape, columns=["digit"])

    def decode(self, z: np.ndarray, columns: Any = None) -> np.ndarray:
        digit = (columns or {}).get("digit", np.full(len(z), -1))
        return np.broadcast_to(digit.reshape(-1, *[1] * len(self.shape)), (len(z), *self.shape))


@pytest.mark.parametrize("shape", [(10,), (1, 12, 16, 10)])
def test_labels_follow_their_z_points(shape: tuple[int, ...]) -> None:
    world = Conditional(shape)
    results = traverse(world)
    data = results.data

    def digits(name: str) -> np.ndarray:
        found = data[name].reshape(*data[name].shape[: -1 if len(shape) == 1 else -2], -1)
        assert (found == found[..., :1]).all()
        return found[..., 0]

    paths = digits("path_images")
    assert (paths == paths[:, :1, :1]).all()
    assert set(paths.ravel().tolist()) <= {0, 1, 2}
    assert (digits("moved_images") == int(data["subtracted"])).all()
    (line,) = np.unique(digits("line_images"))
    nearest = np.linalg.norm(world.z - world.z.mean(axis=0), axis=1).argsort()
    assert line in world.labels["digit"][nearest[:5]]
    text = f"lines are decoded with digit = {line:g}, that of the z-point nearest to the mean"
    assert any(note.startswith(text) for note in data.notes)
    assert "the model gets the label digit of each row" in data.notes


def test_a_decoder_whose_labels_nobody_has_gets_its_constants_and_this_is_said() -> None:
    world = Conditional()
    world.labels = {}
    data = traverse(world).data
    assert (data["line_images"] == -1).all()
    assert data.notes == ("decoded with the model's constants for digit",)


def test_contract() -> None:
    world = World(SHAPES["sequence"])
    check_analysis(Traversals(Traversals.Options(**SMALL)), source=world.source, model=world)
