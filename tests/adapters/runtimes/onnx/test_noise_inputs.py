"""Noise that is an input of the graph, as in exports without random operators."""

from __future__ import annotations

from functools import partial

import adapter_testing
import numpy as np
import pytest
from onnx import TensorProto, helper

from latent_analyze.plugin import Bundle, EncoderSpec, write_bundle
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener, OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.noise_inputs import noise_inputs
from latent_analyze_adapters.runtimes.onnx.surgery.posterior import find_posterior
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

SHAPE, DIM = (2, 3, 1), 4
images = partial(adapter_testing.images, shape=SHAPE)
RNG = np.random.default_rng(0)
node = helper.make_node
ARRAYS = {
    "A": RNG.normal(0, 0.5, (6, DIM)), "B": RNG.normal(0, 0.5, (6, DIM)), "half": 0.5,
}  # fmt: skip
HEADS = [
    node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "A"], ["m"]),
    node("MatMul", ["f", "B"], ["h"]),
]  # fmt: skip
DRAW = [node("Mul", ["s", "e"], ["n"]), node("Add", ["m", "n"], ["z"])]
EXP_HALF = [node("Mul", ["h", "half"], ["h2"]), node("Exp", ["h2"], ["s"])]


@pytest.fixture(name="graph")
def _graph(build):
    def make(nodes, outputs, **more):
        rows = outputs if isinstance(outputs, dict) else dict.fromkeys(outputs, (DIM,))
        return GraphIndex(build(nodes, ({"x": SHAPE}, rows), ARRAYS, **more))

    return make


def named(nodes, **names):
    """Return nodes and more of them, that pass tensors on to outputs with other names."""
    return [*nodes, *(node("Identity", [old], [new]) for new, old in names.items())]


def choices(path, bundle):
    opener = OnnxOpener(path.parent, "cpu", False)
    found = opener.facts(bundle, SessionCache(opener).file)
    return found, {choice.key: choice for choice in found.choices}


class TestNoiseInput:
    def given(self, name):
        return (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", DIM]),)

    def nodes(self, name, std=EXP_HALF):
        return [*HEADS, *std, node("Mul", ["s", name], ["n"]), DRAW[1]]

    @pytest.mark.parametrize("name", ["eps", "epsilon", "z_noise", "input_2"])
    def test_is_found(self, graph, name):
        index = graph(self.nodes(name), ["z"], inputs=self.given(name))
        assert noise_inputs(index) == {name}
        found = find_posterior(index)
        assert (found.mu, found.log_var, found.spread) == ("m", "h", "log_var")

    def test_a_condition_is_not_noise(self, graph):
        """It scales something that can be negative, as a gate does."""
        std = [node("Identity", ["h"], ["s"])]
        index = graph(self.nodes("condition", std), ["z"], inputs=self.given("condition"))
        assert noise_inputs(index) == frozenset()
        assert find_posterior(index) is None

    def test_what_is_used_elsewhere_is_not_noise(self, graph):
        nodes = [*self.nodes("eps"), node("Add", ["z", "eps"], ["y"])]
        assert noise_inputs(graph(nodes, ["y"], inputs=self.given("eps"))) == frozenset()

    @pytest.mark.parametrize("outputs", [("z",), ("z_mean", "z_log_var", "z"), ("z_mean", "z")])
    def test_it_needs_no_value(self, save_graph, outputs):
        nodes = named(self.nodes("eps"), z_mean="m", z_log_var="h")
        ends = ({"x": SHAPE}, dict.fromkeys(outputs, (DIM,)))
        path = save_graph(nodes, ends, ARRAYS, inputs=self.given("eps"))
        model = OnnxRuntime().open(path, device="cpu")
        x = images(9)
        latents = model.encode(x)
        np.testing.assert_allclose(latents.mu, x.reshape(9, -1) @ ARRAYS["A"], atol=1e-4)
        np.testing.assert_allclose(latents.log_var, x.reshape(9, -1) @ ARRAYS["B"], atol=1e-4)
        assert choices(path, model.bundle)[0].drawn == {"z"}

    def test_a_stated_value_is_fed(self, save_graph):
        nodes = self.nodes("eps")
        path = save_graph(nodes, ({"x": SHAPE}, {"z": (DIM,)}), ARRAYS, inputs=self.given("eps"))
        spec = EncoderSpec(file=path.name, mu="z", constants={"eps": 1})
        write_bundle(path.parent, Bundle(encoder=spec))
        x = images(9)
        f = x.reshape(9, -1)
        mu = OnnxRuntime().open(path.parent).encode(x).mu
        wanted = f @ ARRAYS["A"] + np.exp(f @ ARRAYS["B"] / 2)
        np.testing.assert_allclose(mu, wanted, rtol=1e-4, atol=1e-4)
