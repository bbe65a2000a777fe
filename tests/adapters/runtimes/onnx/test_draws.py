"""Noise in ONNX graphs: what is a drawn z, what is not, and what mu is behind a scale."""

from __future__ import annotations

from functools import partial

import adapter_testing
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from latent_analyze.plugin import Bundle, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import Draws
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

SHAPE, SIZE, DIM = (2, 3, 1), 6, 4
images = partial(adapter_testing.images, shape=SHAPE)
RNG = np.random.default_rng(0)
WEIGHTS = {
    "A": RNG.normal(0, 0.5, (SIZE, DIM)), "B": RNG.normal(0, 0.5, (SIZE, DIM)),
    "C": RNG.normal(0, 0.5, (DIM, SIZE)), "D": RNG.normal(0, 0.5, (DIM, DIM)),
    "two": 2.0, "tenth": 0.1, "scale": -0.5, "shift": 1.5, "channels": [0.5, 1.0, 2.0, -4.0],
    "one": 1.0,
}  # fmt: skip
SHAPES = {"square": [-1, 2, 2], "row": [-1, DIM], "image": [-1, *SHAPE]}
node = helper.make_node
HEADS = [
    node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "A"], ["m"]),
    node("MatMul", ["f", "B"], ["h"]),
]  # fmt: skip
NORMAL = node("RandomNormalLike", ["m"], ["e"])
DRAW = [
    NORMAL, node("Div", ["h", "two"], ["h2"]), node("Exp", ["h2"], ["s"]),
    node("Mul", ["s", "e"], ["n"]), node("Add", ["m", "n"], ["z"]),
]  # fmt: skip
DECODE = [
    node("MatMul", ["z", "C"], ["g"]), node("Tanh", ["g"], ["t"]),
    node("Reshape", ["t", "image"], ["y"]),
]  # fmt: skip


@pytest.fixture(params=["initializers", "nodes"])
def write(request, tmp_path):
    """Write a graph whose constants are kept as newer and as older exports keep them."""

    def save(nodes, outputs, name="encoder.onnx"):
        used = {name for n in nodes for name in n.input}
        arrays = {k: np.array(a, np.float32) for k, a in WEIGHTS.items() if k in used}
        arrays |= {k: np.array(a, np.int64) for k, a in SHAPES.items() if k in used}
        tensors = [numpy_helper.from_array(a, k) for k, a in arrays.items()]
        inside = request.param == "nodes"
        made = [node("Constant", [], [t.name], value=t) for t in tensors] if inside else []
        ends = [
            helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", *shape])
            for k, shape in {"x": SHAPE, **outputs}.items()
        ]
        graph = helper.make_graph(
            [*made, *nodes], "g", ends[:1], ends[1:], [] if inside else tensors
        )
        opset = [helper.make_opsetid("", 18)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / name)
        return tmp_path / name

    return save


def head(name, n=40):
    return images(n).reshape(n, -1) @ np.array(WEIGHTS[name], np.float32)


def open_bare(path):
    return OnnxRuntime().open(path, device="cpu")


def notes(model, words):
    return [note for note in model.spec.notes if words in note]


CHANNELS = np.array(WEIGHTS["channels"])
BEHIND = {
    "scale": ([node("Mul", ["z", "scale"], ["o"])], lambda v, b: v * -0.5),
    "shift": ([node("Sub", ["z", "shift"], ["o"])], lambda v, b: v - 1.5 * b),
    "from a constant": ([node("Sub", ["shift", "z"], ["o"])], lambda v, b: 1.5 * b - v),
    "standardized": (
        [node("Add", ["z", "shift"], ["o1"]), node("Div", ["o1", "channels"], ["o"])],
        lambda v, b: (v + 1.5 * b) / CHANNELS,
    ),
    "negated": ([node("Neg", ["z"], ["o1"]), node("Identity", ["o1"], ["o"])], lambda v, b: -v),
    "transposed": (
        [
            node("Reshape", ["z", "square"], ["o1"]), node("Transpose", ["o1"], ["o2"],
            perm=[0, 2, 1]), node("Mul", ["scale", "o2"], ["o3"]), node("Flatten", ["o3"], ["o"]),
        ],
        lambda v, b: -0.5 * v.reshape(-1, 2, 2).transpose(0, 2, 1).reshape(-1, 4),
    ),
    "shape of z": (
        [
            node("Shape", ["z"], ["o1"]), node("Reshape", ["z", "o1"], ["o2"]),
            node("Mul", ["o2", "scale"], ["o"]),
        ],
        lambda v, b: v * -0.5,
    ),
}  # fmt: skip


class TestBehindTheDraw:
    @pytest.mark.parametrize("behind", BEHIND)
    def test_mu_and_log_var_of_what_comes_out(self, write, behind):
        nodes, change = BEHIND[behind]
        model = open_bare(write([*HEADS, *DRAW, *nodes], {"o": (DIM,)}))
        latents = model.encode(images(40))
        np.testing.assert_allclose(latents.mu, change(head("A"), 1), rtol=1e-4, atol=1e-5)
        std = np.abs(change(np.exp(head("B") / 2), 0))
        np.testing.assert_allclose(latents.log_var, 2 * np.log(std), rtol=1e-4, atol=1e-4)
        assert notes(
            model, "'z' is drawn inside the graph; mu is 'mean of o', 'o' without the noise"
        )
        assert not notes(model, "random")

    def test_moments_are_those_of_draws(self, write):
        nodes, _ = BEHIND["standardized"]
        path = write([*HEADS, *DRAW, *nodes], {"o": (DIM,)})
        write_bundle(path.parent, Bundle(encoder=EncoderSpec(file=path.name, mu="o")))
        drawn = OnnxRuntime().open(path.parent)
        latents = open_bare(path).encode(images(1))
        sample = drawn.encode(np.repeat(images(1), 20_000, axis=0)).mu
        std = np.exp(latents.log_var[0] / 2)
        np.testing.assert_allclose(sample.mean(0), latents.mu[0], atol=0.05 * std.max())
        np.testing.assert_allclose(sample.std(0), std, rtol=0.03)

    def test_the_statement_survives(self, write):
        path = write([*HEADS, *DRAW, *BEHIND["scale"][0]], {"o": (DIM,)})
        first = open_bare(path)
        assert first.bundle.encoder.mu == "mean of o"
        write_bundle(path.parent, first.bundle)
        second = OnnxRuntime().open(path.parent)
        assert second.fingerprint == first.fingerprint
        for one, other in zip(first.encode(images(40)), second.encode(images(40)), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_a_log_var_of_z_is_not_that_of_the_output(self, write):
        nodes = [*HEADS, *DRAW, *BEHIND["scale"][0], node("Identity", ["h"], ["log_var"])]
        path = write(nodes, {"o": (DIM,), "log_var": (DIM,)})
        expected = head("B") + 2 * np.log(0.5)
        np.testing.assert_allclose(open_bare(path).encode(images(40)).log_var, expected, rtol=1e-3)

    def test_a_log_var_that_cannot_be_told_is_left_out(self, write):
        nodes = [
            *HEADS, *DRAW[:-1], node("Mul", ["n", "tenth"], ["n2"]),
            node("Add", ["m", "n2"], ["z"]), *BEHIND["scale"][0],
            node("Identity", ["h"], ["log_var"]),
        ]  # fmt: skip
        model = open_bare(write(nodes, {"o": (DIM,), "log_var": (DIM,)}))
        assert not model.spec.variational
        assert notes(model, "its log_var cannot be determined")
        np.testing.assert_allclose(model.encode(images(40)).mu, -0.5 * head("A"), rtol=1e-4)

    def test_one_spread_for_all_dimensions(self, write):
        nodes = [
            *HEADS, node("ReduceMean", ["h"], ["s"], keepdims=1), *DRAW[0:1], *DRAW[3:],
            *BEHIND["scale"][0],
        ]  # fmt: skip
        log_var = open_bare(write(nodes, {"o": (DIM,)})).encode(images(40)).log_var
        assert log_var.shape == (40, DIM)


class TestPlain:
    @pytest.mark.parametrize("mean", [0.0, 1.0])
    def test_other_noise_tells_no_log_var(self, write, mean):
        other = node("RandomNormalLike", ["m"], ["e"], scale=2.0, mean=mean)
        model = open_bare(write([*HEADS, other, *DRAW[1:]], {"z": (DIM,)}))
        assert not model.spec.variational
        assert notes(model, "its log_var cannot be determined")

    def test_a_neutral_scale_and_shift_of_the_noise(self, write):
        zeros = [
            node("Shape", ["m"], ["i"]), node("ConstantOfShape", ["i"], ["zeros"]),
            node("Mul", ["e", "one"], ["e1"]), node("Add", ["e1", "zeros"], ["e2"]),
            node("Mul", ["e2", "s"], ["n"]),
        ]  # fmt: skip
        model = open_bare(write([*HEADS, *DRAW[:3], *zeros, DRAW[-1]], {"z": (DIM,)}))
        np.testing.assert_allclose(
            model.encode(images(40)).log_var, head("B"), rtol=1e-3, atol=1e-5
        )

    def test_the_log_var_beside_it_is_kept(self, write):
        nodes = [*HEADS, *DRAW, node("Identity", ["h"], ["log_var"])]
        model = open_bare(write(nodes, {"z": (DIM,), "log_var": (DIM,)}))
        assert (model.bundle.encoder.mu, model.bundle.encoder.log_var) == ("m", "log_var")


NOISY = node("RandomNormalLike", ["x"], ["e"])
ON_IMAGES = [NOISY, node("Mul", ["e", "tenth"], ["n"]), node("Add", ["x", "n"], ["x2"])]
OTHER_NOISE = {
    "on images": [*ON_IMAGES, node("Flatten", ["x2"], ["f"]), node("MatMul", ["f", "A"], ["o"])],
    "on scaled images": [
        node("Sub", ["x", "shift"], ["x1"]), node("Flatten", ["x1"], ["f"]),
        node("RandomNormalLike", ["f"], ["e"]), node("Add", ["f", "e"], ["f2"]),
        node("MatMul", ["f2", "A"], ["o"]),
    ],
    "between layers": [
        *HEADS[:2], NORMAL, node("Add", ["m", "e"], ["m2"]), node("MatMul", ["m2", "D"], ["o"]),
    ],
    "before a tanh": [*HEADS, *DRAW, node("Tanh", ["z"], ["o"])],
    "beside a way around": [*HEADS, *DRAW, node("Add", ["z", "h"], ["o"])],
    "that masks a branch": [
        *HEADS, node("RandomUniformLike", ["m"], ["u"]), node("Round", ["u"], ["k"]),
        node("Mul", ["k", "m"], ["d"]), node("Add", ["h", "d"], ["o"]),
    ],
    "scaled by the image": [*HEADS, *DRAW, node("Mul", ["z", "h"], ["o"])],
}  # fmt: skip


class TestOtherNoise:
    @pytest.mark.parametrize("kind", OTHER_NOISE)
    def test_the_encoder_stays_as_it_is(self, write, kind):
        model = open_bare(write(OTHER_NOISE[kind], {"o": (DIM,)}))
        assert model.spec.latent.shape == (DIM,)
        assert model.bundle.encoder.mu == "o"
        assert notes(model, "the graph is random")
        assert not notes(model, "drawn inside")

    def test_noise_on_images_of_a_whole_autoencoder(self, write):
        nodes = [
            *ON_IMAGES, node("Flatten", ["x2"], ["f"]), node("MatMul", ["f", "A"], ["z"]), *DECODE,
        ]  # fmt: skip
        model = open_bare(write(nodes, {"y": SHAPE, "z": (DIM,)}, "ae.onnx"))
        assert model.spec.latent.shape == (DIM,)
        assert model.bundle.decoder.input == "z"


class TestWhole:
    def check(self, path):
        model = open_bare(path)
        latents = model.encode(images(40))
        np.testing.assert_allclose(latents.mu, head("A"), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(latents.log_var, head("B"), rtol=1e-3, atol=1e-4)
        assert model.bundle.decoder.input == "z"
        return model

    def test_a_range_that_is_shifted_at_the_end(self, write):
        end = [node("Add", ["y", "one"], ["y1"]), node("Div", ["y1", "two"], ["y2"])]
        model = self.check(write([*HEADS, *DRAW, *DECODE, *end], {"y2": SHAPE}, "vae.onnx"))
        z = head("A")
        expected = (np.tanh(z @ np.array(WEIGHTS["C"], np.float32)) + 1) / 2
        np.testing.assert_allclose(model.decode(z), expected.reshape(-1, *SHAPE), atol=1e-5)

    def test_noise_in_the_decoder_is_no_z(self, write):
        noise = [
            node("RandomNormalLike", ["y"], ["e2"]), node("Mul", ["e2", "tenth"], ["n2"]),
            node("Add", ["y", "n2"], ["y1"]), node("Tanh", ["y1"], ["y2"]),
        ]  # fmt: skip
        self.check(write([*HEADS, *DRAW, *DECODE, *noise], {"y2": SHAPE}, "vae.onnx"))

    def test_noise_in_the_decoder_behind_the_z_points(self, write):
        nodes = [
            *HEADS[:2], node("Identity", ["m"], ["z"]), DECODE[0],
            node("RandomNormalLike", ["g"], ["e2"]), node("Add", ["g", "e2"], ["g2"]),
            node("Tanh", ["g2"], ["t"]), DECODE[2],
        ]  # fmt: skip
        model = open_bare(write(nodes, {"y": SHAPE, "z": (DIM,)}, "ae.onnx"))
        assert (model.bundle.encoder.mu, model.bundle.decoder.input) == ("z", "z")


def test_a_constant_from_a_shape_is_no_mu():
    """`y + torch.ones_like(y)` of something random: the ones depend on no value of an input."""
    nodes = [
        node("RandomNormalLike", ["x"], ["e"]), node("Shape", ["x"], ["i"]),
        node("ConstantOfShape", ["i"], ["ones"]), node("Add", ["e", "ones"], ["o"]),
    ]  # fmt: skip
    ends = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["N", 2]) for k in "xo"]
    index = GraphIndex(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:])))
    assert Draws(index).before("o") == []
    assert Draws(index).behind("o") is None
