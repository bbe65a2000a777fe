"""`random_decode` of decoders that give no images, that take labels, or that have no data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from row_shapes import World, assert_no_pictures, smooth, texts_of

from latent_analyze.host.options import build_options
from latent_analyze.plugin import Host, Latents, ResultSet, Source, TensorSpec
from latent_analyze.runs.opening import fit_sampler
from latent_analyze.testing import figures_of, findings_of, run_analysis
from latent_analyze_plugins.random_decode import RandomDecode

SHAPES: dict[str, tuple[int, ...]] = {
    "table": (10,), "signal": (1, 128), "sequence": (30, 3), "window": (24, 16, 1),
    "volume": (1, 12, 16, 10), "tokens": (12, 5),
}  # fmt: skip
IMAGE = TensorSpec(shape=(8, 8, 1), layout="HWC", range=(0.0, 1.0))


def make(**options: Any) -> RandomDecode:
    return RandomDecode(build_options(RandomDecode.Options, options, "random_decode"))


def run(world: World, source: Source | None = None, **options: Any) -> ResultSet:
    analysis, source = make(**{"points": 50, **options}), source or world.source
    host = Host()
    texts = analysis.companions(source)
    others = [fit_sampler(text, host, reference=source, seed=0) for text in texts]
    return run_analysis(analysis, source, shown=others, model=world)


def saved(results: ResultSet, folder: Any) -> list[Any]:
    figures = figures_of(make(), results)
    for figure in figures:
        figure.figure.savefig(folder / f"{figure.name}.png")
        assert (folder / f"{figure.name}.png").stat().st_size > 5_000
    return figures


@pytest.mark.parametrize("name", SHAPES)
def test_rows_of_any_shape(name: str, tmp_path: Any) -> None:
    results = run(World(SHAPES[name]), samplers=["gaussian"], boundaries=[2])
    assert_no_pictures(make(), results)
    assert not {"saturated"} & set(results.data.scalars)
    rows = results.data["vectors" if name == "table" else "decoded"]
    assert rows.shape[1:] == ((16, 10) if name == "volume" else SHAPES[name])
    assert len(saved(results, tmp_path)) == 2


# --- decoders that take labels -----------------------------------------------------------------


class Conditional(World):
    """The decoder adds ten times the label that it is given; without it, nothing."""

    def __init__(self, shape: tuple[int, ...] = (10,)) -> None:
        super().__init__(shape, columns=["digit"])

    def decode(self, z: np.ndarray, columns: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        digit = (columns or {"digit": np.zeros(len(z))})["digit"]
        wide = digit.reshape(-1, *[1] * len(self.shape))
        return (smooth(z, self.shape) + 10 * wide).astype(np.float32)


def test_a_decoder_that_takes_labels_is_shown_once_per_class(tmp_path: Any) -> None:
    results = run(Conditional(), samplers=["gaussian"], boundaries=[2])
    found = results.data["class_vectors"]
    assert found.shape == (3, 8, 10)
    assert np.allclose(found[2] - found[0], 20, atol=1e-3)
    assert results.frame["classes"].tolist() == [0, 1, 2]
    assert_no_pictures(make(), results)
    assert [figure.name for figure in saved(results, tmp_path)] == [
        "random-decode-rates", "random-decode", "random-decode-classes",
    ]  # fmt: skip
    assert "the model gets the label digit of each row" in results.data.notes
    assert results.results["gaussian"].notes == (
        "the model has no encoder: no cycle rate and no joint rate",
        "the model gets the label digit of random rows of data, so in its shares",
    )


def test_rows_are_decoded_with_their_own_label() -> None:
    world = Conditional()
    data = run(world, samplers=[], boundaries=[]).data
    rows = data["row"][np.linspace(0, len(data["row"]) - 1, 16).round().astype(int)]
    wide = 10 * world.labels["digit"][rows, None]
    assert np.allclose(data["vectors"], smooth(world.z[rows], world.shape) + wide, atol=1e-4)


def test_each_class_is_shown_with_the_other_labels_of_the_rows() -> None:
    class Two(Conditional):
        """Also adds a hundred times the size, the decoder's second label."""

        def __init__(self) -> None:
            super().__init__()
            self.spec = self.spec.model_copy(update={"decode_columns": ("digit", "size")})
            self.labels["size"] = np.arange(len(self.z)) % 2

        def decode(self, z: np.ndarray, columns: Any = None) -> np.ndarray:
            size = (columns or {"size": np.zeros(len(z))})["size"]
            return super().decode(z, columns) + 100 * size[:, None]

    found = run(Two(), samplers=[], boundaries=[])
    sizes = np.rint(found.data["class_vectors"].mean(axis=2) / 100)
    rows = found.data["row"][np.linspace(0, len(found.data["row"]) - 1, 16).round().astype(int)]
    assert sizes.tolist() == [(rows[:8] % 2).tolist()] * 3
    assert not any("constants" in note for note in found.data.notes)


def test_images_of_each_class_are_a_grid(tmp_path: Any) -> None:
    class Images(Conditional):
        def __init__(self) -> None:
            super().__init__((8, 8, 1))
            self.spec = self.spec.model_copy(update={"output": IMAGE})

        def decode(self, z: np.ndarray, columns: Any = None) -> np.ndarray:
            return 1 / (1 + np.exp(-0.1 * super().decode(z, columns)))

    results = run(Images(), samplers=[], boundaries=[])
    assert results.data["class_images"].shape == (3, 8, 8, 8, 1)
    assert len(saved(results, tmp_path)) == 3


def test_numbers_with_many_values_are_shown_at_a_few() -> None:
    world = Conditional()
    world.labels["digit"] = np.linspace(0, 1, len(world.z))
    assert len(run(world, samplers=[], boundaries=[]).frame["classes"]) == 5


def test_without_labels_there_are_only_constants() -> None:
    world = Conditional()
    world.labels = {}
    results = run(world, samplers=[], boundaries=[])
    assert results.frame["condition"] == ""
    assert "decoded with the model's constants for digit" in results.data.notes
    assert len(figures_of(make(), results)) == 2


# --- a decoder alone ---------------------------------------------------------------------------


class Alone(World):
    """tanh of weights times z: axis 0 is the strongest, axis 2 dead; the last two never change."""

    weights = np.array([2.0, 1.0, 0.001, 0.5])

    def __init__(self, shape: tuple[int, ...] = (20,), gain: float = 0.9, **spec: Any) -> None:
        super().__init__(shape, **spec)
        self.gain = gain
        mixing = np.random.default_rng(0).standard_normal((4, int(np.prod(shape))))
        mixing[:, -2:] = 0
        self.mixing = self.weights[:, None] * mixing

    def decode(self, z: np.ndarray) -> np.ndarray:
        out = np.tanh(self.gain * z @ self.mixing)
        return out.reshape(len(z), *self.shape).astype(np.float32)


def normal(host: Host | None = None) -> Source:
    return fit_sampler("normal:dim=4:count=600", host or Host(), reference=None, seed=0)


@pytest.fixture(scope="module")
def alone() -> ResultSet:
    return run(Alone(), normal(), points=400)


def test_that_data_are_missing_is_said_and_nothing_is_tested(alone: ResultSet) -> None:
    first, *others = findings_of(make(), alone)
    assert first.severity == "warning"
    assert first.text == (
        "No data: whether these decoded rows are good cannot be told without data; encode a data"
        " set with the model's encoder or give a store."
    )
    assert all(finding.severity == "note" for finding in others)
    assert not {name for name in alone.data.scalars if name.endswith(("_rate", "_relative"))} - {
        "pair_relative"
    }
    assert list(alone.results) == [alone.reference]
    assert_no_pictures(make(), alone)
    text = " ".join(texts_of(make(), alone))
    assert "control" not in text
    assert "support" not in text


def test_dead_axes_and_the_strongest(alone: ResultSet) -> None:
    change = alone.data["axis_change"]
    assert np.argsort(-change).tolist() == [0, 1, 3, 2]
    assert (alone.data["dead_axes"], alone.data["strongest_axis"]) == (1, 0)
    assert "1 axis is dead, with less than 1 % of it: 2." in findings_of(make(), alone)[1].text


def test_changes_of_a_linear_decoder_in_closed_form() -> None:
    class Linear(Alone):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return (z @ self.mixing).astype(np.float32)

    world, source = Linear(), normal()
    data = run(world, source, points=400).data
    expected = 2 * source.summary().std * np.sqrt((world.mixing**2).mean(axis=1))
    assert np.allclose(data["axis_change"], expected, rtol=1e-4)
    assert data["axes_for_90"] == 2
    z = source.sample(400, 0).z
    expected = np.sqrt(2 * world.decode(z).astype(float).var(axis=0).mean())
    assert data["pair_distance"] == pytest.approx(expected, rel=1e-5)
    assert data["pair_relative"] == pytest.approx(1, abs=0.01)
    assert data["unchanging"] == pytest.approx(0.1)


def test_saturation_grows_with_the_radius(alone: ResultSet) -> None:
    data = alone.data
    assert data["radius"].tolist() == [0.5, 1, 2, 4]
    assert (np.diff(data["at_ends"]) > 0).all()
    assert data["at_ends_far"] > 0.4
    (text,) = [f.text for f in findings_of(make(), alone) if "saturates" in f.text]
    assert text.startswith("It saturates from ")
    assert "times the typical radius on" in text


def test_a_decoder_that_ignores_its_input_is_said_so() -> None:
    results = run(Alone(gain=0.0), normal())
    texts = [finding.text for finding in findings_of(make(), results)]
    assert any("the decoder ignores its input" in text for text in texts)
    assert any("the same row for every z-point" in text for text in texts)
    assert len(figures_of(make(), results)) == 2


def test_outputs_that_are_all_not_finite_are_an_error() -> None:
    class Broken(Alone):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.full((len(z), 20), np.nan, np.float32)

    with pytest.raises(AssertionError, match="finite numbers from the decoder"):
        run(Broken(), normal())


@pytest.mark.parametrize("name", SHAPES)
def test_a_decoder_alone_of_any_shape(name: str, tmp_path: Any) -> None:
    results = run(Alone(SHAPES[name]), normal())
    assert_no_pictures(make(), results)
    assert [figure.name for figure in saved(results, tmp_path)] == [
        "random-decode", "random-decode-axes",
    ]  # fmt: skip


def test_a_decoder_alone_of_images(tmp_path: Any) -> None:
    class Images(Alone):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return 0.5 + 0.5 * super().decode(z)

    results = run(Images((8, 8, 1), output=IMAGE), normal())
    assert results.data["radius_images"].shape == (4, 16, 8, 8, 1)
    assert (results.data["range_low"], results.data["range_high"]) == (0, 1)
    assert findings_of(make(), results)[0].text.startswith("No data: whether these decoded images")
    saved(results, tmp_path)


def test_a_range_that_outputs_leave_is_not_theirs() -> None:
    data = run(Alone((8, 8, 1), output=IMAGE), normal()).data
    assert data["range_low"] == pytest.approx(-1, abs=0.01)
    assert data["range_high"] == pytest.approx(1, abs=0.01)


def test_next_to_drawn_z_points_only_what_is_asked_for() -> None:
    assert make().companions(normal()) == []
    assert make(samplers=["box"], boundaries=[3]).companions(normal()) == ["box", "uniform:b=3"]
    results = run(Alone(), normal(), samplers=["box"])
    assert "vectors" in results.results["box"].arrays


def test_only_data_are_a_control_whether_there_is_an_encoder_or_not() -> None:
    class Both(Alone):
        def encode(self, x: np.ndarray) -> Latents:
            return Latents(x[:, :4])

    row = TensorSpec(shape=(20,))
    both = Both(can_encode=True, input=row, output=row)
    assert "joint_rate" not in run(both, normal()).data.scalars
    assert "joint_rate" in run(both, samplers=[], boundaries=[]).data.scalars
    assert "support_rate" in run(Alone(), samplers=[], boundaries=[]).data.scalars


def test_two_thousand_axes() -> None:
    class Wide(Alone):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z[:, :4])

    source = fit_sampler("normal:dim=2000:count=200", Host(), reference=None, seed=0)
    data = run(Wide(latent=TensorSpec(shape=(2000,))), source).data
    assert data["dead_axes"] == 1997
