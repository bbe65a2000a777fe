"""`random_decode` over linear models, for which the rates are known."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import (
    ArraySource,
    Frame,
    Host,
    Latents,
    ModelSpec,
    PosteriorSource,
    Result,
    ResultSet,
    Source,
    TensorSpec,
)
from latent_analyze.runs.opening import fit_sampler
from latent_analyze.testing import (
    check_analysis,
    figures_of,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.random_decode import RandomDecode

IMAGE = TensorSpec(shape=(8, 8, 1), layout="HWC", range=(0.0, 1.0))
WEIGHTS = np.linalg.qr(np.random.default_rng(0).standard_normal((64, 4)))[0].T / 16
FAR = 20.0
"""The noise of `Linear` doubles beyond this radius."""


class Linear:
    """x = 1/2 + W z, and the exact inverse plus normal noise that depends on x alone."""

    fingerprint = "linear"

    def __init__(self, noise: float = 0.0, used: int = 4, encodes: bool = True) -> None:
        self.noise, self.used = noise, used
        self.spec = ModelSpec(
            name="linear", adapter="test", input=IMAGE, latent=TensorSpec(shape=(4,)),
            output=IMAGE, can_encode=encodes, can_decode=True, batch=100,
        )  # fmt: skip

    def decode(self, z: np.ndarray) -> np.ndarray:
        z = np.where(np.arange(4) < self.used, z, 0.0)
        return (0.5 + z @ WEIGHTS).reshape(-1, 8, 8, 1).astype(np.float32)

    def encode(self, x: np.ndarray) -> Latents:
        z = (x.reshape(-1, 64) - 0.5) @ WEIGHTS.T * 256
        if self.noise:
            scale = np.where(np.linalg.norm(z, axis=1, keepdims=True) > FAR, 2.0, 1.0)
            z = z + self.noise * scale * np.array([_normal(row) for row in x])
        return Latents(z.astype(np.float32))


def _normal(row: np.ndarray) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(row.tobytes())).standard_normal(4)


def make(**options: Any) -> RandomDecode:
    values = {"samplers": [], "boundaries": [], **options}
    return RandomDecode(build_options(RandomDecode.Options, values, "random_decode"))


def cloud(count: int = 6000, *, shift: float = 0.0, label: str = "data", seed: int = 1) -> Source:
    z = np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)
    return ArraySource(z + np.float32([shift, 0, 0, 0]), label)


def run(model: Any, reference: Source, *shown: Source, **options: Any) -> ResultSet:
    return run_analysis(make(**options), reference, shown=shown, model=model)


def full_run(model: Any, reference: Source, **options: Any) -> ResultSet:
    """Run with its companions, as the runner does, and one null draw."""
    analysis, host = make(**options), Host()
    texts = analysis.companions(reference)
    shown = [fit_sampler(text, host, reference=reference, seed=0) for text in texts]
    nulls = {"gaussian": gaussian_members(reference, 1)}
    return run_analysis(analysis, reference, shown=shown, nulls=nulls, model=model)


@pytest.fixture(scope="module")
def noisy() -> ResultSet:
    """A noisy cycle: all samplers, three boundaries, one null draw."""
    return full_run(
        Linear(noise=0.1), cloud(), samplers="auto", boundaries=[1, 40, 4], points=300, images=8
    )


# ---------------------------------------------------------------- the cycle, in closed form


def test_held_out_data_pass_the_cycle_at_the_rate_they_are_calibrated_to() -> None:
    data = run(Linear(noise=0.1), cloud(12_000), points=2000).data
    assert data["cycle_rate"] == pytest.approx(0.95, abs=0.02)
    assert data["cycle_relative"] == data["joint_relative"] == 1.0
    assert data.sample_size == 2000


def test_cycle_rate_of_twice_the_noise_is_that_of_a_chi_square() -> None:
    far = cloud(3000, shift=3 * FAR, label="far")
    result = run(Linear(noise=0.1), cloud(), far, points=1000).results["far"]
    expected = chi2.cdf(chi2.ppf(0.95, 4) / 4, 4)
    assert result["cycle_rate"] == pytest.approx(expected, abs=0.05)
    assert result["support_rate"] == result["joint_rate"] == 0.0


def test_a_perfect_cycle_is_passed_anywhere() -> None:
    results = run(Linear(), cloud(600), cloud(300, shift=1000.0, label="far"), points=100)
    assert results.data["cycle_rate"] == 1.0
    assert results.results["far"]["cycle_rate"] == 1.0
    assert results.results["far"]["joint_rate"] == 0.0


def test_an_encoder_that_projects_turns_down_what_lies_off_the_manifold() -> None:
    flat = cloud(2000).read(cloud(2000).blocks()[0]).z * [1, 1, 1e-3, 1e-3]
    results = run(Linear(used=2), ArraySource(flat), cloud(500, label="thick"), points=300)
    assert results.data["joint_rate"] > 0.85
    thick = results.results["thick"]
    assert thick["cycle_rate"] < 0.02
    assert thick["support_rate"] < 0.02


def test_directions_without_any_spread_count_in_both_tests() -> None:
    flat = cloud(2000).read(cloud(2000).blocks()[0]).z * [1, 1, 0, 0]
    results = run(Linear(used=2), ArraySource(flat), cloud(500, label="thick"), points=300)
    assert results.data["joint_rate"] > 0.9
    assert results.results["thick"]["cycle_rate"] == 0.0
    assert results.results["thick"]["support_rate"] == 0.0


def test_the_metric_follows_the_residuals_not_the_data() -> None:
    class Blurred(Linear):
        """Noise along the first axis alone."""

        def encode(self, x: np.ndarray) -> Latents:
            exact, noise = super().encode(x).mu, np.array([_normal(row) for row in x])
            return Latents(exact + np.float32(noise * [0.5, 0.001, 0.001, 0.001]))

    frame = run(Blurred(), cloud(), points=1000).frame
    lengths = 1 / np.linalg.norm(np.linalg.inv(frame["residual_whitening"]), axis=0)
    assert lengths[0] == pytest.approx(2.0, rel=0.1)
    assert lengths[1:] == pytest.approx(1000.0, rel=0.1)


# ---------------------------------------------------------------- held-out rows and support


def test_support_and_halves_share_no_row_and_follow_the_seed() -> None:
    def frame(seed: int) -> Any:
        return run_analysis(make(points=200), cloud(2000), model=Linear(0.1), seed=seed).frame

    names = ("support_rows", "calibration_rows", "evaluation_rows")
    rows = np.concatenate([frame(0)[name] for name in names])
    assert len(np.unique(rows)) == len(rows) == 2000
    assert [len(frame(0)[name]) for name in names] == [1400, 400, 200]
    assert frame(0).fingerprint == frame(0).fingerprint
    assert not np.array_equal(frame(0)["evaluation_rows"], frame(1)["evaluation_rows"])


def test_the_reference_is_scored_on_its_evaluation_half() -> None:
    results = run(Linear(0.1), cloud(2000), points=200)
    np.testing.assert_array_equal(results.data["row"], results.frame["evaluation_rows"])
    for name in ("joint", "cycle", "support"):
        assert results.data[f"{name}_rate"] == results.frame[f"control_{name}"]
    assert results.data["distance_relative"] == 1.0


def test_small_references_hold_out_a_fifth_each() -> None:
    frame = run(Linear(0.1), cloud(50)).frame
    assert len(frame["calibration_rows"]) == len(frame["evaluation_rows"]) == 10
    assert len(frame["support_rows"]) == 30


def test_rows_of_the_support_set_support_themselves_and_far_points_are_not_supported() -> None:
    reference = cloud(2000)
    frame = run(Linear(), reference, points=200).frame
    copies = ArraySource(reference.read(reference.blocks()[0]).z[frame["support_rows"]], "copies")
    cube = fit_sampler("uniform:b=1000", Host(), reference=reference, seed=0)
    results = run(Linear(), reference, copies, cube, points=200)
    assert results.results["copies"]["support_rate"] == 1.0
    assert results.results["copies"]["distance_relative"] == 0.0
    assert results.results["uniform:b=1000"]["support_rate"] == 0.0
    assert results.data["support_rate"] > 0.9


def test_duplicated_points_support_themselves() -> None:
    z = np.repeat(np.random.default_rng(0).standard_normal((20, 4)), 30, axis=0)
    assert run(Linear(0.1), ArraySource(z)).data["support_rate"] == 1.0


def test_rates_do_not_depend_on_the_scale_of_an_axis() -> None:
    z = cloud(1500).read(cloud(1500).blocks()[0]).z
    scales = np.float32([1, 4, 0.25, 2])

    class Scaled(Linear):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z / scales)

        def encode(self, x: np.ndarray) -> Latents:
            return Latents(super().encode(x).mu * scales)

    plain = run(Linear(0.1), ArraySource(z), points=300).data
    scaled = run(Scaled(0.1), ArraySource(z * scales), points=300).data
    # Another fingerprint, another split: the rates agree as two samples do.
    for name in ("cycle_rate", "support_rate"):
        assert scaled[name] == pytest.approx(plain[name], abs=0.06)


# ---------------------------------------------------------------- models that lack something


def test_without_an_encoder_there_is_support_alone() -> None:
    results = full_run(Linear(encodes=False), cloud(600), samplers=["gaussian"], boundaries=[9])
    data = results.data
    assert {name for name in data.scalars if name.endswith("_rate")} == {"support_rate"}
    assert "cycle_score" not in data.arrays
    assert set(np.unique(data["verdict"])) <= {0, 2}
    assert "no cycle rate and no joint rate" in data.notes[0]
    texts = [finding.text for finding in findings_of(make(), results)]
    assert "cannot be said: the model has no encoder" in texts[0]
    assert "no cycle and no joint rate, as the model has no encoder" in texts[1]
    assert "highest support rate" in texts[2]
    assert len(figures_of(make(), results)) == 2


def test_an_encoder_of_other_images_gives_no_cycle() -> None:
    model = Linear()
    model.spec = model.spec.model_copy(update={"input": TensorSpec(shape=(16, 16, 1))})
    data = run(model, cloud(600)).data
    assert "joint_rate" not in data.scalars
    assert data.notes == (
        "the encoder takes another shape than the decoder gives: no cycle rate and no joint rate",
    )


class Lossy(Linear):
    """A decoder that gives NaN far out."""

    def __init__(self, limit: float) -> None:
        super().__init__(0.1)
        self.limit = limit

    def decode(self, z: np.ndarray) -> np.ndarray:
        x = super().decode(z)
        x[z[:, 0] > self.limit, 0, 0] = np.nan
        return x


def test_outputs_that_are_not_finite_pass_no_test_and_are_counted() -> None:
    half = cloud(400, shift=5.0, label="half")
    results = run(Lossy(5.0), cloud(), half, points=400, images=40)
    lost = int((half.read(half.blocks()[0]).z[:, 0] > 5.0).sum())
    result = results.results["half"]
    assert result["nonfinite"] == lost
    assert np.isinf(result["cycle_score"]).sum() == lost
    assert len(result["images"]) == len(result["verdict"]) < 40
    text = f"half: the decoder gives NaN or infinity for {lost} z-points."
    assert text in [finding.text for finding in findings_of(make(), results)]


def test_no_finite_output_is_an_error() -> None:
    with pytest.raises(AssertionError, match="finite numbers from the decoder"):
        run(Lossy(5.0), cloud(), cloud(100, shift=50.0, label="far"))


def test_a_model_that_fails_on_the_data_is_an_error() -> None:
    with pytest.raises(AnalysisError, match="for the reference's own z-points"):
        run(Lossy(0.0), cloud())


@pytest.mark.parametrize(
    ("reference", "message"),
    [(cloud(24), "at least 25 z-points"), (ArraySource(np.ones((90, 4))), "all alike")],
)
def test_references_that_cannot_be_judged(reference: Source, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        run(Linear(), reference)


def test_more_neighbors_than_rows_are_an_error() -> None:
    with pytest.raises(AnalysisError, match="fewer neighbors"):
        run(Linear(), cloud(60), neighbors=40)


# ---------------------------------------------------------------- contract


def test_contract() -> None:
    source = tiny_source(600, 4)
    results = check_analysis(make(points=100), source=source, model=Linear(0.1))
    assert not results.calibrations, "rates are shown, not tested"


def test_contract_of_a_variational_reference() -> None:
    source = tiny_source(300, 4, variational=True)
    assert make(samplers="auto").companions(source)[-1] == "posterior"
    assert "posterior" not in make(samplers="auto").companions(
        PosteriorSource(source, 0, "data@posterior")
    )
    check_analysis(make(points=50), source=source, model=Linear(0.1))
    results = full_run(Linear(0.1), source, samplers=["posterior"], points=50)
    assert "the means mu of a variational model" in findings_of(make(), results)[-1].text


def test_it_needs_a_decoder_alone_and_is_no_reduction() -> None:
    assert RandomDecode.requires == {"decoder"}
    assert not RandomDecode.is_streaming()


@pytest.mark.parametrize(
    "options",
    [
        {"boundaries": [0]}, {"boundaries": [-1]}, {"images": 0}, {"unit": "meter"},
        {"points": 3}, {"neighbors": 0}, {"support": 1}, {"samplers": "gaussian"},
    ],
)  # fmt: skip
def test_bad_values_are_option_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="random_decode"):
        make(**options)


# ---------------------------------------------------------------- images


def test_images_are_decoded_points_with_their_verdicts(noisy: ResultSet) -> None:
    result = noisy.results["gaussian"]
    places = np.linspace(0, 299, 8).round().astype(int)
    passed = (result["cycle_score"] <= 1) + 2 * (result["support_score"] <= 1)
    np.testing.assert_array_equal(result["verdict"], passed[places])
    assert result["images"].shape == (8, 8, 8, 1)
    assert result.arrays["images"].dims == ("image", "y", "x", "channel")


def test_rates_are_the_shares_of_the_scores(noisy: ResultSet) -> None:
    for result in noisy.results.values():
        cycle, support = result["cycle_score"] <= 1, result["support_score"] <= 1
        assert result["cycle_rate"] == cycle.mean()
        assert result["support_rate"] == support.mean()
        assert result["joint_rate"] == (cycle & support).mean()
        low, high = result["interval"].T
        rates = [result[f"{name}_rate"] for name in ("joint", "cycle", "support")]
        assert (low <= rates).all()
        assert (rates <= high).all()


def test_scalars_of_known_images() -> None:
    half = np.zeros((8, 8, 1), np.float32)
    half[:4] = 1

    class Checkered(Linear):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.where(np.arange(len(z))[:, None, None, None] % 2, half, 1 - half)

    data = run(Checkered(encodes=False), cloud(600), images=8, points=64).data
    assert data["contrast"] == 0.5
    assert data["saturated"] == 1
    assert 0 < data["diversity"] <= 0.5


def test_values_beyond_the_range_are_clipped_and_noted() -> None:
    class Loud(Linear):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return 20 * super().decode(z)

    data = run(Loud(encodes=False), cloud(600)).data
    assert data["images"].max() == 255
    assert "clipped" in data.notes[0]


# ---------------------------------------------------------------- companions, findings, figures


def test_companions_are_samplers_then_one_cube_per_boundary_in_order() -> None:
    every = make(samplers="auto", boundaries=[3, 1, 3]).companions(cloud())
    assert every[:2] == ["gaussian", "gaussian:covariance=diag"]
    assert every[-2:] == ["uniform:b=1", "uniform:b=3"]
    wanted = {"gmm", "kde", "ellipsoid", "box", "shuffled", "interpolate", "normal"}
    assert wanted <= set(every)
    assert "posterior" not in every
    assert len(RandomDecode().companions(cloud())) == 10 + 9
    spread = make(samplers=["uniform:b=3:unit=spread"], boundaries=[3, 1], unit="spread")
    assert spread.companions(cloud()) == ["uniform:b=3:unit=spread", "uniform:b=1:unit=spread"]


@pytest.mark.parametrize("dim", [1500, 5000])
def test_companions_can_be_fitted_in_many_dimensions(dim: int) -> None:
    wide = ArraySource(np.random.default_rng(0).standard_normal((60, dim)))
    texts = make(samplers="auto").companions(wide)
    for text in texts:
        assert fit_sampler(text, Host(), reference=wide, seed=0).dim == dim
    assert ("gaussian" in texts) == (dim < 4096)


def test_findings_name_the_best_sampler_and_the_range_of_b(noisy: ResultSet) -> None:
    cannot, control, best, cubes = findings_of(make(boundaries=[1]), noisy)
    assert "cannot be said: this model reconstructs junk too: " in cannot.text
    assert {finding.severity for finding in (control, best, cubes)} == {"note"}
    assert control.text.startswith("Positive control: 0.")
    assert "held-out z-points of data pass both tests" in control.text
    assert "At least half the rate of held-out data: " in best.text
    assert "gaussian (" in best.text
    assert "half the rate of held-out data for b = 1;" in cubes.text
    assert not any("meaningful" in finding.text for finding in (control, best, cubes))


def fake(results: ResultSet, rates: dict[str, float]) -> ResultSet:
    """Return results with these joint rates."""

    def changed(result: Result, rate: float) -> Result:
        scalar = replace(result.scalars["joint_rate"], value=rate)
        return replace(result, scalars={**result.scalars, "joint_rate": scalar})

    results_of = {"data": results.data}
    for label, rate in rates.items():
        results_of[label] = changed(results.results["gaussian"], rate)
    return replace(results, results=results_of)


def test_findings_say_when_nothing_works(noisy: ResultSet) -> None:
    rates = {"gaussian": 0.2, "uniform:b=1": 0.0, "uniform:b=4": 0.0}
    *_, best, cubes = findings_of(make(), fake(noisy, rates))
    assert "None has at least half the rate of held-out data." in best.text
    assert "for none of b = 1, 4; the highest joint rate is 0 at all of them." in cubes.text


def test_findings_compare_with_no_held_out_data_where_none_passes(noisy: ResultSet) -> None:
    results = fake(noisy, {"gaussian": 0.9, "uniform:b=1": 0.7, "uniform:b=4": 0.0})
    turned_down = replace(results, frame=Frame({**results.frame.values, "control_joint": 0.0}))
    *_, best, cubes = findings_of(make(), turned_down)
    assert "No held-out z-point passes" in best.text
    assert "no rate of held-out data to reach; the highest joint rate is 0.7" in cubes.text
    assert "half the rate" not in best.text + cubes.text


def test_ranges_of_b_that_work_may_have_gaps(noisy: ResultSet) -> None:
    rates = {f"uniform:b={b}": rate for b, rate in [(8, 0.9), (1, 0.9), (2, 0.9), (4, 0.1)]}
    *_, cubes = findings_of(make(), fake(noisy, rates))
    assert "for b = 1 to 2 and 8;" in cubes.text


def test_rows_of_the_grid_and_their_frames(noisy: ResultSet) -> None:
    (axis,) = figures_of(make(), noisy)[1].figure.axes
    labels = [text.get_text().replace("\n", "") for text in axis.texts]
    assert labels[0] == "data, held out"
    assert labels[-4:] == ["uniform:b=1", "uniform:b=4", "uniform:b=40", "null gaussian"]
    assert set(labels[1:-1]) == set(noisy.shown)
    assert np.ptp(axis.get_images()[0].get_array()) > 0
    shown = [noisy.data, *(noisy.results[label] for label in labels[1:-1])]
    verdicts = np.concatenate([result["verdict"] for result in shown]).tolist()
    assert len(axis.patches) == len(verdicts) + 8
    frames = [(str(p.get_edgecolor()), p.get_linestyle()) for p in axis.patches[: len(verdicts)]]
    pairs = set(zip(verdicts, frames, strict=True))
    assert len(pairs) == len(set(verdicts)) == len(set(frames))
    legend = {text.get_text() for text in axis.figure.legends[0].get_texts()}
    assert {"both tests", "cycle only", "support only"} <= legend
    assert legend <= {"both tests", "cycle only", "support only", "neither"}


def test_rates_are_drawn_with_the_best_source_on_top(noisy: ResultSet) -> None:
    rates = figures_of(make(), noisy)[0]
    top, curve = rates.figure.axes
    labels = [tick.get_text() for tick in top.get_yticklabels()]
    found = [noisy.results[label]["joint_rate"] for label in labels[1:-1]]
    assert labels[0] == "data, held out"
    assert labels[-1] == "null gaussian"
    assert found == sorted(found, reverse=True)
    assert not any(label.startswith("uniform") for label in labels)
    assert curve.get_xlabel().startswith("b of uniform vectors")
    assert [tick.get_text() for tick in curve.get_xticklabels()] == ["1", "4", "40"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_many_images_wrap_and_any_channels_can_be_drawn(channels: int, tmp_path: Any) -> None:
    class Colored(Linear):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z).repeat(channels, -1)

    results = run(Colored(encodes=False), cloud(600), cloud(99, label="other"), images=40)
    grid = figures_of(make(), results)[1]
    (axis,) = grid.figure.axes
    assert len(axis.patches) == 80
    assert [text.get_text() for text in axis.texts] == ["data, held out", "", "", "other", "", ""]
    grid.figure.savefig(tmp_path / "grid.png")


def test_a_decoder_of_vectors_is_drawn_as_curves() -> None:
    class Flat(Linear):
        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z).reshape(len(z), -1)

    results = run(Flat(encodes=False), cloud(600), cloud(99, label="other"))
    assert results.data.arrays["vectors"].dims == ("image", "feature")
    assert "saturated" not in results.data.scalars
    grid = figures_of(make(), results)[1]
    titles = [axis.get_title(loc="left") for axis in grid.figure.axes]
    assert titles == ["data, held out", "other"]
    assert all(len(axis.get_lines()) == 16 for axis in grid.figure.axes)


@pytest.mark.parametrize(
    "reference",
    [
        tiny_source(50, 4),
        ArraySource(np.repeat(np.random.default_rng(0).standard_normal((9, 4)), 20, axis=0)),
        ArraySource(np.random.default_rng(0).standard_normal((90, 4)) * [1, 1, 1, 0]),
    ],
    ids=["50 points", "duplicates", "constant axis"],
)
def test_hostile_references_give_numbers(reference: Source) -> None:
    results = full_run(Linear(0.1), reference, samplers="auto", boundaries=[0.5, 50])
    for result in results.results.values():
        values = [s.value for s in result.scalars.values() if not isinstance(s.value, str)]
        assert np.isfinite(values).all()
    assert findings_of(make(), results)
    assert len(figures_of(make(), results)) == 2


def test_sixteen_thousand_dimensions() -> None:
    class Wide(Linear):
        def __init__(self) -> None:
            super().__init__()
            self.spec = self.spec.model_copy(update={"latent": TensorSpec(shape=(16_384,))})

        def decode(self, z: np.ndarray) -> np.ndarray:
            return super().decode(z[:, :4])

        def encode(self, x: np.ndarray) -> Latents:
            return Latents(np.pad(super().encode(x).mu, ((0, 0), (0, 16_380))))

    rng = np.random.default_rng(0)
    reference, far = (ArraySource(rng.standard_normal((60, 16_384)) * s, str(s)) for s in (1, 9))
    results = run(Wide(), reference, far, points=20)
    assert np.isfinite([s.value for s in results.data.scalars.values()]).all()
    assert results.results["9"]["joint_rate"] == 0.0
