"""Tensors inside a graph: mu before the draw, and an encoder and decoder cut out of one file."""

from __future__ import annotations

from functools import partial

import adapter_testing
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, extract_subgraph

SHAPE, SIZE, DIM = (2, 3, 1), 6, 3
images = partial(adapter_testing.images, shape=SHAPE)
RNG = np.random.default_rng(0)
ARRAYS = {
    "A": RNG.normal(0, 0.5, (SIZE, DIM)), "B": RNG.normal(0, 0.5, (SIZE, DIM)),
    "C": RNG.normal(0, 0.5, (DIM, SIZE)), "half": 0.5, "two": 2.0, "shape": [-1, *SHAPE],
}  # fmt: skip
node = helper.make_node
FLAT = node("Flatten", ["x"], ["f"])
HEADS = [FLAT, node("MatMul", ["f", "A"], ["m"]), node("MatMul", ["f", "B"], ["h"])]
DRAW = [node("RandomNormalLike", ["m"], ["e"]), node("Mul", ["s", "e"], ["n"])]
STDS = {
    "log_var": [node("Mul", ["half", "h"], ["h2"]), node("Exp", ["h2"], ["s"])],
    "log_var by division": [node("Div", ["h", "two"], ["h2"]), node("Exp", ["h2"], ["s"])],
    "log_var by root": [node("Exp", ["h"], ["v"]), node("Sqrt", ["v"], ["s"])],
    "variance": [node("Softplus", ["h"], ["v"]), node("Sqrt", ["v"], ["s"])],
    "std": [node("Softplus", ["h"], ["s"])],
    "std by exp": [node("Exp", ["h"], ["s"])],
}
DECODE = [
    node("MatMul", ["z", "C"], ["g"]), node("Sigmoid", ["g"], ["p"]),
    node("Reshape", ["p", "shape"], ["y"]),
]  # fmt: skip


def flat(x, name):
    return x.reshape(len(x), -1) @ ARRAYS[name].astype(np.float32)


def info(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def save(path, nodes, outputs, *, given=("x", SHAPE), external=False):
    used = {name for n in nodes for name in n.input}
    weights = [
        numpy_helper.from_array(np.array(a, np.int64 if k == "shape" else np.float32), k)
        for k, a in ARRAYS.items()
        if k in used
    ]
    ends = [info(name, ["N", *shape]) for name, shape in outputs.items()]
    graph = helper.make_graph(nodes, "g", [info(given[0], ["N", *given[1]])], ends, weights)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    beside = {"save_as_external_data": True, "size_threshold": 80, "location": "w.bin"}
    onnx.save_model(model, path, **(beside if external else {}))
    return path


def open_bare(path):
    return OnnxRuntime().open(path, device="cpu")


class TestDrawnInside:
    @pytest.mark.parametrize("spread", STDS)
    @pytest.mark.parametrize("swapped", [False, True])
    def test_mu_is_taken_before_the_draw(self, tmp_path, spread, swapped):
        add = node("Add", ["n", "m"] if swapped else ["m", "n"], ["z"])
        nodes = [*HEADS, *STDS[spread], *DRAW, add]
        model = open_bare(save(tmp_path / "encoder.onnx", nodes, {"z": (DIM,)}))
        x = images(50)
        latents = model.encode(x)
        np.testing.assert_allclose(latents.mu, flat(x, "A"), rtol=1e-4, atol=1e-5)
        h = flat(x, "B")
        expected = {
            "variance": np.log(np.log1p(np.exp(h))), "std": 2 * np.log(np.log1p(np.exp(h))),
            "std by exp": 2 * h,
        }.get(spread, h)  # fmt: skip
        np.testing.assert_allclose(latents.log_var, expected, rtol=1e-3, atol=1e-4)
        assert any("drawn inside the graph" in note for note in model.spec.notes)
        assert not any("random" in note for note in model.spec.notes)

    @pytest.mark.parametrize("order", ["zmh", "hzm", "mhz", "hmz"])
    def test_three_outputs_without_names(self, tmp_path, order):
        nodes = [*HEADS, *STDS["log_var"], *DRAW, node("Add", ["m", "n"], ["z"])]
        path = save(tmp_path / "encoder.onnx", nodes, dict.fromkeys(order, (DIM,)))
        latents = open_bare(path).encode(images(50))
        np.testing.assert_allclose(latents.mu, flat(images(50), "A"), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(latents.log_var, flat(images(50), "B"), rtol=1e-4, atol=1e-5)

    def test_a_fixed_spread_is_no_log_var(self, tmp_path):
        nodes = [*HEADS[:2], DRAW[0], node("Mul", ["e", "half"], ["n"])]
        nodes.append(node("Add", ["m", "n"], ["z"]))
        model = open_bare(save(tmp_path / "encoder.onnx", nodes, {"z": (DIM,)}))
        assert not model.spec.variational
        np.testing.assert_allclose(model.encode(images(9)).mu, flat(images(9), "A"), rtol=1e-4)

    def test_noise_that_is_not_added_stays(self, tmp_path):
        nodes = [*HEADS[:2], DRAW[0], node("Mul", ["m", "e"], ["z"])]
        model = open_bare(save(tmp_path / "encoder.onnx", nodes, {"z": (DIM,)}))
        assert any("random" in note for note in model.spec.notes)

    def test_what_model_toml_says_comes_first(self, tmp_path):
        nodes = [*HEADS, *STDS["log_var"], *DRAW, node("Add", ["m", "n"], ["z"])]
        save(tmp_path / "encoder.onnx", nodes, {"z": (DIM,)})
        write_bundle(tmp_path, Bundle(encoder=EncoderSpec(file="encoder.onnx", mu="h")))
        mu = OnnxRuntime().open(tmp_path).encode(images(9)).mu
        np.testing.assert_allclose(mu, flat(images(9), "B"), rtol=1e-4, atol=1e-5)

    def test_the_statement_survives(self, tmp_path):
        nodes = [*HEADS, *STDS["std"], *DRAW, node("Add", ["m", "n"], ["z"])]
        path = save(tmp_path / "encoder.onnx", nodes, {"z": (DIM,)})
        first = open_bare(path)
        write_bundle(tmp_path, first.bundle)
        second = OnnxRuntime().open(tmp_path)
        assert second.fingerprint == first.fingerprint
        np.testing.assert_array_equal(
            second.encode(images(9)).log_var, first.encode(images(9)).log_var
        )


class TestOneFile:
    IDENTITY = node("Identity", ["m"], ["z"])

    def check(self, model, *, variational=False):
        x = images(20)
        assert (model.spec.can_encode, model.spec.can_decode) == (True, True)
        latents = model.encode(x)
        assert (latents.log_var is not None) == variational
        np.testing.assert_allclose(latents.mu, flat(x, "A"), rtol=1e-4, atol=1e-5)
        expected = 1 / (1 + np.exp(-latents.mu @ ARRAYS["C"]))
        np.testing.assert_allclose(
            model.decode(latents.mu), expected.reshape(-1, *SHAPE), atol=1e-5
        )

    @pytest.mark.parametrize("external", [False, True])
    @pytest.mark.parametrize("outputs", [("y", "z"), ("z", "y")])
    def test_images_and_z_points_out(self, tmp_path, outputs, external):
        nodes = [*HEADS[:2], self.IDENTITY, *DECODE]
        shapes = {"y": SHAPE, "z": (DIM,)}
        path = save(tmp_path / "ae.onnx", nodes, {k: shapes[k] for k in outputs}, external=external)
        self.check(open_bare(path))

    def test_a_vae_that_draws(self, tmp_path):
        nodes = [*HEADS, *STDS["log_var"], *DRAW, node("Add", ["m", "n"], ["z"]), *DECODE]
        self.check(open_bare(save(tmp_path / "vae.onnx", nodes, {"y": SHAPE})), variational=True)

    def test_a_vae_that_returns_flat_images(self, tmp_path):
        nodes = [*HEADS, *STDS["log_var"], *DRAW, node("Add", ["m", "n"], ["z"]), *DECODE[:2]]
        outputs = {"p": (SIZE,), "m": (DIM,), "h": (DIM,)}
        model = open_bare(save(tmp_path / "vae.onnx", nodes, outputs))
        x = images(50)
        latents = model.encode(x)
        np.testing.assert_allclose(latents.mu, flat(x, "A"), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(latents.log_var, flat(x, "B"), rtol=1e-4, atol=1e-5)
        expected = 1 / (1 + np.exp(-latents.mu @ ARRAYS["C"]))
        np.testing.assert_allclose(model.decode(latents.mu).reshape(50, -1), expected, atol=1e-5)

    def test_model_toml_names_tensors_inside(self, tmp_path):
        nodes = [*HEADS[:2], self.IDENTITY, *DECODE]
        save(tmp_path / "ae.onnx", nodes, {"y": SHAPE})
        bundle = Bundle(
            encoder=EncoderSpec(file="ae.onnx", mu="z"),
            decoder=DecoderSpec(file="ae.onnx", input="z"),
        )
        write_bundle(tmp_path, bundle)
        self.check(OnnxRuntime().open(tmp_path))

    def test_a_way_around(self, tmp_path):
        nodes = [
            *HEADS[:2], self.IDENTITY, DECODE[0], node("Add", ["g", "f"], ["q"]),
            node("Reshape", ["q", "shape"], ["y"]),
        ]  # fmt: skip
        save(tmp_path / "ae.onnx", nodes, {"y": SHAPE})
        write_bundle(tmp_path, Bundle(decoder=DecoderSpec(file="ae.onnx", input="z")))
        with pytest.raises(ModelError, match="it also takes x") as error:
            OnnxRuntime().open(tmp_path)
        assert "\n" not in str(error.value)

    def test_a_tensor_that_is_not_there(self, tmp_path):
        save(tmp_path / "ae.onnx", [*HEADS[:2], self.IDENTITY, *DECODE], {"y": SHAPE})
        write_bundle(tmp_path, Bundle(encoder=EncoderSpec(file="ae.onnx", mu="latent")))
        with pytest.raises(ModelError, match="an output 'latent'"):
            OnnxRuntime().open(tmp_path)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.data())
def test_two_parts_are_the_whole(depth, data):
    """Cutting a chain of layers anywhere changes nothing."""
    import onnxruntime

    place = data.draw(st.integers(1, depth - 1))
    rng = np.random.default_rng(depth)
    weights = {f"w{i}": rng.normal(size=(4, 4)).astype(np.float32) for i in range(depth)}
    nodes = []
    for i in range(depth):
        nodes += [
            node("MatMul", [f"t{i}", f"w{i}"], [f"u{i}"]), node("Tanh", [f"u{i}"], [f"t{i + 1}"]),
        ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "g", [info("t0", ["N", 4])], [info(f"t{depth}", ["N", 4])],
        [numpy_helper.from_array(w, k) for k, w in weights.items()],
    )  # fmt: skip
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    index, cut = GraphIndex(whole), f"t{place}"
    first = extract_subgraph(index, None, [cut], None)
    second = extract_subgraph(index, info(cut, ["N", 4]), [f"t{depth}"], None)
    assert len(first.graph.node) + len(second.graph.node) == len(nodes)

    def run(proto, x):
        session = onnxruntime.InferenceSession(proto.SerializeToString())
        return session.run(None, {session.get_inputs()[0].name: x})[0]

    x = rng.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(second, run(first, x)), run(whole, x), rtol=1e-6, atol=1e-7)
