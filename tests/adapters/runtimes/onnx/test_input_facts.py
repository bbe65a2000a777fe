"""The value range of images, by what a graph computes from them first."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from latent_analyze.plugin import Bundle, EncoderSpec
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener
from latent_analyze_adapters.runtimes.onnx.surgery.input_facts import input_fact
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

SHAPE, DIM = (2, 2, 3), 4
RNG = np.random.default_rng(0)
node = helper.make_node
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
ARRAYS = {
    "A": RNG.normal(0, 0.5, (12, DIM)), "255": 255.0, "1/255": np.float32(1 / 255), "127.5": 127.5,
    "1/127.5": np.float32(1 / 127.5), "mean": MEAN, "std": STD, "1": 1.0, "2": 2.0, "0.5": 0.5,
    "caffe": [103.94, 116.78, 123.68], "5": 5.0, "means": RNG.random((2, 2, 3)), "0": 0.0,
    "mean255": [123.7, 116.3, 103.5], "std255": [58.4, 57.1, 57.4], "-1": -1.0,
}  # fmt: skip
END = [node("Flatten", ["last"], ["f"]), node("MatMul", ["f", "A"], ["y"])]
CASES = {
    "div 255": ([("Div", "255")], (0, 255), "x / 255"),
    "mul": ([("Mul", "1/255")], (0, 255), "x / 255"),
    "sub and div": ([("Sub", "127.5"), ("Div", "127.5")], (0, 255), "(x - 127.5) / 127.5"),
    "keras": ([("Mul", "1/127.5"), ("Add", "-1")], (0, 255), "(x - 127.5) / 127.5"),
    "255 and channels": (
        [("Div", "255"), ("Sub", "mean"), ("Div", "std")], (0, 255), "(x - [123.7, 116.3, 103.5])",
    ),
    "channels in bytes": ([("Sub", "mean255"), ("Div", "std255")], (0, 255), "(x - [123.7"),
    "caffe": ([("Sub", "caffe")], (0, 255), "x - [103.9, 116.8, 123.7]"),
    "channels": ([("Sub", "mean"), ("Div", "std")], (0, 1), "(x - [0.485, 0.456, 0.406]) / [0.229"),
    "mean only": ([("Sub", "mean")], (0, 1), "x - [0.485"),
    "twice minus one": ([("Mul", "2"), ("Sub", "1")], (0, 1), "(x - 0.5) / 0.5"),
    "minus half": ([("Sub", "0.5"), ("Div", "0.5")], (0, 1), "(x - 0.5) / 0.5"),
    "times 255": ([("Mul", "255")], (0, 1), "x * 255"),
    "from -1": ([("Add", "1"), ("Div", "2")], (-1, 1), "(x - -1) / 2"),
    "nothing": ([], None, ""),
    "plus zero": ([("Add", "0")], None, ""),
    "times 2": ([("Mul", "2")], None, ""),
    "times 5": ([("Mul", "5")], None, ""),
    "plus 5": ([("Add", "5")], None, ""),
    "a mean per pixel": ([("Sub", "means")], None, ""),
    "divided by zero": ([("Div", "0")], None, ""),
    "times zero": ([("Mul", "0")], None, ""),
}  # fmt: skip


@pytest.fixture(name="graph")
def _graph(build):
    def make(steps, *, before=(), inputs=(), given=SHAPE):
        nodes, name = list(before), before[-1].output[0] if before else "x"
        for number, (operator, operand) in enumerate(steps):
            nodes.append(node(operator, [name, operand], [f"t{number}"]))
            name = f"t{number}"
        nodes += [node("Identity", [name], ["last"]), *END]
        ends = ({"x": given} if not inputs else {}, {"y": (DIM,)})
        return GraphIndex(build(nodes, ends, ARRAYS, inputs=inputs))

    return make


@pytest.mark.parametrize("case", CASES)
def test_what_is_computed_first(graph, case):
    steps, span, why = CASES[case]
    found = input_fact(graph(steps))
    if span is None:
        assert found is None
    else:
        assert found.range == span
        assert found.why.startswith(f"the graph starts with {why}")


def test_behind_what_rearranges(graph):
    before = [
        node("Cast", ["x"], ["a"], to=TensorProto.FLOAT),
        node("Transpose", ["a"], ["b"], perm=[0, 3, 1, 2]), node("Shape", ["x"], ["unused"]),
        node("Identity", ["b"], ["c"]),
    ]  # fmt: skip
    assert input_fact(graph([("Div", "255")], before=before)).range == (0, 255)


def test_the_constant_first(graph):
    assert input_fact(graph([], before=[node("Mul", ["1/255", "x"], ["a"])])).range == (0, 255)
    assert input_fact(graph([], before=[node("Div", ["255", "x"], ["a"])])) is None


def test_bytes(graph):
    inputs = (helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", *SHAPE]),)
    before = [node("Cast", ["x"], ["a"], to=TensorProto.FLOAT)]
    found = input_fact(graph([], before=before, inputs=inputs))
    assert (found.range, found.why) == ((0, 255), "x holds uint8")


def test_two_ways_show_nothing(graph):
    before = [
        node("Div", ["x", "255"], ["a"]), node("Tanh", ["x"], ["b"]), node("Add", ["a", "b"], ["c"])
    ]  # fmt: skip
    assert input_fact(graph([], before=before)) is None


def test_after_a_layer_it_shows_nothing(graph):
    before = [node("Tanh", ["x"], ["a"])]
    assert input_fact(graph([("Div", "255")], before=before)) is None


def test_another_input(graph):
    assert input_fact(graph([("Div", "255")]), "no such input") is None
    assert input_fact(graph([("Div", "255")]), "x").range == (0, 255)


def test_values_in_another_file_are_not_read(graph):
    index = graph([("Div", "255")])
    index.constants["255"].external_data.add(key="location", value="/etc/passwd")
    assert input_fact(index) is None


def test_facts_of_the_opener(save_graph):
    nodes = [node("Div", ["x", "255"], ["last"]), *END]
    path = save_graph(nodes, ({"x": SHAPE}, {"y": (DIM,)}), ARRAYS)
    opener = OnnxOpener(path.parent, "cpu", False)
    bundle = Bundle(encoder=EncoderSpec(file=path.name))
    facts = opener.facts(bundle, SessionCache(opener).file)
    assert facts.input_range == (0, 255)
    assert facts.input_why == "the graph starts with x / 255"
