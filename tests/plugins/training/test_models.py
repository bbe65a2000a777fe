import numpy as np
import pytest

from latent_analyze_plugins.training.trainers import AutoencoderOptions, VariationalOptions

pytestmark = pytest.mark.usefixtures("keras_loaded")


def build(kind, **options):
    from latent_analyze_plugins.training import _models

    values = {"z_dim": 2, "filters": (4,), **options}
    if kind == "ae":
        return _models.Autoencoder((8, 8, 1), AutoencoderOptions(**values))
    return _models.VariationalAutoencoder((8, 8, 1), VariationalOptions(**values))


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
