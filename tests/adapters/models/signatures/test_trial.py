"""Scores of round trips, and what is left of them with the axes shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signature_models import SIGNED, World, found, write_decoder, write_encoder, write_pair

from latent_analyze.plugin import DecoderSpec, EncoderSpec
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.models.signatures.decoders import open_decoders
from latent_analyze_adapters.models.signatures.encoders import open_encoders, ways_in
from latent_analyze_adapters.models.signatures.outputs import Mean
from latent_analyze_adapters.models.signatures.trial import (
    Pool,
    Scale,
    best_shuffled,
    explained_of,
    same_mean,
)
from latent_analyze_adapters.models.signatures.values import Scaling
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener

GRAY = World()
ONE_SCALE, AS_IS = (Scale(),), (Scaling(),)
X = np.random.default_rng(0).standard_normal((40, 3, 2)).astype(np.float32)


class TestExplained:
    def test_closed_forms(self):
        score = explained_of(X)
        assert score(X) == 1
        assert score(np.broadcast_to(X.mean(axis=0), X.shape)) == pytest.approx(0, abs=1e-6)
        middle = X.mean(axis=0) + 0.5 * (X - X.mean(axis=0))
        assert score(middle) == pytest.approx(0.75)

    def test_an_offset_costs(self):
        offset = X + X.std()
        assert explained_of(X)(offset.astype(np.float32)) < 0.1

    @given(st.floats(0.1, 100), st.floats(-100, 100))
    def test_units_do_not_matter(self, factor, offset):
        rng = np.random.default_rng(1)
        decoded = X + 0.3 * rng.standard_normal(X.shape)
        a, b = X * factor + offset, decoded * factor + offset
        assert explained_of(a.astype(np.float64))(b) == pytest.approx(
            explained_of(X.astype(np.float64))(decoded), abs=1e-4
        )

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_of_rows_that_are_not_finite_nothing_is_explained(self, value):
        decoded = X.mean(axis=0) + 0.5 * (X - X.mean(axis=0))
        decoded[3] = value
        far = ((X - X.mean(axis=0)) ** 2).reshape(len(X), -1).sum(axis=1)
        share = 1 - far[3] / far.sum()
        assert explained_of(X)(decoded) == pytest.approx(0.75 * share, abs=1e-3)
        decoded[:30] = value
        assert explained_of(X)(decoded) == -np.inf

    def test_a_row_far_off_explains_nothing(self):
        decoded = X.copy()
        decoded[3] = 3e38
        assert explained_of(X)(decoded) < -1e30

    def test_rows_that_do_not_differ(self):
        assert explained_of(np.ones((5, 3), np.float32))(np.ones((5, 3), np.float32)) == -np.inf


def test_same_mean():
    rounded = X + np.float32(1e-5) * X.std()
    assert same_mean(X, rounded)
    assert same_mean(X, X.reshape(40, 6))
    assert not same_mean(X, X + np.float32(0.01))
    assert not same_mean(X, X[:, :2])
    assert same_mean(X, np.where(X.max() > X, X, np.nan))


def pool_of(folder, scales=ONE_SCALE, ends=AS_IS, *, world=GRAY):
    cache = SessionCache(OnnxOpener(folder, "cpu", True))
    sample = world.sample()
    encoder = open_encoders(cache, EncoderSpec(file="encoder.onnx"), sample)[0]
    halves = open_decoders(
        cache,
        DecoderSpec(file="decoder.onnx", layout="HWC"),
        sample,
        latent=(world.dim,),
        prefer="HWC",
    )
    ways = ways_in(encoder, [Scaling(), Scaling((-1.0, 1.0))], world.x, sample)
    return Pool([Mean("mu")], halves, list(scales), list(ends)), ways


def test_every_signature_is_tried_once_best_first(tmp_path):
    scales, ends = (Scale(), Scale(2.0)), (Scaling(), Scaling((-1.0, 1.0)), Scaling((0.0, 255.0)))
    pool, ways = pool_of(write_pair(tmp_path, GRAY, SIGNED), scales, ends)
    tried = pool.try_on(ways, GRAY.x, {})
    assert len({(t.way.scaling, t.scale, t.output) for t in tried}) == len(tried) == 2 * 2 * 3
    scores = [t.explained for t in tried]
    assert scores == sorted(scores, reverse=True)
    assert tried[0].way.scaling == tried[0].output == Scaling((-1.0, 1.0))
    assert tried[0].scale == Scale()
    kept = pool.among(tried[:1])
    again = kept.try_on(ways[1:], GRAY.x, {})
    assert [t.explained for t in again] == scores[:1]


def test_the_order_of_the_axes_matters_to_the_right_decoder(tmp_path):
    pool, ways = pool_of(write_pair(tmp_path, GRAY))
    best = pool.try_on(ways, GRAY.x, {})[0]
    assert best_shuffled(best, GRAY.x, {}) < 0.6
    assert best_shuffled(best, GRAY.x, {}) == best_shuffled(best, GRAY.x, {})


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_few_axes_that_explain_little(tmp_path, dim, seed):
    """Digits of two latent dimensions explain a quarter of the variance, and are no problem."""
    world = World(count=300, dim=dim, seed=seed, spread=0.1, noise=0.032 * dim**0.5)
    pool, ways = pool_of(write_pair(tmp_path, world), world=world)
    best = pool.try_on(ways, world.x, {})[0]
    assert 0.1 < best.explained < 0.35
    assert best_shuffled(best, world.x, {}) < best.explained - 0.02


def test_the_scale_is_applied_after_the_shift(tmp_path):
    def before(net, z):
        return net.op("Sub", net.op("Div", z, net.const(3.0)), net.const(0.5))

    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", GRAY, before=before)
    pool, ways = pool_of(tmp_path, (Scale(3.0, 0.5), Scale(3.0, 1.5)))
    tried = pool.try_on(ways[:1], GRAY.x, {})
    assert tried[0].scale == Scale(3.0, 0.5)
    assert tried[0].explained > 0.999


def test_the_decoder_of_another_model(tmp_path):
    """Its latents are shuffled, so any order of axes is as good."""
    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", World(seed=9))
    signature = found(tmp_path, GRAY.sample())
    assert signature.problem.startswith("No signature explains the data")
