"""Outputs that cannot be negative, by the operators that make them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from latent_analyze_adapters.runtimes.onnx.surgery.positive import positive_outputs
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

SHAPE, DIM = (2, 3, 1), 4
RNG = np.random.default_rng(0)
node = helper.make_node
ARRAYS = {
    "A": RNG.normal(0, 0.5, (6, DIM)), "B": RNG.normal(0, 0.5, (6, DIM)), "two": 2.0, "one": 1.0,
    "low": -4.0, "row": np.array([-1, 2, 2]), "tiny": 1e-3,
}  # fmt: skip
HEADS = [
    node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "A"], ["m"]),
    node("MatMul", ["f", "B"], ["h"]),
]  # fmt: skip


@pytest.fixture(name="graph")
def _graph(build):
    def make(nodes, outputs, **more):
        rows = outputs if isinstance(outputs, dict) else dict.fromkeys(outputs, (DIM,))
        return GraphIndex(build(nodes, ({"x": SHAPE}, rows), ARRAYS, **more))

    return make


POSITIVE = {
    "Exp": [node("Exp", ["h"], ["y"])],
    "Softplus": [node("Softplus", ["h"], ["y"])],
    "Sqrt": [node("Abs", ["h"], ["v"]), node("Sqrt", ["v"], ["y"])],
    "Abs": [node("Abs", ["h"], ["y"])],
    "Square": [node("Mul", ["h", "h"], ["y"])],
}  # fmt: skip


class TestPositive:
    @pytest.mark.parametrize("operator", POSITIVE)
    def test_by_the_last_operator(self, graph, operator):
        assert positive_outputs(graph([*HEADS, *POSITIVE[operator]], ["y"])) == {"y": operator}

    def test_behind_what_changes_no_sign(self, graph):
        nodes = [
            *HEADS, node("Exp", ["h"], ["a"]), node("Add", ["a", "tiny"], ["b"]),
            node("Mul", ["two", "b"], ["c"]), node("Reshape", ["c", "row"], ["d"]),
            node("Transpose", ["d"], ["y"], perm=[0, 2, 1]),
        ]  # fmt: skip
        assert positive_outputs(graph(nodes, {"y": (2, 2)})) == {"y": "Exp"}

    @pytest.mark.parametrize(
        ("operator", "operand"), [("Add", "low"), ("Mul", "low"), ("Sub", "tiny"), ("Add", "m")]
    )
    def test_what_may_change_the_sign(self, graph, operator, operand):
        nodes = [*HEADS, node("Exp", ["h"], ["a"]), node(operator, ["a", operand], ["y"])]
        assert positive_outputs(graph(nodes, ["y"])) == {}

    @pytest.mark.parametrize(("power", "found"), [("two", {"y": "Square"}), ("one", {})])
    def test_powers(self, graph, power, found):
        assert positive_outputs(graph([*HEADS, node("Pow", ["h", power], ["y"])], ["y"])) == found

    def test_plain_outputs(self, graph):
        assert positive_outputs(graph(HEADS, ["m", "h"])) == {}
