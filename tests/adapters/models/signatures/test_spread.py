"""Which output is the spread, and in which form: by noise, by name, and by the total variance."""

from __future__ import annotations

import numpy as np
import pytest
from signature_models import DIM, World, found, known, opened, write_decoder, write_encoder

from latent_analyze_adapters.models.network import to_log_var
from latent_analyze_adapters.models.signatures.outputs import Mean
from latent_analyze_adapters.models.signatures.spread import find_spread, kind_of

GRAY = World()
KINDS = ("log_var", "log_std", "variance", "std", "softplus")
LOG_VAR = np.log(0.3)
"""With it, mean and spread of standard normal latents would have a variance of 1.3."""


def mean(net, mu):
    del net
    return mu


def spread(kind, level=LOG_VAR, slope=0.1):
    """Return a head: log_var = slope * mu + level, in one of the forms."""

    def head(net, mu):
        log_var = net.op("Add", net.op("Mul", mu, net.const(slope)), net.const(level))
        half = net.op("Mul", log_var, net.const(0.5))
        if kind in ("log_var", "log_std"):
            return log_var if kind == "log_var" else half
        if kind == "variance":
            return net.op("Exp", log_var)
        std = net.op("Exp", half)
        if kind == "std":
            return std
        return net.op("Log", net.op("Sub", net.op("Exp", std), net.const(1.0)))

    return head


def model_of(folder, heads, **more):
    write_encoder(folder / "encoder.onnx", GRAY, heads=heads)
    write_decoder(folder / "decoder.onnx", GRAY)
    return opened(folder, GRAY.sample(), **more)


def check_log_var(model):
    expected = 0.1 * GRAY.latents + LOG_VAR
    np.testing.assert_allclose(model.encode(GRAY.x).log_var, expected, atol=1e-2)


NAMES = [
    ("z_log_var", "log_var"), ("fc_logvar", "log_var"), ("log_sigma", "log_std"),
    ("qz_v", "variance"), ("covariance", "variance"), ("z_std", "std"), ("sigma", "std"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_by_name(tmp_path, name, kind):
    model = model_of(tmp_path, {"mean": mean, name: spread(kind)})
    assert (model.bundle.encoder.log_var, model.bundle.encoder.spread) == (name, kind)
    assert known(model.signature)["encoder.spread"] in ("name", "graph")
    check_log_var(model)


def test_negative_values_are_no_variance(tmp_path):
    model = model_of(tmp_path, {"mean": mean, "variance": spread("log_var")})
    assert model.bundle.encoder.spread == "log_var"
    check_log_var(model)


@pytest.mark.parametrize(("kind", "slope"), [("log_var", 0.1), ("log_std", 0.1)])
@pytest.mark.parametrize("level", [-6.0, -3.0])
def test_a_small_log_variance_without_a_name(tmp_path, kind, slope, level):
    """With both forms the total variance is that of the mean, 1: the usual one is assumed."""
    model = model_of(tmp_path, {"a": mean, "b": spread(kind, level, slope)})
    assert (model.bundle.encoder.log_var, model.bundle.encoder.spread) == ("b", "log_var")
    assert known(model.signature)["encoder.spread"] == "assumed"


def rows(kind, count=300, level=0.0, seed=0):
    """Return means with a variance of 0.1, and spreads of a log variance near `level`."""
    rng = np.random.default_rng(seed)
    mu = np.sqrt(0.1) * rng.standard_normal((count, DIM))
    log_var = level + 0.1 * rng.standard_normal((count, DIM))
    std = np.exp(log_var / 2)
    values = {
        "log_var": log_var, "log_std": log_var / 2, "variance": std**2, "std": std,
        "softplus": np.log(np.expm1(std)),
    }  # fmt: skip
    return mu, log_var, values[kind]


def as_prior(mu, level):
    """Scale means so that with spreads near `level` they have the variance of the prior."""
    return mu / mu.std() * np.sqrt(1 - np.exp(level))


@pytest.mark.parametrize(("kind", "level"), [("variance", -0.7), ("log_var", -0.7)])
def test_by_the_total_variance(kind, level):
    mu, log_var, values = rows(kind, level=level)
    found_kind = kind_of(as_prior(mu, level), "y", values)
    assert (found_kind.kind, found_kind.known) == (kind, "trial")
    np.testing.assert_allclose(to_log_var(values, found_kind.kind), log_var, atol=1e-6)


@pytest.mark.parametrize("kind", ["variance", "std"])
def test_what_is_assumed_is_one_of_those_that_fit(kind):
    mu, _, values = rows(kind, level=-2.3)
    found_kind = kind_of(as_prior(mu, -2.3), "y", values)
    assert found_kind.kind in ("variance", "std")


def test_few_rows_show_nothing():
    mu, _, values = rows("variance", count=7)
    found_kind = kind_of(mu, "y", values)
    assert (found_kind.kind, found_kind.known) == ("log_var", "assumed")


def drawn_from(kind, seed=0, **more):
    mu, log_var, values = rows(kind, seed=seed, **more)
    z = mu + np.exp(log_var / 2) * np.random.default_rng(seed + 1).standard_normal(mu.shape)
    return {"m": mu, "s": values, "z": z}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [-4.0, -1.0, 1.0])
def test_by_the_noise(kind, level):
    outputs = drawn_from(kind, level=level)
    other = find_spread(Mean("m"), outputs, {"z"}, set())
    assert other is not None
    assert (other.output, other.kind, other.known) == ("s", kind, "trial")
    assert "mean square of" in other.why


def test_noise_beats_names():
    outputs = drawn_from("std", level=-1.0)
    outputs["log_var"] = outputs.pop("s")
    other = find_spread(Mean("m"), outputs, {"z"}, set())
    assert (other.output, other.kind) == ("log_var", "std")


@pytest.mark.parametrize("kind", KINDS)
def test_a_draw_inside_the_graph(tmp_path, kind):
    def drawn(net, mu):
        std = spread("std")(net, mu)
        noise = net.op("RandomNormalLike", std, seed=3.0)
        return net.op("Add", mu, net.op("Mul", std, noise))

    model = model_of(tmp_path, {"z": drawn, "m": mean, "s": spread(kind)})
    np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)
    check_log_var(model)
    assert known(model.signature)["encoder.log_var"] in ("graph", "trial")


@pytest.mark.parametrize("name", ["z2", "z_1", "latent_top", "h", "code"])
def test_another_latent_is_no_spread(name):
    rng = np.random.default_rng(0)
    outputs = {"z": rng.standard_normal((99, 4)), name: 0.9 * rng.standard_normal((99, 4))}
    assert find_spread(Mean("z"), outputs, set(), set()) is None


def test_another_latent_in_a_model(tmp_path):
    def other(net, mu):
        return net.op("Mul", net.op("MatMul", mu, net.const(np.eye(DIM)[::-1])), net.const(0.5))

    model = model_of(tmp_path, {"z1": mean, "z2": other})
    assert (model.bundle.encoder.mu, model.bundle.encoder.log_var) == ("z1", "")
    assert not model.spec.variational


def test_outputs_of_another_size_are_no_spread():
    rng = np.random.default_rng(0)
    outputs = {"mu": rng.standard_normal((99, 4)), "log_var": rng.standard_normal((99, 5))}
    assert find_spread(Mean("mu"), outputs, set(), set()) is None


def test_implausible_values_are_no_spread():
    rng = np.random.default_rng(0)
    outputs = {"a": rng.standard_normal((99, 4)), "b": 100 * rng.standard_normal((99, 4))}
    assert find_spread(Mean("a"), outputs, set(), set()) is None


class TestStated:
    def test_no_spread(self, tmp_path):
        model = model_of(tmp_path, {"mu": mean, "log_var": spread("log_var")}, encoder__log_var="")
        assert not model.spec.variational

    def test_output_and_form(self, tmp_path):
        stated = {"encoder__log_var": "s", "encoder__spread": "softplus"}
        model = model_of(tmp_path, {"mu": mean, "s": spread("softplus")}, **stated)
        assert model.bundle.encoder.spread == "softplus"
        check_log_var(model)

    def test_the_form_alone(self, tmp_path):
        model = model_of(tmp_path, {"mu": mean, "s": spread("std")}, encoder__spread="std")
        assert (model.bundle.encoder.log_var, model.bundle.encoder.spread) == ("s", "std")
        check_log_var(model)

    def test_the_form_alone_beats_the_name(self, tmp_path):
        heads = {"mu": mean, "log_var": spread("softplus")}
        model = model_of(tmp_path, heads, encoder__spread="softplus")
        assert model.bundle.encoder.spread == "softplus"
        check_log_var(model)

    def test_the_output_alone(self, tmp_path):
        heads = {"mu": mean, "other": spread("log_var"), "sigma": spread("std")}
        model = model_of(tmp_path, heads, encoder__log_var="other")
        assert model.bundle.encoder.log_var == "other"


def test_an_encoder_alone(tmp_path):
    path = write_encoder(tmp_path / "e.onnx", GRAY, heads={"mu": mean, "z_std": spread("std")})
    signature = found(path, GRAY.sample())
    assert (signature.bundle.encoder.log_var, signature.bundle.encoder.spread) == ("z_std", "std")
