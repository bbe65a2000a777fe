"""Round trips: what each signature explains, what ran before, and the axes shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from signature_models import SIGNED, World, found, write_decoder, write_encoder, write_pair

from latent_analyze.plugin import DecoderSpec, EncoderSpec
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.models.signatures.decoders import Scale, find_decoder, open_decoders
from latent_analyze_adapters.models.signatures.encoders import open_encoders
from latent_analyze_adapters.models.signatures.outputs import Mean
from latent_analyze_adapters.models.signatures.scores import Score, distances
from latent_analyze_adapters.models.signatures.trial import (
    Last,
    Route,
    Tried,
    Way,
    best_shuffled,
    refitted,
    same_mean,
)
from latent_analyze_adapters.models.signatures.values import Scaling
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener

GRAY = World()
UNIT_VALUES, SIGNED_VALUES = Scaling(), Scaling((-1.0, 1.0))
X = np.random.default_rng(0).standard_normal((40, 3, 2)).astype(np.float32)


def test_same_mean():
    rounded = X + np.float32(1e-5) * X.std()
    assert same_mean(X, rounded)
    assert same_mean(X, X.reshape(40, 6))
    assert not same_mean(X, X + np.float32(0.01))
    assert not same_mean(X, X[:, :2])
    assert same_mean(X, X[:10])
    assert not same_mean(X, X[:10] + np.float32(0.01))
    assert same_mean(X, np.where(X.max() > X, X, np.nan))


def route_of(folder, scaling=UNIT_VALUES, scale=None, *, world=GRAY):
    cache = SessionCache(OnnxOpener(folder, "cpu", True))
    sample = world.sample()
    encoder = open_encoders(cache, EncoderSpec(file="encoder.onnx"), sample)[0]
    spec = DecoderSpec(file="decoder.onnx", layout="HWC")
    decoder = find_decoder(cache, spec, sample, (world.dim,))
    half = open_decoders(cache, decoder, sample, latent=(world.dim,), prefer="HWC")[0]
    return Route(Way(encoder, scaling), Mean("mu"), half, scale or Scale()), sample


def explained(folder, *given, end=UNIT_VALUES, world=GRAY):
    route, sample = route_of(folder, *given, world=world)
    route.run(sample, world.count, [end], Last())
    score = Score(route.errors[end], distances(sample.x))
    return Tried(route, end, score, score.explained)


def test_what_a_signature_explains(tmp_path):
    folder = write_pair(tmp_path, GRAY, SIGNED)
    best = explained(folder, SIGNED_VALUES, end=SIGNED_VALUES)
    assert best.explained == pytest.approx(1, abs=1e-5)
    assert explained(folder, SIGNED_VALUES).explained < 0
    assert explained(folder, UNIT_VALUES, end=SIGNED_VALUES).explained < 0.9
    np.testing.assert_allclose(best.mu, GRAY.latents, atol=1e-3)


def test_what_a_better_scale_of_the_output_would_add(tmp_path):
    folder = write_pair(tmp_path, GRAY, SIGNED)
    best = explained(folder, SIGNED_VALUES, end=SIGNED_VALUES)
    assert refitted(best, GRAY.sample()) == pytest.approx(0, abs=1e-5)
    other = explained(folder, SIGNED_VALUES)
    assert other.explained + refitted(other, GRAY.sample()) == pytest.approx(1, abs=1e-4)


def test_what_ran_before_is_kept(tmp_path):
    """Rows that are added give what all rows at once give."""
    ends = [UNIT_VALUES, SIGNED_VALUES]
    route, sample = route_of(write_pair(tmp_path, GRAY, SIGNED), SIGNED_VALUES)
    whole, _ = route_of(tmp_path, SIGNED_VALUES)
    runs = Last()
    for rows in (8, 8, 50, 120):
        route.run(sample, rows, ends, runs)
    assert (route.rows, route.way.rows, runs.runs) == (120, 120, 3)
    whole.run(sample, 120, ends, Last())
    np.testing.assert_allclose(route.mu, whole.mu, atol=1e-5)
    for end in ends:
        np.testing.assert_allclose(route.errors[end], whole.errors[end], rtol=1e-3, atol=1e-6)


def test_ends_that_dropped_out_are_left_out(tmp_path):
    route, sample = route_of(write_pair(tmp_path, GRAY))
    route.run(sample, 8, [UNIT_VALUES, SIGNED_VALUES], Last())
    route.run(sample, 20, [UNIT_VALUES], Last())
    assert list(route.errors) == [UNIT_VALUES]
    assert len(route.errors[UNIT_VALUES]) == 20


def test_layouts_share_a_run_of_the_decoder(tmp_path):
    write_pair(tmp_path, GRAY)
    first, sample = route_of(tmp_path)
    second = Route(first.way, first.mean, first.decoder, first.scale)
    last = Last()
    for route in (first, second):
        route.run(sample, 8, [UNIT_VALUES], last)
    assert last.runs == 1
    other = Route(first.way, first.mean, first.decoder, Scale(2.0))
    other.run(sample, 8, [UNIT_VALUES], last)
    assert last.runs == 2
    np.testing.assert_array_equal(first.errors[UNIT_VALUES], second.errors[UNIT_VALUES])


def test_the_order_of_the_axes_matters_to_the_right_decoder(tmp_path):
    best = explained(write_pair(tmp_path, GRAY))
    given, shuffled = best_shuffled(best, GRAY.sample(), rows=120, times=8)
    assert given == pytest.approx(best.explained)
    assert shuffled < 0.6
    assert best_shuffled(best, GRAY.sample(), rows=120, times=8) == (given, shuffled)


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_few_axes_that_explain_little(tmp_path, dim, seed):
    """Digits of two latent dimensions explain a quarter of the variance, and are no problem."""
    world = World(count=300, dim=dim, seed=seed, spread=0.1, noise=0.032 * dim**0.5)
    best = explained(write_pair(tmp_path, world), world=world)
    assert 0.1 < best.explained < 0.35
    given, shuffled = best_shuffled(best, world.sample(), rows=300, times=8)
    assert shuffled < given - 0.02


def test_the_scale_is_applied_after_the_shift(tmp_path):
    def before(net, z):
        return net.op("Sub", net.op("Div", z, net.const(3.0)), net.const(0.5))

    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", GRAY, before=before)
    assert explained(tmp_path, UNIT_VALUES, Scale(3.0, 0.5)).explained > 0.999
    assert explained(tmp_path, UNIT_VALUES, Scale(3.0, 1.5)).explained < 0.9


def test_the_decoder_of_another_model(tmp_path):
    """Its latents are shuffled, so any order of axes is as good."""
    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", World(seed=9))
    signature = found(tmp_path, GRAY.sample())
    assert signature.problem.startswith("No signature explains the data")
