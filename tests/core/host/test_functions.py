from __future__ import annotations

import pickle
from typing import Annotated, Any

import numpy as np
import pytest

import latent_analyze as la
from latent_analyze import OptionError, PluginError
from latent_analyze.plugin import ArraySource, Host, Measure, Values, analysis, sampler
from latent_analyze.testing import check_analysis, check_sampler, run_analysis, tiny_source


@analysis
def spread(z, *, power: Annotated[float, "exponent of the distances"] = 2.0):
    """How far do the z-points lie from their mean?"""
    distance = np.linalg.norm(z - z.mean(axis=0), axis=1) ** power
    return {"distance": distance, "mean": float(distance.mean()), "axis_std": z.std(axis=0)}


@analysis(
    name="tails",
    title="Tails",
    sample=200,
    measures=[Measure("peak", "fourth moment", calibrated=True, minimum_effect=0.1)],
)
def heavy_tails(z: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    x = (z - z.mean()) / z.std()
    return {"peak": float((x**4).mean() + 0 * rng.random())}


@sampler(matches="variance")
def laplace(rng, shape, mean, std, *, scale: Annotated[float, "factor on the spread"] = 1.0):
    """Heavy tails, as wide as the reference."""
    return rng.laplace(mean, scale * std / np.sqrt(2), shape)


def test_a_function_is_an_analysis() -> None:
    results = check_analysis(spread())
    assert (spread.name, spread.__doc__) == (
        "spread",
        "How far do the z-points lie from their mean?",
    )
    assert results.data.sample_size == 600
    assert results.data.arrays["distance"].dims == ("row",)
    assert results.data.arrays["axis_std"].dims == ("axis",)
    assert spread.Options.model_fields["power"].description == "exponent of the distances"


def test_options_come_from_keyword_arguments() -> None:
    source = tiny_source(100)
    one, two = (run_analysis(spread(power=p), source).data["mean"] for p in (1.0, 2.0))
    assert one != two
    assert len(run_analysis(spread(sample=30), source).data["distance"]) == 30


def test_declared_measures_are_calibrated() -> None:
    results = check_analysis(heavy_tails())
    assert results.calibration("peak") is not None
    assert (heavy_tails.name, heavy_tails.title) == ("tails", "Tails")


def test_labels_and_log_var_are_handed_in_and_required() -> None:
    @analysis
    def per_class(z, log_var, labels, rows, context):
        """What is there?"""
        assert context.reference.count == 300
        return {"classes": len(np.unique(labels["digit"])), "noise": float(log_var.mean())}

    assert per_class.requires == {"labels", "log_var"}
    found = run_analysis(per_class(), tiny_source(300, variational=True)).data
    assert found["classes"] == 10


def test_values_may_say_more_than_a_dict() -> None:
    @analysis
    def first(z, rows):
        """Which are the first ones?"""
        return Values({"radius": np.linalg.norm(z[:5], axis=1)}, notes=("five",), rows=rows[:5])

    found = run_analysis(first(), tiny_source(50)).data
    assert found["row"].tolist() == [0, 1, 2, 3, 4]
    assert found.notes == ("five",)


def test_values_belong_to_the_rows_of_the_sample() -> None:
    @analysis(sample=20)
    def far(z):
        """How far?"""
        return Values({"radius": np.linalg.norm(z, axis=1)}, notes=("note",))

    source = tiny_source(300)
    found = run_analysis(far(), source).data
    assert found.sample_size == 20
    np.testing.assert_allclose(found["radius"], np.linalg.norm(source.z[found["row"]], axis=1))


def test_mu_is_z_where_the_model_has_no_other() -> None:
    @analysis
    def middle(z, mu):
        """Same?"""
        return {"same": float((z == mu).mean())}

    assert run_analysis(middle(), tiny_source(50)).data["same"] == 1.0


def test_types_of_inputs_need_not_exist_when_it_runs() -> None:
    @analysis
    def typed(z: Nowhere, *, power: int = 2):  # noqa: F821
        """What?"""
        return {"power": power}

    assert run_analysis(typed(power=3), tiny_source(10)).data["power"] == 3


def test_a_plugin_of_another_name_is_pickled() -> None:
    assert pickle.loads(pickle.dumps(heavy_tails)) is heavy_tails
    assert type(pickle.loads(pickle.dumps(heavy_tails().options))) is heavy_tails.Options


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: analysis(lambda z, threshold: {}), "write options after a '\\*'"),
        (lambda: sampler(lambda rng, shape, median: 0), "found 'median'"),
    ],
)
def test_unknown_parameters_are_an_error(make: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make()


def test_options_need_a_default() -> None:
    with pytest.raises(PluginError, match="a default for option b of needy"):

        @analysis
        def needy(z, *, b: float):
            return {}


def test_a_function_that_returns_no_dict_fails_in_one_line() -> None:
    @analysis
    def bare(z):
        """What?"""
        return z.mean()

    with pytest.raises(AssertionError, match=r"expected a dict from bare\(\), found float"):
        run_analysis(bare(), tiny_source(20))


def test_a_function_is_a_sampler() -> None:
    source = check_sampler(laplace())
    assert source.label == "laplace"
    reference = tiny_source(2000)
    wide = laplace(scale=3.0, count=50_000).fit(reference, 0).sample(50_000, 0).z
    np.testing.assert_allclose(wide.std(axis=0), 3 * reference.z.std(axis=0), rtol=0.03)
    with pytest.raises(OptionError, match="a store or vectors that laplace is fitted to"):
        laplace().fit(None, 0)


def test_a_sampler_may_need_no_reference() -> None:
    @sampler
    def corner(rng, shape):
        """The corner of a cube."""
        return np.ones(shape)

    source = corner(dim=3, count=10).fit(None, 0)
    assert (source.dim, source.count) == (3, 10)


class TestNotebook:
    def test_classes_and_instances_run_as_they_are(self) -> None:
        z = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
        report = la.run(z, plugins=[spread, "radius"], null_repeats=2)
        assert set(report.cases["data"].analyses) == {"spread", "radius"}
        again = la.run(z, plugins=[spread(power=1.0)], null_repeats=0)
        assert again["spread"].options.power == 1.0
        assert la.run(z, plugins=heavy_tails, null_repeats=2)["tails"].calibration("peak")

    def test_values_per_row_are_one_table(self) -> None:
        z = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
        names = np.array([f"row {i}" for i in range(300)])
        source = ArraySource(z, labels={"kind": names})
        report = la.run(source, plugins=[spread(sample=40), heavy_tails], null_repeats=0)
        rows = report.rows()
        assert len(rows["row"]) == 40
        expected = np.linalg.norm(z[rows["row"]] - z[rows["row"]].mean(axis=0), axis=1) ** 2
        np.testing.assert_allclose(rows["spread.distance"], expected, rtol=1e-5)
        assert report.rows(source="nothing") == {}

    def test_what_is_no_plugin_is_one_line(self) -> None:
        with pytest.raises(OptionError, match="decorate a function with @analysis"):
            la.run(np.zeros((5, 2)), plugins=[print])  # type: ignore[list-item]

    def test_an_installed_name_is_not_replaced(self) -> None:
        taken = analysis(name="radius")(lambda z: {"a": 1.0})
        with pytest.raises(PluginError, match="one analysis called 'radius'"):
            Host().including([taken])

    def test_samplers_of_a_cell_are_shown_and_are_nulls(self) -> None:
        z = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
        report = la.run(
            z, plugins=heavy_tails, shown=[laplace(scale=2.0), "uniform"], null=laplace,
            null_repeats=3,
        )  # fmt: skip
        assert list(report["tails"].results) == ["data", "laplace:scale=2.0", "uniform"]
        assert list(report["tails"].ensembles) == ["laplace"]
        with pytest.raises(OptionError, match="decorate a function with @sampler"):
            la.run(z, shown=[spread])  # type: ignore[list-item]

    def test_a_failure_is_a_warning_and_is_in_the_report(self) -> None:
        @analysis
        def broken(z):
            """Breaks."""
            raise ValueError("no luck")

        with pytest.warns(UserWarning, match="broken failed on data: ValueError: no luck"):
            report = la.run(np.zeros((5, 2)), plugins=[broken], null_repeats=0)
        assert "failed: broken on data: ValueError: no luck" in repr(report)
        assert report.failed

    def test_the_same_class_twice_is_one(self) -> None:
        host = Host().including([spread])
        assert host.including([spread]).get("analysis", "spread").cls is spread

    def test_sources_of_one_label_are_an_error(self) -> None:
        z = np.zeros((5, 2), np.float32)
        with pytest.raises(OptionError, match=r"sources of different labels, found a, a"):
            la.run(ArraySource(z, "a"), ArraySource(z + 1, "a"), plugins=spread)

    def test_ids_of_any_length_join_in_one_table(self) -> None:
        @analysis(name="early", sample=5)
        def few(z, rows):
            """Which rows?"""
            return Values({"n": np.arange(len(z))}, rows=np.arange(len(z)))

        z = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
        report = la.run(z, plugins=[few, spread(sample=40)], null_repeats=0)
        rows = report.rows()
        assert rows["id"].tolist() == rows["row"].astype(str).tolist()
