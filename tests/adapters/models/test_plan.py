"""Roles and names, from the description of a graph alone."""

from __future__ import annotations

import pytest

from latent_analyze import ModelError
from latent_analyze.plugin import DecoderSpec, EncoderSpec
from latent_analyze_adapters.models.graph import Graph, Tensor
from latent_analyze_adapters.models.plan import make_plan
from latent_analyze_adapters.models.roles import infer_role
from latent_analyze_adapters.models.settings import Settings


def graph(taken, *given, name="net.onnx"):
    outputs = tuple(Tensor(n, "float32", shape) for n, shape in given)
    return Graph(name, (Tensor("x", "float32", taken),), outputs)


def unasked(taken, rows, output):
    raise AssertionError("the graph says all that is needed")


def plan(a_graph, stated, probe=unasked):
    return make_plan(a_graph, stated, probe)


@pytest.mark.parametrize(
    ("taken", "given", "name", "role"),
    [
        ((None, 8, 8, 1), (None, 4), "a.onnx", "encoder"),
        ((None, 4), (None, 1, 8, 8), "a.onnx", "decoder"),
        ((8, 8, 1), (4,), "a.onnx", "encoder"),
        ((None, 8, 8), (None, 4), "decoder.onnx", "encoder"),
        ((None, 784), (None, 4), "my-Encoder.onnx", "encoder"),
        ((None, 2, 2, 4), (None, 8, 8, 3), "vae_decoder.onnx", "decoder"),
    ],
)
def test_roles(taken, given, name, role):
    assert infer_role(graph(taken, ("y", given), name=name)) == role


@pytest.mark.parametrize("name", ["net.onnx", "encoder-decoder.onnx"])
def test_a_role_that_nothing_tells(name):
    with pytest.raises(ModelError, match=r"call it encoder\.onnx or decoder\.onnx"):
        infer_role(graph((None, 784), ("y", (None, 16)), name=name))


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((None, 784), "autoencoder.onnx"),
        ((None, 8, 8, 1), "autoencoder.onnx"),
        ((1, 28, 28), "net.onnx"),
    ],
)
def test_a_whole_autoencoder_is_no_encoder(shape, name):
    with pytest.raises(ModelError, match="a whole autoencoder"):
        infer_role(graph(shape, ("y", shape), name=name))


def test_rows_of_one_length_have_the_role_of_their_name():
    assert infer_role(graph((None, 8), ("y", (None, 8)), name="encoder.onnx")) == "encoder"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["mu", "log_var"], ("mu", "log_var")),
        (["log_var", "z"], ("z", "log_var")),
        (["z", "z_log_var", "z_mean"], ("z_mean", "z_log_var")),
        # Version 0.1 took the first where it did not know the names, and its stores say so.
        (["scale", "loc"], ("scale",)),
        (["z_mu", "qz_v"], ("z_mu",)),
        (["model/z_mean:0", "model/z_logvar:0"], ("model/z_mean:0", "model/z_logvar:0")),
        (["12", "13"], ("12",)),
        (["Mean", "LogVar"], ("Mean", "LogVar")),
    ],
)
def test_names_of_outputs(names, expected):
    outputs = [(name, (None, 4)) for name in names]
    found = plan(graph((None, 8, 8, 1), *outputs), Settings(EncoderSpec(file="e")))
    assert found.outputs == expected


def test_what_is_stated_is_not_inferred():
    spec = EncoderSpec(file="e", layout="CHW", range=(-1, 1), mu="b", log_var="a")
    found = plan(graph((None, 3, 8, 3), ("a", (None, 4)), ("b", (None, 4))), Settings(spec))
    assert found.outputs == ("b", "a")
    assert (found.image.layout, found.image.shape) == ("CHW", (8, 3, 3))
    assert found.notes == ()


@pytest.mark.parametrize(
    ("taken", "given", "batch", "batched"),
    [
        ((None, 8, 8, 1), (None, 4), None, True),
        ((2, 8, 8, 1), (2, 4), 2, True),
        ((None, 8, 8, 1), (1, 4), 1, True),
        ((8, 8, 1), (4,), 1, False),
    ],
)
def test_batches(taken, given, batch, batched):
    found = plan(graph(taken, ("mu", given)), Settings(EncoderSpec(file="e")))
    assert (found.batch, found.batched, found.latent) == (batch, batched, (4,))


def test_shapes_that_the_graph_leaves_open_are_probed():
    asked = []

    def probe(taken, rows, output):
        asked.append((taken.name, rows.shape, output))
        return (1, 8, 8, 3)

    found = plan(
        graph((None, 4), ("y", (None, None, None, 3))), Settings(DecoderSpec(file="d")), probe
    )
    assert asked == [("x", (1, 4), "y")]
    assert found.image.shape == (8, 8, 3)
    assert found.output_size == 192


def test_z_points_of_no_fixed_shape():
    open_graph = graph((None, None), ("y", (None, 8, 8, 3)))
    with pytest.raises(
        ModelError, match=r"state it in model\.toml or --signature, as 'latent_shape="
    ):
        plan(open_graph, Settings(DecoderSpec(file="d")))
    assert plan(open_graph, Settings(DecoderSpec(file="d"), latent=(4,))).latent == (4,)
