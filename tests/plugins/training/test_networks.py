import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("keras_loaded")


@pytest.mark.parametrize(
    ("shape", "count"),
    [((4, 4, 1), 1), ((7, 40, 1), 1), ((8, 8, 1), 2), ((28, 28, 1), 3), ((96, 96, 3), 4)],
)
def test_layers_are_left_out_for_small_images(shape, count):
    from latent_analyze_plugins.training._networks import fitting_filters

    assert fitting_filters(shape, (32, 64, 128, 256)) == (32, 64, 128, 256)[:count]


@pytest.mark.parametrize("shape", [(4, 5, 1), (8, 8, 1), (9, 11, 3), (17, 30, 2), (28, 28, 1)])
def test_decoder_gives_the_size_of_the_image(shape):
    import keras

    from latent_analyze_plugins.training import _networks as networks

    seeds = keras.random.SeedGenerator(0)
    filters = networks.fitting_filters(shape, (4, 4, 4))
    encoder = networks.build_encoder(shape, filters, {"mu": 5}, seeds=seeds)
    decoder = networks.build_decoder(5, shape, filters, seeds=seeds)
    z = encoder(np.zeros((2, *shape), np.float32))["mu"]
    assert tuple(decoder(z).shape) == (2, *shape)
