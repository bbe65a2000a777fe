"""Outputs that are looked up in a codebook."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.codebook import looked_up, quantized_output
from latent_analyze_adapters.runtimes.onnx.surgery.distances import Codebook
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex


def model(*outputs: str) -> onnx.ModelProto:
    """An encoder of rows of 4 values, quantized to one of three codes."""
    codes = np.eye(3, 4, dtype=np.float32)
    nodes = [
        helper.make_node("Identity", ["x"], ["z_e"]),
        helper.make_node("MatMul", ["x", "directions"], ["similarity"]),
        helper.make_node("ArgMax", ["similarity"], ["indices"], axis=1, keepdims=0),
        helper.make_node("Gather", ["codes", "indices"], ["quantized"]),
    ]
    kinds = {"indices": (TensorProto.INT64, ["n"])}
    made = [
        helper.make_tensor_value_info(o, *kinds.get(o, (TensorProto.FLOAT, ["n", 4])))
        for o in outputs
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], made,
        [numpy_helper.from_array(codes, "codes"), numpy_helper.from_array(codes.T, "directions")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (("z_e", "quantized", "indices"), "quantized"), (("indices", "quantized"), "quantized"),
        (("z_e", "indices"), None), (("z_e",), None), (("quantized", "similarity"), "quantized"),
    ],
)  # fmt: skip
def test_the_output_of_the_codebook(outputs, found):
    assert quantized_output(GraphIndex(model(*outputs))) == found


def test_it_is_the_mean_whatever_the_order(tmp_path):
    path = tmp_path / "encoder.onnx"
    onnx.save(model("z_e", "quantized", "indices"), path)
    found = OnnxRuntime().open(path)
    assert found.bundle.encoder.mu == "quantized"
    assert not found.spec.variational
    x = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    np.testing.assert_array_equal(found.encode(x).mu.sum(axis=1), np.ones(5))


@pytest.mark.parametrize(("axis", "found"), [(-1, Codebook(3, "codes")), (0, None)])
def test_rows_looked_up_as_opset_12_writes_it(axis, found):
    nodes = [
        helper.make_node("Unsqueeze", ["indices"], ["places"], axes=[axis]),
        helper.make_node("GatherND", ["codes", "places"], ["quantized"]),
    ]
    given = helper.make_tensor_value_info("indices", TensorProto.INT64, ["n"])
    made = helper.make_tensor_value_info("quantized", TensorProto.FLOAT, None)
    book = numpy_helper.from_array(np.eye(3, 4, dtype=np.float32), "codes")
    graph = helper.make_graph(nodes, "g", [given], [made], [book])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    assert looked_up(GraphIndex(proto), "indices") == found
