"""The operations of a network as nodes of an ONNX graph, written by hand."""

# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from exports.net import Net, forward, outputs

OPSET, IR = 17, 8


def write_by_hand(net: Net, path: Path, batch: int | None, training: bool) -> None:
    """Write a graph as a converter for another library would."""
    ops = GraphOps(training=training)
    axis = batch or "N"
    given = [
        helper.make_tensor_value_info(name, _type(dtype), [axis, *shape])
        for name, (shape, dtype) in net.inputs.items()
    ]
    found = outputs(net, forward(net, {name: name for name in net.inputs}, ops), ops)
    for name, tensor in found.items():
        ops.node("Identity", [tensor], name=name)
    kinds = {"indices": TensorProto.INT64}
    results = [_result(net, name, axis, kinds) for name in found]
    graph = helper.make_graph(ops.nodes, path.stem, given, results, ops.constants)
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(graph, producer_name="by hand", opset_imports=opset, ir_version=IR)
    proto = onnx.shape_inference.infer_shapes(proto)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def _type(dtype: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _result(net: Net, name: str, axis: object, kinds: dict[str, int]) -> Any:
    from exports.arrays import NumpyOps, evaluate

    rows = {k: np.zeros((1, *shape), dtype) for k, (shape, dtype) in net.inputs.items()}
    value = outputs(net, evaluate(net, rows), NumpyOps(last=net.last))[name]
    wanted = "float32" if value.dtype.kind == "f" else str(value.dtype)
    return helper.make_tensor_value_info(name, _type(wanted), [axis, *value.shape[1:]])


class GraphOps:
    """The operations as nodes; values are names of tensors. Channels come first."""

    def __init__(self, *, training: bool = False) -> None:
        self.training = training
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, op: str, given: Sequence[Any], *, name: str = "", **attributes: Any) -> str:
        """Append a node and return the name of its first output."""
        names = [x if isinstance(x, str) else self.constant(x) for x in given]
        out = name or f"t{len(self.nodes)}"
        more = ["", ""] if op == "BatchNormalization" and self.training else []
        more = [f"{out}_mean", f"{out}_var"] if more else []
        self.nodes.append(helper.make_node(op, names, [out, *more], **attributes))
        return out

    def constant(self, value: Any) -> str:
        """Append an initializer and return its name."""
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def flatten(self, x: str) -> str:
        return self.node("Flatten", [x], axis=1)

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        return self.node("Reshape", [x, np.array([-1, *shape], np.int64)])

    def dense(self, x: str, w: NDArray[Any], b: NDArray[Any]) -> str:
        return self.node("Add", [self.node("MatMul", [x, w.T]), b])

    def relu(self, x: str) -> str:
        return self.node("Relu", [x])

    def sigmoid(self, x: str) -> str:
        return self.node("Sigmoid", [x])

    def tanh(self, x: str) -> str:
        return self.node("Tanh", [x])

    def exp(self, x: str) -> str:
        return self.node("Exp", [x])

    def sqrt(self, x: str) -> str:
        return self.node("Sqrt", [x])

    def softplus(self, x: str) -> str:
        return self.node("Softplus", [x])

    def clip(self, x: str) -> str:
        return self.node("Clip", [x, np.float32(0), np.float32(1)])

    def times(self, x: str, by: float) -> str:
        return self.node("Mul", [x, np.float32(by)])

    def plus(self, x: str, by: float) -> str:
        return self.node("Add", [x, np.float32(by)])

    def add(self, x: str, y: str) -> str:
        return self.node("Add", [x, y])

    def multiply(self, x: str, y: str) -> str:
        return self.node("Mul", [x, y])

    def divide(self, x: str, y: str) -> str:
        return self.node("Div", [x, y])

    def to_bytes(self, x: str) -> str:
        bounded = self.node("Clip", [self.node("Round", [x]), np.float32(0), np.float32(255)])
        return self.node("Cast", [bounded], to=TensorProto.UINT8)

    def concat(self, values: list[str], axis: int) -> str:
        return self.node("Concat", values, axis=axis)

    def normal(self, x: str) -> str:
        return self.node("RandomNormalLike", [x])

    def norm(self, x: str, gain: Any, bias: Any, mean: Any, var: Any) -> str:
        mode = {"training_mode": 1} if self.training else {}
        return self.node("BatchNormalization", [x, gain, bias, mean, var], **mode)

    def dropout(self, x: str, share: float) -> str:
        mode = [np.float32(share), np.array(self.training)]
        return self.node("Dropout", [x, *mode])

    def gather(self, table: Any, index: str) -> str:
        return self.node("Gather", [table, index])

    def cast(self, x: str, dtype: str) -> str:
        return self.node("Cast", [x], to=_type(dtype))

    def expand(self, x: str) -> str:
        return self.node("Unsqueeze", [x, np.array([-1], np.int64)])

    def sum(self, x: str) -> str:
        return self.node("ReduceSum", [x, np.array([1], np.int64)], keepdims=0)

    def nearest(self, codes: str, codebook: NDArray[Any]) -> str:
        products = self.node("MatMul", [codes, -2 * codebook.T])
        distances = self.node("Add", [products, (codebook**2).sum(1)])
        return self.node("ArgMin", [distances], axis=-1, keepdims=0)

    def to_last(self, x: str, last: bool) -> str:
        return self.node("Transpose", [x], perm=[0, 2, 3, 1])

    def to_first(self, x: str, last: bool) -> str:
        return self.node("Transpose", [x], perm=[0, 3, 1, 2])

    def conv(self, x: str, w: NDArray[Any], b: NDArray[Any]) -> str:
        return self.node("Conv", [x, w, b], strides=list(w.shape[2:]))

    def deconv(self, x: str, w: NDArray[Any], b: NDArray[Any]) -> str:
        return self.node("ConvTranspose", [x, w, b], strides=list(w.shape[2:]))
