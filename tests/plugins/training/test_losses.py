import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("keras_loaded")


def losses():
    from latent_analyze_plugins.training import _losses

    return _losses


def seeds(seed=0):
    import keras

    return keras.random.SeedGenerator(seed)


def test_reconstruction_is_averaged_over_channels_and_summed_over_pixels():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(5, 4, 6, 3)).astype(np.float32)
    logits = rng.normal(size=x.shape).astype(np.float32)
    p = 1 / (1 + np.exp(-logits.astype(float)))
    entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    expected = entropy.mean(axis=-1).sum(axis=(1, 2)).mean()
    assert float(losses().reconstruction_loss(x, logits)) == pytest.approx(expected, rel=1e-5)


def test_reconstruction_of_undecided_pixels_is_log_2_each():
    x = np.random.default_rng(0).uniform(size=(2, 7, 5, 3)).astype(np.float32)
    loss = float(losses().reconstruction_loss(x, np.zeros_like(x)))
    assert loss == pytest.approx(35 * math.log(2), rel=1e-5)


def test_reconstruction_stays_finite_where_the_sigmoid_rounds_to_0():
    x = np.ones((1, 1, 1, 1), np.float32)
    assert float(losses().reconstruction_loss(x, -200 * x)) == pytest.approx(200)


def test_kl_is_summed_over_dimensions_and_averaged_over_the_batch():
    rng = np.random.default_rng(1)
    mu, log_var = rng.normal(size=(2, 8, 5)).astype(np.float32)
    sigma = np.exp(log_var / 2)
    expected = (np.log(1 / sigma) + (sigma**2 + mu**2) / 2 - 0.5).sum(axis=1).mean()
    assert float(losses().kl_divergence(mu, log_var)) == pytest.approx(expected, rel=1e-5)


def test_kl_of_the_prior_is_zero():
    zeros = np.zeros((4, 3), np.float32)
    assert float(losses().kl_divergence(zeros, zeros)) == 0


@settings(max_examples=10, deadline=None)
@given(bound=st.floats(0.01, 50))
def test_epsilon_keeps_within_its_bound(bound):
    epsilon = np.asarray(losses().bounded_normal((5_000, 4), bound, seeds()))
    assert np.isfinite(epsilon).all()
    assert np.abs(epsilon).max() <= np.float32(bound)


@pytest.mark.parametrize("bound", [1.0, 2.0, 3.0])
def test_epsilon_has_the_variance_of_a_truncated_normal(bound):
    epsilon = np.asarray(losses().bounded_normal((400_000,), bound, seeds()), float)
    density = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi)
    expected = 1 - 2 * bound * density / math.erf(bound / math.sqrt(2))
    assert epsilon.var() == pytest.approx(expected, rel=0.01)
    assert abs(epsilon.mean()) < 0.01


def test_epsilon_without_bound_is_standard_normal():
    epsilon = np.asarray(losses().bounded_normal((400_000,), 0.0, seeds()), float)
    assert epsilon.std() == pytest.approx(1, rel=0.01)
    assert np.abs(epsilon).max() > 4


def test_same_seed_same_epsilon():
    draw = losses().bounded_normal
    first, second = (np.asarray(draw((50,), 3.0, seeds(s))) for s in (7, 7))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, np.asarray(draw((50,), 3.0, seeds(8))))
