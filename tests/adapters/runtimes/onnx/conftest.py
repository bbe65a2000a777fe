"""Graphs of named nodes and constants, as files or in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

INT64_OPERATORS = ("Reshape", "Squeeze", "Unsqueeze", "ReduceMean")


def info(name: str, row: tuple[int, ...], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, ["N", *row])


def build(
    nodes: list[Any],
    ends: tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]],
    arrays: dict[str, Any],
    *,
    opset: int = 18,
    inputs: tuple[Any, ...] = (),
    outputs: tuple[Any, ...] = (),
) -> Any:
    """Return a model: nodes, row shapes of inputs and outputs by name, and constants.

    `inputs` and `outputs` are further ones, as they are declared.
    """
    used = {name for node in nodes for name in node.input}
    shapes = {n for node in nodes if node.op_type in INT64_OPERATORS for n in node.input[1:]}
    tensors = []
    for name, values in arrays.items():
        array = np.asarray(values)
        if array.dtype.kind == "f" or (array.dtype.kind == "i" and name not in shapes):
            array = array.astype(np.float32)
        tensors += [numpy_helper.from_array(array, name)] if name in used else []
    given = [*(info(*end) for end in ends[0].items()), *inputs]
    made = [*(info(*end) for end in ends[1].items()), *outputs]
    graph = helper.make_graph(nodes, "g", given, made, tensors)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.fixture(name="build", scope="session")
def _build() -> Any:
    return build


@pytest.fixture(name="save_graph")
def _save_graph(tmp_path: Any) -> Any:
    def save(*args: Any, name: str = "encoder.onnx", external: bool = False, **more: Any) -> Any:
        beside = {"save_as_external_data": True, "size_threshold": 0, "location": "w.bin"}
        onnx.save_model(build(*args, **more), tmp_path / name, **(beside if external else {}))
        return tmp_path / name

    return save
