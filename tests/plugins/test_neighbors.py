"""Neighbors: contract, invariances, null models, planted structure, and odd input."""

import numpy as np
import pytest

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Batch, Frame
from latent_analyze.testing import (
    check_analysis,
    figures_of,
    findings_of,
    gaussian_members,
    run_analysis,
)
from latent_analyze_plugins.neighbors import Neighbors
from latent_analyze_plugins.neighbors.compute import measure
from latent_analyze_plugins.neighbors.search import distinct_points

INVARIANT = ("twonn", "local_dimension", "radius_spread", "hubness", "tree_edge_spread")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(**options):
    return Neighbors(build_options(Neighbors.Options, options, "neighbors"))


def source(z, label="data"):
    return ArraySource(np.asarray(z, np.float32), label)


def analyze(z, **options):
    return run_analysis(make(**options), source(z))


def against_null(z, repeats=19):
    reference = source(z)
    nulls = {"gaussian": gaussian_members(reference, repeats)}
    return run_analysis(make(), reference, nulls=nulls)


def findings(results):
    return findings_of(make(), results)


def test_contract():
    results = check_analysis(Neighbors())
    assert [f.name for f in figures_of(Neighbors(), results)] == ["neighbors", "neighbors-crowding"]
    assert results.data.sample_size == 600


def test_contract_with_a_plateau_and_a_single_draw(rng):
    z = rng.random((1000, 2)) @ rng.standard_normal((2, 6))
    reference = source(z)
    nulls = {"gaussian": gaussian_members(reference, 1)}
    results = run_analysis(make(), reference, nulls=nulls)
    assert results.data["plateau"] == "found"
    figure, _ = figures_of(make(), results)
    assert "one draw" in figure.caption
    assert any("(one draw)" in f.text for f in findings(results))


def test_shift_rotation_and_unit_do_not_matter(rng):
    z = rng.standard_normal((600, 4)) * [3, 1, 1, 0.5]
    turned = z @ np.linalg.qr(rng.standard_normal((4, 4)))[0]
    plain = analyze(z).data
    for other in (turned, z + 3, 64 * z):
        moved = analyze(other).data
        for name in INVARIANT:
            # Another fingerprint leads to another part of the points in the tree.
            tolerance = 0.1 if name == "tree_edge_spread" else 0.02
            assert moved[name] == pytest.approx(plain[name], rel=tolerance, abs=0.02), name
    scaled = analyze(64 * z).data
    assert scaled["radius_median"] == pytest.approx(64 * plain["radius_median"], rel=1e-5)


def test_a_gaussian_is_like_its_null(rng):
    results = against_null(rng.standard_normal((1500, 6)) * np.arange(1, 7) + 10)
    assert not results.standouts()
    assert {f.severity for f in findings(results)} == {"note"}


def test_a_thin_cloud_stands_out(rng):
    flat = rng.random((1500, 2))
    bent = np.column_stack([np.sin(3 * flat), np.cos(3 * flat), flat**2])
    results = against_null(bent + 0.001 * rng.standard_normal(bent.shape))
    assert "twonn" in {c.scalar for c in results.standouts()}
    (found,) = [f for f in findings(results) if f.severity == "finding"]
    assert "z-points fill fewer dimensions (TwoNN" in found.text
    assert "twonn" in found.numbers


def test_clumps_and_gaps_stand_out(rng):
    centers = rng.uniform(-10, 10, (20, 8))
    z = centers[rng.integers(0, 20, 1500)] + rng.standard_normal((1500, 8)) * rng.choice(
        [0.1, 1.0], (1500, 1)
    )
    results = against_null(z)
    assert {"radius_spread", "tree_edge_spread"} <= {c.scalar for c in results.standouts()}
    (found,) = [f for f in findings(results) if f.severity == "finding"]
    assert "z-points are clumped" in found.text
    assert "tree_edge_spread" in found.numbers


def test_hubs_stand_out(rng):
    z = rng.standard_normal((1000, 30))
    z[:20] *= 0.3
    results = against_null(z)
    assert results.calibration("hubness").stands_out
    assert any("more hubs" in f.text for f in findings(results))


def test_planted_filament_is_found(rng):
    z = rng.standard_normal((2000, 16))
    z[:60] *= 0.02
    z[:60, 0] += np.linspace(-2, 2, 60)
    assert "radius_spread" in {c.scalar for c in against_null(z).standouts()}


def test_planted_void_is_found(rng):
    z = rng.standard_normal((3000, 3))
    distances = np.linalg.norm(z - [1, 0, 0], axis=1)
    results = against_null(z[distances > np.quantile(distances, 0.05)][:2000])
    assert "emptiness" in {c.scalar for c in results.standouts()}
    assert any("more random places lie in voids" in f.text for f in findings(results))


def test_duplicates_are_dropped_and_counted(rng):
    z = rng.standard_normal((500, 5))
    once, twice = analyze(z), analyze(np.concatenate([z, z[:200]]))
    assert (once.data["duplicates"], twice.data["duplicates"]) == (0, 200)
    assert twice.data["twonn"] == pytest.approx(once.data["twonn"], rel=1e-6)
    assert twice.frame["points"] == 500
    assert any("200 of the sampled z-points repeat" in f.text for f in findings(twice))


def test_values_per_point_name_their_rows(rng):
    z = rng.standard_normal((400, 5))
    z[100:150], z[7, 2] = z[:50], np.nan
    data = analyze(z, sample=300, k=5).data
    rows = data["row"]
    assert len(rows) == len(data["radius"]) == data.sample_size < 300
    assert len(np.unique(z[rows].astype(np.float32), axis=0)) == len(rows)
    distances = np.sort(np.linalg.norm(z[rows][:, None] - z[rows], axis=2), axis=1)
    np.testing.assert_allclose(data["radius"], distances[:, 5], rtol=1e-5)


def test_sources_are_compared_at_one_number_of_points(rng):
    z = rng.standard_normal((300, 4))
    reference = source(np.concatenate([z, z]))
    other, few = source(rng.standard_normal((600, 4)), "other"), source(z[:100], "few")
    results = run_analysis(make(), reference, shown=[other, few])
    assert results.results["other"].sample_size == 300
    assert results.results["few"].sample_size == 100
    assert any("few was measured on 100" in f.text for f in findings(results))


def test_rows_that_are_not_finite_are_dropped_and_counted(rng):
    z = rng.standard_normal((300, 4))
    z[:7, 2] = np.nan
    results = analyze(z)
    assert (results.data["nonfinite"], results.data.sample_size) == (7, 293)
    assert any("NaN or infinity" in f.text for f in findings(results))


def lattice(_):
    axis = np.arange(8.0)
    return np.array(np.meshgrid(axis, axis, axis)).reshape(3, -1).T


ODD = {
    "50 points": lambda rng: rng.standard_normal((50, 5)),
    "2 dimensions": lambda rng: rng.standard_normal((400, 2)),
    "1 dimension": lambda rng: rng.standard_normal((400, 1)),
    "constant axes": lambda rng: rng.standard_normal((400, 6)) * [1, 0, 1, 0, 0, 1] + 7,
    "16,384 dimensions": lambda rng: rng.standard_normal((60, 16_384)),
    "fewer rows than dimensions": lambda rng: rng.standard_normal((40, 100)),
    "duplicated points": lambda rng: np.repeat(rng.standard_normal((100, 3)), 5, axis=0),
    "two far clumps": lambda rng: (
        rng.standard_normal((200, 3)) + 1e6 * rng.integers(0, 2, (200, 1))
    ),
    "off-center": lambda rng: 1e-3 * rng.standard_normal((300, 4)) + 1000,
    "lattice": lattice,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_gives_a_result_with_findings_for_what_is_undefined(name, rng):
    results = analyze(ODD[name](rng))
    numbers = {k: s.value for k, s in results.data.scalars.items() if not isinstance(s.value, str)}
    undefined = [k for k, value in numbers.items() if not np.isfinite(value)]
    told = " ".join(f.text for f in findings(results))
    assert not undefined or "as on a lattice" in told, undefined
    for figure in figures_of(make(), results):
        assert figure.figure.axes


def test_unit_norm_embeddings(rng):
    z = rng.standard_normal((800, 4))
    data = analyze(z / np.linalg.norm(z, axis=1, keepdims=True)).data
    assert data["twonn"] == pytest.approx(3, rel=0.15)


def test_lattice_and_rounding_are_told(rng):
    assert any("as on a lattice" in f.text for f in findings(analyze(lattice(rng))))
    rounded = np.round(rng.standard_normal((500, 2)), 1)
    assert any("quantized" in f.text for f in findings(analyze(rounded)))
    far = 1e-3 * rng.standard_normal((400, 3)) + 1000
    assert any("rounding of float32" in f.text for f in findings(analyze(far)))
    assert not any("round" in f.text for f in findings(analyze(rng.standard_normal((400, 3)))))


@pytest.mark.parametrize(
    "z",
    [np.ones((500, 3)), np.arange(60.0).reshape(20, 3), np.ones((1, 3)), np.full((40, 3), np.nan)],
)
def test_too_few_distinct_points(z):
    with pytest.raises(AssertionError, match="expected at least 32 distinct finite z-points"):
        analyze(z)


def test_too_few_points_are_an_error_of_the_analysis():
    batch = Batch(np.ones((500, 3), np.float32), np.arange(500))
    cloud = distinct_points(batch, np.random.default_rng(0))
    with pytest.raises(AnalysisError, match="found 1 among 500 sampled"):
        measure(cloud, Frame(), make().options)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"k": 1}, "k"), ({"sample": 10}, "sample"), ({"sample": "some"}, "sample")],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(OptionError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "dim", "size"),
    [
        ({}, 16, 8000),
        ({}, 256, 8000),
        ({}, 1024, 4000),
        ({}, 16_384, 1000),
        ({"sample": 500}, 16, 500),
    ],
)
def test_sample_shrinks_with_the_dimensions(options, dim, size):
    assert make(**options)._sample_size(ArraySource(np.zeros((2, dim), np.float32))) == size


def test_a_large_sample_is_heavy():
    assert (make().cost, make(sample=8000).cost, Neighbors.cost) == ("light",) * 3
    assert make(sample=8001).cost == "heavy"


def test_other_ranks(rng):
    z = rng.standard_normal((400, 3))
    near, far = analyze(z).data, analyze(z, k=20).data
    assert far["radius_median"] > near["radius_median"]
    assert far["occurrences"].sum() == 20 * 400
    assert "neighbor 20" in far.scalars["radius_median"].description
