"""What a graph shows about mu and its spread, whatever its outputs are called."""

from __future__ import annotations

from functools import partial

import adapter_testing
import numpy as np
import pytest
from onnx import TensorProto, helper

from latent_analyze.plugin import Bundle, EncoderSpec
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener, OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.posterior import find_posterior
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

SHAPE, DIM = (2, 3, 1), 4
images = partial(adapter_testing.images, shape=SHAPE)
RNG = np.random.default_rng(0)
node = helper.make_node
ARRAYS = {
    "A": RNG.normal(0, 0.5, (6, DIM)), "B": RNG.normal(0, 0.5, (6, DIM)),
    "C": RNG.normal(0, 0.5, (DIM, 6)), "half": 0.5, "two": 2.0, "one": 1.0, "e_number": np.e,
    "low": -4.0, "high": 4.0, "limit": 20.0, "image": np.array([-1, *SHAPE]),
    "row": np.array([-1, 2, 2]), "tiny": 1e-3,
}  # fmt: skip
HEADS = [
    node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "A"], ["m"]),
    node("MatMul", ["f", "B"], ["h"]),
]  # fmt: skip
NOISE = [node("RandomNormalLike", ["m"], ["e"])]
DRAW = [node("Mul", ["s", "e"], ["n"]), node("Add", ["m", "n"], ["z"])]
HALF = node("Mul", ["h", "half"], ["h2"])
EXP_HALF = [HALF, node("Exp", ["h2"], ["s"])]
SPREADS = {
    "exp": ([node("Exp", ["h"], ["s"])], "h", "log_std"),
    "exp by power": ([node("Pow", ["e_number", "h"], ["s"])], "h", "log_std"),
    "exp of half": (EXP_HALF, "h", "log_var"),
    "exp of a division": (
        [node("Div", ["h", "two"], ["h2"]), node("Exp", ["h2"], ["s"])], "h", "log_var",
    ),
    "power of exp": (
        [node("Exp", ["h"], ["v"]), node("Pow", ["v", "half"], ["s"])], "h", "log_var",
    ),
    "root": ([node("Abs", ["h"], ["v"]), node("Sqrt", ["v"], ["s"])], "v", "variance"),
    "softplus": ([node("Softplus", ["h"], ["s"])], "h", "softplus"),
    "log of one plus exp": (
        [
            node("Exp", ["h"], ["p"]), node("Add", ["one", "p"], ["q"]), node("Log", ["q"], ["s"]),
        ], "h", "softplus",
    ),
    "softplus of PyTorch": (
        [
            node("Softplus", ["h"], ["p"]), node("Greater", ["h", "limit"], ["g"]),
            node("Where", ["g", "h", "p"], ["s"]),
        ], "h", "softplus",
    ),
    "itself": ([node("Identity", ["h"], ["s"])], "s", "std"),
    "softplus and more": (
        [node("Softplus", ["h"], ["p"]), node("Add", ["p", "tiny"], ["s"])], "s", "std",
    ),
    "clipped": (
        [
            node("Clip", ["h", "low", "high"], ["c"]), node("Mul", ["half", "c"], ["h2"]),
            node("Exp", ["h2"], ["s"]),
        ], "c", "log_var",
    ),
    "exp of a third": (
        [node("Mul", ["h", "limit"], ["h2"]), node("Exp", ["h2"], ["s"])], "h2", "log_std",
    ),
}  # fmt: skip
WHYS = {
    "log_std": "exp({}) scales the noise", "log_var": "exp({} / 2) scales the noise",
    "variance": "sqrt({}) scales the noise", "std": "{} scales the noise",
    "softplus": "softplus({}) scales the noise",
}  # fmt: skip


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


class TestSpread:
    @pytest.mark.parametrize("order", [("n", "m"), ("m", "n")])
    @pytest.mark.parametrize("factors", [("s", "e"), ("e", "s")])
    @pytest.mark.parametrize("how", SPREADS)
    def test_is_what_scales_the_noise(self, graph, how, factors, order):
        nodes, parameter, kind = SPREADS[how]
        draw = [node("Mul", list(factors), ["n"]), node("Add", list(order), ["z"])]
        found = find_posterior(graph([*HEADS, *nodes, *NOISE, *draw], ["z"]))
        assert (found.mu, found.log_var, found.spread) == ("m", parameter, kind)
        why = WHYS[kind].format(parameter)
        assert ("spread", kind, why) in found.entries(EncoderSpec(file="encoder.onnx"))

    @pytest.mark.parametrize("how", SPREADS)
    def test_a_name_says_less(self, graph, how):
        """An output called z_log_var may hold anything."""
        nodes, parameter, kind = SPREADS[how]
        nodes = named([*HEADS, *nodes, *NOISE, *DRAW], z_mean="m", z_log_var=parameter)
        found = find_posterior(graph(nodes, ["z_mean", "z_log_var", "z"]))
        assert (found.mu, found.log_var, found.spread) == ("z_mean", "z_log_var", kind)

    @pytest.mark.parametrize(
        ("how", "output", "kind"),
        [
            ("softplus", "s", "std"), ("exp", "s", "std"), ("exp of half", "h2", "log_std"),
            ("power of exp", "v", "variance"), ("root", "s", "std"),
        ],
    )  # fmt: skip
    def test_an_output_comes_before_what_it_is_computed_from(self, graph, how, output, kind):
        nodes = named([*HEADS, *SPREADS[how][0], *NOISE, *DRAW], spread=output)
        found = find_posterior(graph(nodes, ["z", "spread"]))
        assert (found.log_var, found.spread) == ("spread", kind)

    def test_a_cast_to_integers_is_no_equal_output(self, graph):
        nodes = [*HEADS, *EXP_HALF, *NOISE, *DRAW, node("Cast", ["h"], ["k"], to=TensorProto.INT64)]
        index = graph(nodes, ["z", "k"])
        assert find_posterior(index).log_var == "h"

    def test_a_reshaped_output_is_equal(self, graph):
        nodes = [*HEADS, *EXP_HALF, *NOISE, *DRAW, node("Reshape", ["h", "row"], ["v"])]
        assert find_posterior(graph(nodes, {"z": (DIM,), "v": (2, 2)})).log_var == "v"

    def test_subtracted_noise(self, graph):
        nodes = [*HEADS, *EXP_HALF, *NOISE, DRAW[0], node("Sub", ["m", "n"], ["z"])]
        assert find_posterior(graph(nodes, ["z"])).log_var == "h"
        nodes[-1] = node("Sub", ["n", "m"], ["z"])
        assert find_posterior(graph(nodes, ["z"])) is None

    def test_both_expanded(self, graph):
        """As torch.distributions.Normal does."""
        nodes = [
            *HEADS, node("Exp", ["h"], ["s"]), node("Add", ["m", "s"], ["b"]),
            node("Shape", ["b"], ["i"]), node("Expand", ["m", "i"], ["m2"]),
            node("Expand", ["s", "i"], ["s2"]), *NOISE, node("Mul", ["s2", "e"], ["n"]),
            node("Add", ["m2", "n"], ["z"]),
        ]  # fmt: skip
        found = find_posterior(graph(nodes, ["z"]))
        assert (found.mu, found.log_var, found.spread) == ("m", "h", "log_std")


class TestMu:
    def test_the_graph_comes_before_a_name(self, graph):
        nodes = named([*HEADS, *EXP_HALF, *NOISE, *DRAW], mu="h")
        found = find_posterior(graph(nodes, ["mu", "z"]))
        assert (found.mu, found.log_var, found.spread) == ("m", "mu", "log_var")

    def test_an_output_called_mu_that_is_drawn(self, graph):
        nodes = [*HEADS, *EXP_HALF, *NOISE, DRAW[0], node("Add", ["m", "n"], ["mu"])]
        assert find_posterior(graph(nodes, ["mu"])).mu == "m"

    def test_the_mean_that_is_named_before_a_scale(self, graph):
        nodes = [*HEADS, *EXP_HALF, *NOISE, *DRAW, node("Mul", ["z", "half"], ["scaled"])]
        nodes = named(nodes, z_mean="m")
        found = find_posterior(graph(nodes, ["scaled", "z_mean"]))
        assert (found.mu, found.log_var) == ("z_mean", "h")

    @pytest.mark.parametrize(
        "outputs",
        [["z_mean", "z_log_var"], ["m", "h"], ["m"]],
    )
    def test_no_noise_no_claim(self, graph, outputs):
        nodes = named([*HEADS, *EXP_HALF], z_mean="m", z_log_var="h")
        assert find_posterior(graph(nodes, outputs)) is None

    def test_noise_that_reaches_no_output(self, graph):
        nodes = named([*HEADS, *EXP_HALF, *NOISE, *DRAW], z_mean="m", z_log_var="h")
        assert find_posterior(graph(nodes, ["z_mean", "z_log_var"])) is None

    def test_noise_on_decoded_images(self, graph):
        nodes = [
            *HEADS[:2], node("MatMul", ["m", "C"], ["g"]), node("Reshape", ["g", "image"], ["i"]),
            node("RandomNormalLike", ["i"], ["e"]), node("Exp", ["i"], ["s"]),
            node("Mul", ["e", "s"], ["n"]), node("Add", ["i", "n"], ["y"]),
        ]  # fmt: skip
        assert find_posterior(graph(nodes, {"y": SHAPE})) is None

    def test_noise_after_the_named_mean(self, graph):
        nodes = [
            *HEADS[:2], node("Identity", ["m"], ["mu"]), node("Tanh", ["mu"], ["t"]),
            node("RandomNormalLike", ["t"], ["e"]), node("Exp", ["t"], ["s"]),
            node("Mul", ["e", "s"], ["n"]), node("Add", ["t", "n"], ["y"]),
        ]  # fmt: skip
        assert find_posterior(graph(nodes, ["mu", "y"])) is None

    def test_the_z_of_a_decoder_in_the_same_graph(self, graph):
        nodes = [
            *HEADS, *EXP_HALF, *NOISE, *DRAW, node("MatMul", ["z", "C"], ["g"]),
            node("Reshape", ["g", "image"], ["y"]),
        ]  # fmt: skip
        index = graph(nodes, {"y": SHAPE})
        assert find_posterior(index) is None
        assert find_posterior(index, "z").log_var == "h"


class TestBundle:
    def path(self, save_graph, how="exp"):
        nodes = named([*HEADS, *SPREADS[how][0], *NOISE, *DRAW], z_mean="m", z_log_var="h")
        ends = ({"x": SHAPE}, dict.fromkeys(["z_mean", "z_log_var", "z"], (DIM,)))
        return save_graph(nodes, ends, ARRAYS)

    def test_complete_and_facts(self, save_graph):
        path = self.path(save_graph)
        model = OnnxRuntime().open(path, device="cpu")
        encoder = model.bundle.encoder
        assert (encoder.mu, encoder.log_var, encoder.spread) == ("z_mean", "z_log_var", "log_std")
        x = images(9)
        wanted = 2 * x.reshape(9, -1) @ ARRAYS["B"]
        np.testing.assert_allclose(model.encode(x).log_var, wanted, rtol=1e-3, atol=1e-4)
        assert any("mu is 'z_mean'" in n and "its log_std is 'z_log_var'" in n
                   for n in model.spec.notes)  # fmt: skip
        facts, found = choices(path, model.bundle)
        mu, spread = found["encoder.mu"], found["encoder.spread"]
        assert (mu.value, mu.known, mu.why) == ("'z_mean'", "graph", "'z' is drawn around it")
        assert (spread.value, spread.known) == ("log_std", "graph")
        assert spread.why == "exp(z_log_var) scales the noise"
        assert found["encoder.log_var"].value == "'z_log_var'"
        assert facts.drawn == {"z"}

    def test_softplus(self, save_graph):
        model = OnnxRuntime().open(self.path(save_graph, "softplus"), device="cpu")
        x = images(9)
        std = np.log1p(np.exp(x.reshape(9, -1) @ ARRAYS["B"]))
        np.testing.assert_allclose(model.encode(x).log_var, 2 * np.log(std), rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize(
        ("stated", "log_var", "spread"),
        [
            ({"mu": "z_mean"}, "z_log_var", "log_std"),
            ({"mu": "z_mean", "log_var": "z_log_var"}, "z_log_var", "log_std"),
            ({"log_var": "z_log_var"}, "z_log_var", "log_std"),
            ({"spread": "std"}, "s", "std"),
            ({"log_var": "z_log_var", "spread": "log_var"}, "z_log_var", "log_var"),
            ({"log_var": ""}, "", "log_var"),
            ({"mu": "z_log_var"}, None, "log_var"),
        ],
    )
    def test_what_is_stated_comes_first(self, save_graph, stated, log_var, spread):
        path = self.path(save_graph)
        opener = OnnxOpener(path.parent, "cpu", False)
        bundle = Bundle(encoder=EncoderSpec(file=path.name, **stated))
        encoder = opener.complete(bundle, SessionCache(opener).file)[0].encoder
        assert (encoder.mu, encoder.log_var, encoder.spread) == (
            stated.get("mu", "z_mean"), log_var, spread,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("stated", "keys"),
        [
            ({"mu": "z_mean"}, ["mu", "log_var", "spread"]),
            ({"mu": "m"}, ["mu", "log_var", "spread"]),
            ({"mu": "z_log_var"}, []),
            ({"log_var": ""}, ["mu"]),
            ({"log_var": "z_log_var", "spread": "log_var"}, ["mu"]),
        ],
    )
    def test_nothing_contradicts_what_is_stated(self, save_graph, stated, keys):
        path = self.path(save_graph)
        _, found = choices(path, Bundle(encoder=EncoderSpec(file=path.name, **stated)))
        assert list(found) == [f"encoder.{key}" for key in keys]

    def test_a_graph_without_noise_shows_nothing(self, save_graph):
        nodes = named(HEADS, z_mean="m", z_log_var="h")
        ends = ({"x": SHAPE}, dict.fromkeys(["z_mean", "z_log_var"], (DIM,)))
        path = save_graph(nodes, ends, ARRAYS)
        bundle = Bundle(encoder=EncoderSpec(file=path.name))
        facts, found = choices(path, bundle)
        assert (found, facts.drawn, facts.positive, facts.input_range) == ({}, set(), {}, None)

    def test_a_whole_autoencoder(self, save_graph):
        nodes = [
            *HEADS, *SPREADS["exp"][0], *NOISE, *DRAW, node("MatMul", ["z", "C"], ["g"]),
            node("Reshape", ["g", "image"], ["y"]),
        ]  # fmt: skip
        ends = ({"x": SHAPE}, {"y": SHAPE, "z_mean": (DIM,), "z_log_var": (DIM,)})
        path = save_graph(named(nodes, z_mean="m", z_log_var="h"), ends, ARRAYS, name="vae.onnx")
        model = OnnxRuntime().open(path, device="cpu")
        encoder = model.bundle.encoder
        assert (encoder.mu, encoder.log_var, encoder.spread) == ("z_mean", "z_log_var", "log_std")
        _, found = choices(path, model.bundle)
        assert found["encoder.spread"].value == "log_std"
