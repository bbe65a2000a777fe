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


def test_a_decoder_that_takes_labels_gets_its_constants_and_this_is_said() -> None:
    results = traverse(World((10,), columns=["digit"]))
    assert "decoded with the model's constants for digit" in results.data.notes


def test_contract() -> None:
    world = World(SHAPES["sequence"])
    check_analysis(Traversals(Traversals.Options(**SMALL)), source=world.source, model=world)
