"""The exact judge finds what the renderer drew, and refuses what it cannot draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sampling import exact, junk, shapes
from sampling.data import from_arrays
from sampling.fitting import fit

BLUR = 1.0


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> exact.ShapeJudge:
    x, _, _ = shapes.draw_shapes(150, np.random.default_rng(1))
    return exact.ShapeJudge(exact.answers_of(fit(exact.blur(x, BLUR))))


def test_all_kinds_of_a_size_have_about_the_same_area() -> None:
    factors = np.tile([16.0, 16.0, 7.0, 0.3, 0.0, 0.0], (1, 1))
    areas = [shapes.coverage(kind, factors).sum() for kind in range(len(shapes.KINDS))]
    np.testing.assert_allclose(areas, np.pi * 49, rtol=0.04)


@pytest.mark.parametrize("kind", range(1, len(shapes.KINDS)))
def test_a_shape_looks_the_same_after_its_period(kind: int) -> None:
    factors = np.array([[15.2, 17.0, 6.0, 0.4, 0.2, 0.1]])
    turned = factors.copy()
    turned[:, 3] += shapes.PERIODS[kind]
    np.testing.assert_allclose(shapes.render(kind, factors), shapes.render(kind, turned), atol=1e-4)


def test_the_search_finds_kind_and_factors_of_real_images() -> None:
    x, kinds, factors = shapes.draw_shapes(100, np.random.default_rng(0))
    found = fit(exact.blur(x, 0.0))
    assert (found.kind == kinds).mean() >= 0.98
    assert np.quantile(found.residual, 0.98) < 1e-3
    right = found.kind == kinds
    apart = np.abs(found.factors - factors)[right]
    assert np.quantile(apart[:, :3], 0.98) < 0.02
    hue = np.abs((apart[:, 4] + 0.5) % 1 - 0.5)
    assert np.quantile(hue, 0.98) < 0.005


def test_the_judge_passes_new_images_under_the_allowed_blur(judge: exact.ShapeJudge) -> None:
    x, kinds, _ = shapes.draw_shapes(80, np.random.default_rng(2))
    answers = judge.ask(exact.blur(x, BLUR))
    verdicts = judge.verdicts(answers, answers)
    assert verdicts.good.mean() > 0.9
    assert (verdicts.label == kinds).mean() > 0.9


@pytest.mark.parametrize("name", ["blended", "maxima", "quadrants", "bands", "blurred", "noise"])
def test_the_judge_refuses_junk(judge: exact.ShapeJudge, name: str) -> None:
    x, kinds, _ = shapes.draw_shapes(40, np.random.default_rng(3))
    made = (junk.TRAINED | junk.UNSEEN)[name](x, kinds, np.random.default_rng(4))
    answers = judge.ask(made)
    for members in (None, [0], [1]):
        assert judge.verdicts(answers, answers, members).good.mean() <= 0.1


def test_an_empty_image_is_refused(judge: exact.ShapeJudge) -> None:
    answers = judge.ask(np.full((1, shapes.SIDE, shapes.SIDE, 3), 0.2, np.float32))
    assert not judge.verdicts(answers, answers).good[0]


def test_the_file_of_shapes_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        shapes.write_shapes(tmp_path / name, train=20, test=10)
    one, two = (from_arrays(tmp_path / name) for name in ("a.npz", "b.npz"))
    np.testing.assert_array_equal(one.x_train, two.x_train)
    assert one.x_test.shape == (10, shapes.SIDE, shapes.SIDE, 3)
    assert not (one.x_train[:10] == one.x_test).all()
