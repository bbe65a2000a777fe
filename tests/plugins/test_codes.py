"""The analysis `codes`: closed forms of uniform draws, dead codes, positions, decoded codes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import latent_analyze as la
from latent_analyze.errors import AnalysisError, OptionError
from latent_analyze.plugin import ArraySource, Codes, Host, ModelSpec, TensorSpec
from latent_analyze.runs.config import RunConfig
from latent_analyze.runs.plan import make_plan
from latent_analyze.testing import (
    check_analysis,
    check_sampler,
    figures_of,
    findings_of,
    run_analysis,
    shuffled_members,
    tiny_codes,
    tiny_source,
)
from latent_analyze_plugins.codes import CodesAnalysis
from latent_analyze_plugins.codes.frame import choose_pairs, neighbors
from latent_analyze_plugins.codes.pairs import information, lift
from latent_analyze_plugins.codes.usage import bias, entropy, usage_by_position
from latent_analyze_plugins.samplers import Shuffled, UniformCodes

RNG = np.random.default_rng(0)


def source_of(rows: Any, codes: int, shape: tuple[int, ...] = (), *, known: bool = True) -> Any:
    rows = np.asarray(rows)
    return ArraySource(rows, "data", codes=Codes(shape or rows.shape[1:], codes, known))


def uniform(count: int, shape: tuple[int, ...], codes: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return source_of(rng.integers(0, codes, (count, math.prod(shape))), codes, shape)


def measured(source: Any, **options: Any) -> Any:
    return run_analysis(CodesAnalysis(**options), source).data


class Painter:
    """Decodes 3 x 3 codes to gray images of one pixel per position."""

    fingerprint = "painter"

    def __init__(self, shape: tuple[int, ...] = (3, 3, 1), layout: Any = "HWC") -> None:
        self.spec = ModelSpec(
            name="painter", adapter="fake", can_decode=True,
            latent=TensorSpec(shape=(3, 3), dtype="int64"), codes=8,
            output=TensorSpec(shape=shape, layout=layout),
        )  # fmt: skip

    def encode(self, x: Any) -> Any:
        raise NotImplementedError

    def decode(self, z: Any) -> Any:
        assert self.spec.output is not None
        return (z / 8).reshape(len(z), *self.spec.output.shape).astype(np.float32)


def test_contract() -> None:
    results = check_analysis(CodesAnalysis())
    assert {"neighbor_bits", "far_bits"} == {entry.scalar for entry in results.calibrations}
    assert results.calibration("neighbor_bits").stands_out  # type: ignore[union-attr]


def test_contract_with_a_decoder() -> None:
    data = check_analysis(CodesAnalysis(decoded=4), model=Painter()).data
    codes = data["shown_codes"]
    assert data["decoded"].shape == (4, 3, 3, 1)
    assert (data["decoded"] == np.rint(255 * codes[:, None, None, None] / 8)).all()
    among = data["decoded_among"][:, :, :, 0]
    assert (among[:, 0, 0] == round(255 * codes[0] / 8)).all()
    np.testing.assert_array_equal(among[:, 1, 1], np.rint(255 * codes / 8))


@pytest.mark.parametrize("shape", [(9,), (1, 9), (3, 1, 3), (9, 1, 1, 1)])
def test_decoded_rows_of_other_shapes(shape: tuple[int, ...]) -> None:
    results = run_analysis(CodesAnalysis(), tiny_codes(), model=Painter(shape, "array"))
    assert results.data["decoded"].shape[1:] == shape
    names = [figure.name for figure in figures_of(CodesAnalysis(), results)]
    assert names == ["codes", "codes-positions", "codes-together", "codes-decoded"]


class TestUsage:
    """Codes of independent even draws have a known perplexity."""

    def test_even_codes_have_the_perplexity_of_the_codebook(self) -> None:
        rows = np.stack([RNG.permutation(12) for _ in range(40)])
        data = measured(source_of(rows, 12))
        assert data["perplexity"] == pytest.approx(12)
        assert data["perplexity_share"] == pytest.approx(1)
        assert (data["used"], data["dead"], data["constant"]) == (12, 0, 0)
        assert data["entropy_error"] == pytest.approx(0, abs=1e-12)

    def test_a_single_code(self) -> None:
        data = measured(source_of(np.full((30, 4), 3), 16, (2, 2)))
        assert (data["perplexity"], data["used"], data["dead"]) == (1, 1, 15)
        assert (data["constant"], data["top_share"]) == (4, 1)
        assert data["neighbor_bits"] == pytest.approx(0, abs=1e-12)
        np.testing.assert_array_equal(data["unused"], np.delete(np.arange(16), 3))

    def test_the_bias_of_even_draws(self) -> None:
        codes, found = 64, []
        for seed in range(60):
            data = measured(uniform(20, (10,), codes, seed), pairs=1)
            found.append((data["entropy"], data["entropy"] + data["entropy_bias"]))
        plain, corrected = np.mean(found, axis=0)
        # Of 200 draws of 64 codes: (63 / 400) nats are lost.
        assert math.log2(codes) - plain == pytest.approx(63 / 400 / math.log(2), rel=0.12)
        assert math.log2(codes) - corrected == pytest.approx(0, abs=0.025)

    def test_dead_codes_of_even_draws(self) -> None:
        found = [measured(uniform(100, (5,), 200, seed), pairs=1) for seed in range(40)]
        wanted = 200 * (1 - 1 / 200) ** 500
        assert found[0]["dead_by_chance"] == pytest.approx(wanted)
        assert np.mean([data["dead"] for data in found]) == pytest.approx(wanted, rel=0.06)

    def test_the_error_is_that_of_rows(self) -> None:
        """All codes of a row are equal: ten positions say no more than one."""
        shares = np.array([0.5, 0.25, 0.15, 0.1])
        entropies, errors = [], []
        for seed in range(200):
            rng = np.random.default_rng(seed)
            rows = np.repeat(rng.choice(4, (300, 1), p=shares), 10, axis=1)
            data = measured(source_of(rows, 4), pairs=1)
            entropies.append(data["entropy"])
            errors.append(data["entropy_error"])
        assert np.mean(errors) == pytest.approx(np.std(entropies), rel=0.15)

    def test_the_position_alone_tells_its_code(self) -> None:
        data = measured(source_of(np.tile(np.arange(8), (500, 1)), 8))
        assert data["position_bits"] == pytest.approx(3, abs=0.01)
        assert (data["perplexity_within"], data["constant"]) == (1, 8)
        assert measured(uniform(5000, (8,), 8))["position_bits"] == pytest.approx(0, abs=2e-3)

    def test_tables_of_several_passes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = uniform(100, (3, 3), 20)
        whole = np.concatenate([*usage_by_position(source, 20)])
        monkeypatch.setattr("latent_analyze_plugins.codes.usage.TABLE", 50)
        monkeypatch.setattr("latent_analyze_plugins.codes.usage.GROUP", 90)
        parts = [*usage_by_position(source, 20)]
        assert len(parts) > 1
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert (whole.sum(axis=1) == 100).all()

    def test_one_row_and_one_position(self) -> None:
        data = measured(source_of(np.array([[1, 2, 2, 0]]), 4, (2, 2)))
        assert math.isnan(data["perplexity_error"])
        assert "neighbor_bits" not in data.scalars
        data = measured(source_of(RNG.integers(0, 4, (50, 1)), 4, (1,)))
        assert "bits_by_steps" not in data.arrays

    def test_a_scalar_code_per_row(self) -> None:
        results = run_analysis(CodesAnalysis(), source_of(RNG.integers(0, 4, (50, 1)), 4, (1,)))
        assert [figure.name for figure in figures_of(CodesAnalysis(), results)] == ["codes"]
        assert results.data["codes"] == 4


class TestPairs:
    def test_equal_positions_share_their_entropy(self) -> None:
        rows = np.repeat(RNG.integers(0, 8, (4000, 1)), 2, axis=1)
        assert measured(source_of(rows, 8))["neighbor_bits"] == pytest.approx(3, abs=0.02)

    def test_independent_positions_share_nothing(self) -> None:
        found = [measured(uniform(500, (4, 4), 6, s))["neighbor_bits"] for s in range(30)]
        assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(30) + 1e-3

    def test_a_noisy_copy_has_a_closed_form(self) -> None:
        flip, n = 0.1, 20_000
        first = RNG.integers(0, 2, n)
        rows = np.stack([first, first ^ (RNG.random(n) < flip)], axis=1)
        wanted = 1 + flip * math.log2(flip) + (1 - flip) * math.log2(1 - flip)
        found = measured(source_of(rows, 2), sample=n)["neighbor_bits"]
        assert found == pytest.approx(wanted, abs=0.01)

    def test_information_falls_with_distance(self) -> None:
        results = run_analysis(CodesAnalysis(), tiny_codes(4000, (12,), 8))
        steps, bits = results.data["steps"], results.data["bits_by_steps"]
        assert (np.diff(steps) > 0).all()
        assert bits[0] == results.data["neighbor_bits"] == bits.max()
        assert bits[-1] < 0.05 * bits[0]

    def test_codes_that_are_not_told_apart_count_as_one(self) -> None:
        data = measured(uniform(3000, (2,), 100), told_apart=10)
        assert data["told_share"] == pytest.approx(0.1, abs=0.03)
        assert data["together"].shape == (10, 10)

    def test_neighbors(self) -> None:
        assert len(neighbors((32, 32))) == 2 * 31 * 32
        np.testing.assert_array_equal(neighbors((3,)), [[0, 1], [1, 2]])
        assert not len(neighbors((1,)))
        assert len(neighbors((2, 3, 4))) == 12 + 16 + 18

    def test_the_pairs_of_many_positions(self) -> None:
        pairs, steps = choose_pairs((32, 32), 500)
        again, _ = choose_pairs((32, 32), 500)
        np.testing.assert_array_equal(pairs, again)
        assert (steps == 1).sum() == (steps > 1).sum() == 500
        assert len(np.unique(pairs, axis=0)) == 1000
        assert steps.max() > 50
        places = np.stack(np.unravel_index(pairs, (32, 32)))
        np.testing.assert_array_equal(np.abs(np.diff(places, axis=2)).sum(axis=(0, 2)), steps)

    def test_all_pairs_of_few_positions(self) -> None:
        pairs, steps = choose_pairs((3, 3), 2000)
        assert (len(pairs), steps.max()) == (36, 4)

    def test_lift(self) -> None:
        together = np.array([[40.0, 10.0], [10.0, 40.0]])
        found = lift(together, np.full((2, 2), 25.0))
        np.testing.assert_allclose(found, np.log2([[80.5, 20.5], [20.5, 80.5]] / np.float64(50.5)))
        assert np.isnan(lift(together, np.full((2, 2), 2.0))).all()

    def test_information_of_tables(self) -> None:
        joint = np.array([[[500, 0], [0, 500]], [[250, 250], [250, 250]]])
        found = information(joint)
        assert found == pytest.approx([1, 0], abs=2e-3)
        assert entropy(np.array([1, 1, 1, 1])) == 2
        assert bias(np.array([2, 2, 0])) == pytest.approx(1 / (8 * math.log(2)))

    def test_a_large_codebook_and_many_positions(self) -> None:
        source = uniform(300, (32, 32), 8192)
        data = measured(source, pairs=300)
        assert data["perplexity"] > 7900
        assert data["dead_by_chance"] == pytest.approx(0, abs=1e-3)
        assert data["neighbor_bits_at"].shape == (1024,)


class TestWords:
    def said(self, source: Any, **options: Any) -> dict[str, str]:
        analysis = CodesAnalysis(**options)
        found = findings_of(analysis, run_analysis(analysis, source))
        return {finding.text: finding.severity for finding in found}

    def test_many_dead_codes_are_a_warning(self) -> None:
        said = self.said(source_of(RNG.integers(0, 10, (500, 4)), 64, (2, 2)))
        text = next(text for text in said if "never occur" in text)
        assert said[text] == "warning"
        assert text.startswith("54 of 64 codes never occur (10, 11, ")

    def test_few_draws_leave_codes_unused(self) -> None:
        said = self.said(uniform(20, (2,), 64))
        text = next(text for text in said if "never occur" in text)
        assert said[text] == "note"
        assert "40 even draws would leave 34.1 unused" in text

    def test_a_codebook_of_unknown_size(self) -> None:
        said = self.said(source_of(RNG.integers(0, 5, (90, 3)), 5, known=False))
        assert any("How many codes the codebook has is not known" in text for text in said)

    def test_no_code_is_dead(self) -> None:
        said = self.said(uniform(500, (2,), 8))
        assert any(text.startswith("No code is dead") for text in said)

    def test_positions_with_one_code(self) -> None:
        rows = np.stack([np.zeros(90, int), RNG.integers(0, 4, 90)], axis=1)
        assert any("1 of 2 have one code only" in text for text in self.said(source_of(rows, 4)))


def test_a_source_of_another_codebook_fails_alone() -> None:
    analysis = CodesAnalysis()
    frame = analysis.prepare(uniform(50, (3,), 8))
    with pytest.raises(AnalysisError, match="codes of a codebook of 8"):
        analysis.run(frame, uniform(50, (3,), 9), None)  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="a source of codes"):
        analysis.prepare(tiny_source())


class TestSamplers:
    def test_contracts(self) -> None:
        check_sampler(UniformCodes())
        check_sampler(Shuffled(), reference=tiny_codes())

    def test_even_draws(self) -> None:
        drawn = UniformCodes().fit(tiny_codes(3000, (3, 3), 8), 0)
        z = drawn.sample(3000, 0).z
        assert (z.min(), z.max()) == (0, 7)
        counts = np.bincount(z.ravel())
        # Chi squared of 7 degrees of freedom.
        assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 24

    def test_shuffled_codes_keep_what_each_position_has(self) -> None:
        reference = tiny_codes(500)
        drawn = Shuffled().fit(reference, 3)
        one, other = reference.sample(500, 0).z, drawn.sample(500, 0).z
        assert other.dtype == np.int64
        np.testing.assert_array_equal(np.sort(one, axis=0), np.sort(other, axis=0))
        assert not np.array_equal(one, other)

    def test_uniform_codes_of_coordinates(self) -> None:
        with pytest.raises(OptionError, match="found one of coordinates"):
            UniformCodes().fit(tiny_source(), 0)


class TestRuns:
    def test_codes_are_what_runs_on_codes(self) -> None:
        report = la.run(tiny_codes(), null_repeats=19)
        assert not report.failures
        assert list(report.outcome.cases[0].analyses) == ["codes"]
        assert report["codes"].calibration("neighbor_bits").stands_out
        assert list(report["codes"].results) == ["data", "uniform_codes"]

    def test_coordinates_say_nothing_of_codes(self) -> None:
        config = RunConfig(sources=("points",), labels=("points",))
        (case,) = make_plan(config, Host(), given={"points": tiny_source()}).cases
        names = [choice.key for choice in case.choices]
        assert "radius" in names
        assert "codes" not in [*names, *(entry.analysis for entry in case.left_out)]

    def test_asked_for_on_coordinates(self) -> None:
        with pytest.raises(OptionError, match="codes takes codes: these are coordinates"):
            la.run(tiny_source(), plugins="codes")

    def test_two_cases_of_two_kinds(self) -> None:
        codes, points = tiny_codes(), tiny_source(label="points")
        report = la.run(codes, points, plugins="codes,radius", null_repeats=2)
        assert [list(case.analyses) for case in report.outcome.cases] == [["codes"], ["radius"]]
        assert [[n.label for n in c.nulls] for c in report.outcome.cases] == [
            ["shuffled"], ["gaussian"],
        ]  # fmt: skip

    def test_a_sampler_of_coordinates_beside_codes(self) -> None:
        with pytest.raises(OptionError, match="use one of shuffled, uniform_codes") as error:
            la.run(tiny_codes(), shown="uniform:b=1")
        assert "data: 3 x 3 codes of a codebook of 8" in str(error.value)

    def test_seldom_more_than_one_in_twenty_stands_out_by_chance(self) -> None:
        stood = 0
        for seed in range(20):
            source = uniform(300, (3, 3), 6, seed)
            nulls = {"shuffled": shuffled_members(source, 19, seed=seed)}
            results = run_analysis(CodesAnalysis(), source, nulls=nulls)
            stood += bool(results.standouts())
        assert stood <= 4
