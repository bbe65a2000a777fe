import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze_plugins.training import AutoencoderOptions, VariationalOptions

pytestmark = pytest.mark.usefixtures("keras_loaded")


def build(kind, **options):
    from latent_analyze_plugins.training import models

    values = {"z_dim": 2, "filters": (4,), **options}
    if kind == "ae":
        return models.Autoencoder((8, 8, 1), AutoencoderOptions(**values))
    return models.VariationalAutoencoder((8, 8, 1), VariationalOptions(**values))


def compiled(model, learning_rate=0.01):
    import keras

    model.compile(optimizer=keras.optimizers.Adam(learning_rate), jit_compile=False)
    return model


@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_steps_reduce_the_loss(kind, rectangles):
    model = compiled(build(kind))
    x = rectangles((8, 8, 1), 16).x
    before = model.evaluate(x, batch_size=16, verbose=0, return_dict=True)["loss"]
    model.fit(x, batch_size=16, epochs=60, shuffle=False, verbose=0)
    after = model.evaluate(x, batch_size=16, verbose=0, return_dict=True)["loss"]
    assert after < 0.8 * before


def test_the_loss_of_a_vae_is_the_weighted_sum_of_its_parts(rectangles):
    model = compiled(build("vae", kl_weight=4.0))
    parts = model.evaluate(rectangles((8, 8, 1), 8).x, verbose=0, return_dict=True)
    assert set(parts) == {"loss", "reconstruction", "kl"}
    assert parts["loss"] == pytest.approx(parts["reconstruction"] + 4 * parts["kl"], rel=1e-5)


def test_means_are_over_images_although_the_last_batch_is_shorter(rectangles):
    model = compiled(build("ae"))
    x = rectangles((8, 8, 1), 10).x
    whole = model.evaluate(x, batch_size=10, verbose=0, return_dict=True)["loss"]
    split = model.evaluate(x, batch_size=8, verbose=0, return_dict=True)["loss"]
    assert split == pytest.approx(whole, rel=1e-5)


def test_draws_lie_within_the_bound_around_mu():
    model = build("vae", epsilon_bound=0.5)
    mu, log_var = np.random.default_rng(0).normal(size=(2, 300, 2)).astype(np.float32)
    epsilon = (np.asarray(model.draw(mu, log_var)) - mu) / np.exp(log_var / 2)
    assert 0.45 < np.abs(epsilon).max() <= 0.5 + 1e-4


def test_generated_images_lie_in_the_unit_range():
    z = np.random.default_rng(0).normal(0, 100, (20, 2)).astype(np.float32)
    images = np.asarray(build("ae").generate(z))
    assert images.shape == (20, 8, 8, 1)
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_seed_decides_the_weights():
    first, same, other = (build("vae", seed=s).get_weights() for s in (1, 1, 2))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_a_seed_of_any_size_is_taken():
    build("ae", seed=10**30)


def losses():
    from latent_analyze_plugins.training import models

    return models


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


@pytest.mark.parametrize(
    ("shape", "count"),
    [((4, 4, 1), 1), ((7, 40, 1), 1), ((8, 8, 1), 2), ((28, 28, 1), 3), ((96, 96, 3), 4)],
)
def test_layers_are_left_out_for_small_images(shape, count):
    from latent_analyze_plugins.training.models import fitting_filters

    assert fitting_filters(shape, (32, 64, 128, 256)) == (32, 64, 128, 256)[:count]


@pytest.mark.parametrize("shape", [(4, 5, 1), (8, 8, 1), (9, 11, 3), (17, 30, 2), (28, 28, 1)])
def test_decoder_gives_the_size_of_the_image(shape):
    import keras

    from latent_analyze_plugins.training import models as networks

    seeds = keras.random.SeedGenerator(0)
    filters = networks.fitting_filters(shape, (4, 4, 4))
    encoder = networks.build_encoder(shape, filters, {"mu": 5}, seeds=seeds)
    decoder = networks.build_decoder(5, shape, filters, seeds=seeds)
    z = encoder(np.zeros((2, *shape), np.float32))["mu"]
    assert tuple(decoder(z).shape) == (2, *shape)
