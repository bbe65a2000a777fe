"""Where reconstructions say little about the unit of values, the size of a VAE's z-points does."""

from __future__ import annotations

import numpy as np
import pytest
from signature_models import SIGNED, UNIT, World, found, write_pair
from test_choosing import FAR, ROWS_LAST, UNUSED

from latent_analyze_adapters.models.signatures.decoders import Scale
from latent_analyze_adapters.models.signatures.outputs import Mean
from latent_analyze_adapters.models.signatures.prior import by_prior
from latent_analyze_adapters.models.signatures.scores import Score
from latent_analyze_adapters.models.signatures.spread import Found
from latent_analyze_adapters.models.signatures.trial import Route, Tried, Way
from latent_analyze_adapters.models.signatures.values import Scaling

AS_IS = Scaling()
OTHER = Scaling(mean=(0.5,), std=(0.25,), cost=4.0, text="standardized")
LIKE = Scaling(mean=(0.5,), std=(0.22,), cost=4.0, text="nearly so")
RNG = np.random.default_rng(0)
MU, LOG_VAR = RNG.standard_normal((300, 6)), np.full((300, 6), -3.0)


def tried(scaling, family, size, explained=0.9, noise=0.0):
    """Return a signature whose mean(mu^2 + sigma^2) is `size` on each axis."""
    mu = MU * np.sqrt((size - np.exp(-3.0)) / (MU**2).mean(axis=0))
    outputs = {"mu": mu.astype(np.float32), "log_var": LOG_VAR.astype(np.float32)}
    way = Way(ROWS_LAST, scaling, family, outputs, 300)
    off = np.resize([noise, -noise], len(FAR))
    score = Score(FAR * (1 - explained) + off, FAR)
    return Tried(Route(way, Mean("mu"), UNUSED, Scale()), scaling, score, score.explained)


def spread(known="name"):
    return lambda way: Found("log_var", "log_var", known, "")


@pytest.mark.parametrize("size", [0.2, 0.5, 3.0])
def test_values_in_another_unit(size):
    simple, right = tried(AS_IS, 0, size), tried(OTHER, 1, 1.0)
    assert by_prior(simple, [right], spread()) is right


@pytest.mark.parametrize("size", [0.8, 1.0, 1.2])
def test_the_choice_if_its_size_is_about_right(size):
    simple, other = tried(AS_IS, 0, size), tried(OTHER, 1, 1.0)
    assert by_prior(simple, [other], spread()) is simple


def test_values_that_are_alike_are_left_to_the_trial():
    best, other = tried(OTHER, 1, 2.0), tried(LIKE, 1, 1.0)
    assert by_prior(best, [other], spread()) is best
    simple = tried(AS_IS, 0, 0.2)
    assert by_prior(simple, [best, other], spread()) is best
    assert by_prior(simple, [other, best], spread()) is other


@pytest.mark.parametrize("known", ["trial", "assumed"])
def test_a_spread_that_its_own_values_tell_shows_nothing(known):
    simple, right = tried(AS_IS, 0, 0.2), tried(OTHER, 1, 1.0)
    assert by_prior(simple, [right], spread(known)) is simple
    assert by_prior(simple, [right], lambda way: None) is simple


@pytest.mark.parametrize(("variance", "values"), [(0.05, (0.0, 1.0)), (0.05 / 4, (-1.0, 1.0))])
def test_a_linear_model(tmp_path, variance, values):
    """It reconstructs values in any unit; its latents have the size of the prior in one only.

    The constant row is in the span of its axes, so an offset changes no reconstruction either.
    """
    world = World(dim=4, count=300, spread=0.22, middle=0.0)

    def mean(net, mu):
        return net.op("Mul", mu, net.const(np.float32(1.0)))

    def log_var(net, mu):
        zero = net.op("Mul", mu, net.const(0.0))
        return net.op("Add", zero, net.const(np.log(variance)))

    x = world.x + np.float32(0.0)
    form = UNIT if values == (0.0, 1.0) else SIGNED
    folder = write_pair(tmp_path, world, form, mu=mean, logvar=log_var)
    signature = found(folder, world.sample(x=x))
    assert signature.bundle.encoder.range == values
