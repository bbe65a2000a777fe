"""Samplers, attacks and tables over a linear model of few axes, written and opened as a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sampling import baselines, tables
from sampling.attacks import ATTACKS, attack_all
from sampling.data import Images, Pixels
from sampling.drawn import Drawn, Opinion, ask_judge, drawn_points
from sampling.judge import Answers, Verdicts
from sampling.linear import write_linear
from sampling.merit import Floats
from sampling.samplers import HELD_OUT, SAMPLERS, draw_all
from sampling.space import Space, Z, open_space

AXES = 4


class FarJudge:
    """Calls images good whose first pixel is dark: it knows the truth of `near`, below."""

    name = "far"
    members = ("one", "two")

    def ask(self, x: Pixels) -> Answers:
        return np.stack([x.reshape(len(x), -1)[:, :2]] * 2).astype(np.float32)

    def verdicts(
        self, answers: Answers, held_out: Answers, members: Sequence[int] | None = None
    ) -> Verdicts:
        bound = np.quantile(held_out[0, :, 0], 0.9)
        score = bound - answers[0, :, 0].astype(float)
        none = np.zeros(len(score), bool)
        return Verdicts(score, score >= 0, none, (answers[0, :, 1] > 0.5).astype(int))


def dark(space: Space) -> Callable[[Z], Floats]:
    return lambda z: -np.clip(space.decode(z), 0, 1).reshape(len(z), -1)[:, 0].astype(float)


def coin(space: Space) -> Callable[[Z], Floats]:
    rng = np.random.default_rng(space.seed)
    return lambda z: rng.random(len(z))


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    """Images of 8 x 8 pixels made by four axes, and their linear autoencoder."""
    rng = np.random.default_rng(0)
    axis = np.linalg.qr(rng.standard_normal((64, AXES)))[0].astype(np.float32)
    mean = np.full(64, 0.5, np.float32)
    pixels = np.clip(mean + 0.5 * rng.standard_normal((1600, AXES)) @ axis.T, 0, 1)
    x = pixels.reshape(-1, 8, 8, 1).astype(np.float32)
    y = rng.integers(0, 2, 1600)
    bundle = tmp_path_factory.mktemp("bundle")
    write_linear(bundle, (8, 8, 1), mean=mean, axis=axis)
    return open_space(bundle, Images(x[:1000], y[:1000], x[1000:], y[1000:]), seed=0)


def test_the_linear_bundle_encodes_and_decodes(space: Space) -> None:
    z = np.random.default_rng(1).standard_normal((10, AXES))
    np.testing.assert_allclose(space.encode(space.decode(z)), z, atol=1e-4)


def test_no_row_has_two_uses(space: Space) -> None:
    parts = [space.calibration_images, space.attacked[0]]
    rows = [{image.tobytes() for image in part} for part in parts]
    assert not rows[0] & rows[1]
    assert len(space.held_out) == 120
    assert len(space.calibration) == 240


def test_all_samplers_draw_finite_points_by_seed(space: Space) -> None:
    one, two = draw_all(space, 50), draw_all(space, 50)
    assert set(one) == {HELD_OUT, *SAMPLERS}
    assert len(SAMPLERS) == 13
    for name, z in one.items():
        assert z.shape == (50, AXES)
        assert np.isfinite(z).all()
        np.testing.assert_array_equal(z, two[name])


def test_gaussians_have_the_moments_of_the_reference(space: Space) -> None:
    z = SAMPLERS["gaussian"](space.reference, 20000, np.random.default_rng(2))
    np.testing.assert_allclose(np.cov(z.T), np.cov(space.reference.T), atol=0.02)
    np.testing.assert_allclose(z.mean(axis=0), space.reference.mean(axis=0), atol=0.02)


def test_all_attacks_give_points(space: Space) -> None:
    found = attack_all(space)
    assert set(found) == set(ATTACKS)
    for z in found.values():
        assert z.shape[1] == AXES
        assert np.isfinite(z).all()
    center = space.reference.mean(axis=0)
    np.testing.assert_allclose(found["mean"][0], center)
    np.testing.assert_allclose(found["shrunk"] - center, (space.held_out - center) / 2)


def test_attractors_are_fixed_points(space: Space) -> None:
    z = attack_all(space)["attractors"]
    np.testing.assert_allclose(space.encode(space.decode(z)), z, atol=1e-3)


def test_what_is_in_files_is_not_made_again(space: Space, tmp_path: Path) -> None:
    judge, path = FarJudge(), tmp_path / "z.npz"
    drawn = drawn_points(space, path)
    again = drawn_points(space, path)
    assert list(again.all) == list(drawn.all)
    first = ask_judge(judge, space, drawn, path=tmp_path / "far.npz")
    none = Drawn({}, {})
    assert ask_judge(judge, space, none, path=tmp_path / "far.npz").keys() == first.keys()


def test_a_table_tells_the_truth_from_a_coin(space: Space, tmp_path: Path) -> None:
    judge = FarJudge()
    drawn = drawn_points(space, tmp_path / "z.npz")
    opinion = Opinion(judge, ask_judge(judge, space, drawn, path=tmp_path / "far.npz"))
    trial = tables.Trial(space, drawn, opinion)
    found = {}
    for statistic in (dark, coin):
        quality = tables.qualities(statistic, space, drawn)
        found[statistic] = tables.compare([trial], [quality], resamples=10)
    assert found[dark].figures["all samplers"] > 0.99
    assert found[dark].figures["rate difference"] < 0.05
    assert found[coin].figures["all samplers"] == pytest.approx(0.5, abs=0.02)
    assert found[dark].ceiling["all samplers"] == 1


@pytest.mark.parametrize("name", ["today", "global_ranks", "local_ranks"])
def test_the_baselines_call_held_out_rows_good(name: str, space: Space) -> None:
    statistic = tables.statistic_named(f"sampling.baselines:{name}")
    assert statistic is getattr(baselines, name)
    found = tables.qualities(statistic, space, Drawn({HELD_OUT: space.held_out}, {}))
    assert (found[HELD_OUT] >= 0.1).mean() > 0.75


def test_a_statistic_without_a_function_is_refused() -> None:
    with pytest.raises(SystemExit, match="module:function"):
        tables.statistic_named("sampling.baselines")
