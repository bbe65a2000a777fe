"""Opens seeded mutants of a small ONNX model, and says what became of each.

    python tests/adapters/mutations.py --models 10000 --seed 0

Each mutant is opened and run as any model is, trial included. A model or a one-line ModelError is
right; any other exception, an end of the process, more time or memory than allowed and a file
written anywhere is an escape, and the command ends with exit code 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from mutation_runs import Subject, command, verdict
from onnx import TensorProto, helper, numpy_helper

from latent_analyze import ModelError

Draw = np.random.Generator

KINDS = ("bytes", "cut", "attribute", "dims", "name", "operator", "type", "values", "external")
LENGTHS = (-(2**63), -2, -1, 0, 1, 2, 7, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1)
NAMES = ("", "x", "mu", "flat", "no such", "a" * 5000, "\x1b[2J", "line\nline", "<b>", "..", "é")
OPERATORS = (
    "ConstantOfShape", "Expand", "Tile", "Range", "If", "Loop", "Scan", "Gather", "Conv", "Gemm",
    "MatMul", "Relu", "Exp", "Reshape", "Pad", "Resize", "OneHot", "Shape", "Concat", "Split",
    "RandomNormal", "Einsum", "TfIdfVectorizer", "StringNormalizer", "NonZero", "EyeLike",
    "Nothing",
)  # fmt: skip


def base_model() -> bytes:
    """Return an encoder with convolution, sub-graph, function and two outputs."""
    rng = np.random.default_rng(0)
    weights = {
        "K": rng.normal(0, 0.3, (2, 1, 3, 3)).astype(np.float32),
        "W": rng.normal(0, 0.3, (72, 4)).astype(np.float32),
        "b": np.zeros(4, np.float32),
        "shape": np.array([-1, 72]),
        "yes": np.array(True),
    }
    out = [helper.make_tensor_value_info("branch", TensorProto.FLOAT, None)]
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(operator, ["flat"], ["branch"])], name, [], out
        )
        for name, operator in (("then", "Relu"), ("else", "Tanh"))
    }
    nodes = [
        helper.make_node("Conv", ["x", "K"], ["c"], strides=[1, 1], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Reshape", ["r", "shape"], ["flat"]),
        helper.make_node("If", ["yes"], ["half"], **branches),
        helper.make_node("Gemm", ["half", "W", "b"], ["mu"], alpha=1.0),
        helper.make_node("Twice", ["mu"], ["log_var"], domain="local"),
    ]
    ends = [[("x", [None, 1, 6, 6])], [("mu", [None, 4]), ("log_var", [None, 4])]]
    graph = helper.make_graph(
        nodes, "g",
        *([helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in end] for end in ends),
        initializer=[numpy_helper.from_array(values, n) for n, values in weights.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    twice = helper.make_function(
        "local", "Twice", ["a"], ["t"], [helper.make_node("Add", ["a", "a"], ["t"])], opsets[:1]
    )
    proto = helper.make_model(graph, opset_imports=opsets, functions=[twice], ir_version=9)
    return bytes(proto.SerializeToString())


def mutant(seed: int, number: int) -> bytes:
    """Return a mutant; the same for the same seed and number."""
    rng = np.random.default_rng((seed, number))
    kind = KINDS[number % len(KINDS)]
    good = base_model()
    if kind == "cut":
        return good[: rng.integers(1, len(good))]
    if kind == "bytes":
        content = bytearray(good)
        for place in rng.integers(0, len(good), rng.integers(1, 9)):
            content[place] = rng.integers(256)
        return bytes(content)
    proto = onnx.load_model_from_string(good)
    for _ in range(rng.integers(1, 4)):
        SEMANTIC[kind](proto, rng)
    return bytes(proto.SerializeToString())


def _pick(rng: Draw, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _all_nodes(proto: Any) -> list[Any]:
    inner = [a.g for n in proto.graph.node for a in n.attribute if a.HasField("g")]
    return [n for body in (proto.graph, *proto.functions, *inner) for n in body.node]


def _attribute(proto: Any, rng: Draw) -> None:
    node = _pick(rng, _all_nodes(proto))
    if not node.attribute or rng.random() < 0.3:
        node.attribute.append(helper.make_attribute("axis", int(_pick(rng, LENGTHS))))
        return
    attribute = _pick(rng, node.attribute)
    attribute.type = int(rng.integers(0, 15)) if rng.random() < 0.3 else attribute.type
    attribute.i, attribute.f = int(_pick(rng, LENGTHS)), float(rng.normal() * 1e30)
    if attribute.ints:
        attribute.ints[int(rng.integers(len(attribute.ints)))] = int(_pick(rng, LENGTHS))
    if rng.random() < 0.2:
        attribute.name = _pick(rng, NAMES)


def _dims(proto: Any, rng: Draw) -> None:
    if rng.random() < 0.5:
        tensor = _pick(rng, proto.graph.initializer)
        tensor.dims.append(1)
        tensor.dims[int(rng.integers(len(tensor.dims)))] = int(_pick(rng, LENGTHS))
        return
    info = _pick(rng, [*proto.graph.input, *proto.graph.output])
    dims = info.type.tensor_type.shape.dim
    (dims.add() if rng.random() < 0.2 else _pick(rng, dims)).dim_value = int(_pick(rng, LENGTHS))


def _name(proto: Any, rng: Draw) -> None:
    graph, node = proto.graph, _pick(rng, _all_nodes(proto))
    fields = [node.input, node.output]
    names = [n for field in fields for n in field] + list(NAMES)
    chosen = [f for f in fields if f]
    if rng.random() < 0.6 and chosen:
        field = _pick(rng, chosen)
        field[int(rng.integers(len(field)))] = _pick(rng, names)
    else:
        _pick(rng, [*graph.input, *graph.output, *graph.initializer]).name = _pick(rng, names)


def _operator(proto: Any, rng: Draw) -> None:
    node = _pick(rng, _all_nodes(proto))
    node.op_type = _pick(rng, OPERATORS)
    if rng.random() < 0.2:
        node.domain = _pick(rng, ("", "ai.onnx.ml", "com.microsoft", "evil", "local"))


def _type(proto: Any, rng: Draw) -> None:
    if rng.random() < 0.5:
        _pick(rng, proto.graph.initializer).data_type = int(rng.integers(0, 26))
    else:
        info = _pick(rng, [*proto.graph.input, *proto.graph.output])
        info.type.tensor_type.elem_type = int(rng.integers(0, 26))
    if rng.random() < 0.2:
        _pick(rng, proto.opset_import).version = int(_pick(rng, LENGTHS))


def _values(proto: Any, rng: Draw) -> None:
    tensor = _pick(rng, proto.graph.initializer)
    if tensor.name == "shape":
        tensor.raw_data = np.array([_pick(rng, LENGTHS), _pick(rng, LENGTHS)], "<i8").tobytes()
    else:
        tensor.raw_data = rng.bytes(max(len(tensor.raw_data) + int(rng.integers(-2, 3)), 0))


def _external(proto: Any, rng: Draw) -> None:
    tensor = _pick(rng, proto.graph.initializer)
    tensor.data_location = TensorProto.EXTERNAL
    places = (
        *NAMES,
        "/etc/hostname",
        "../model.onnx",
        "encoder.onnx",
        "C:\\x",
        "*/_ORT_MEM_ADDR_/*",
    )
    for key, value in (("location", _pick(rng, places)), ("offset", str(_pick(rng, LENGTHS)))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


SEMANTIC: dict[str, Callable[[Any, Draw], None]] = {
    "attribute": _attribute, "dims": _dims, "name": _name, "operator": _operator, "type": _type,
    "values": _values, "external": _external,
}  # fmt: skip


def attempt(path: Path) -> str:
    """Open and run a model; return "result" or "error"."""
    from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

    try:
        model = OnnxRuntime().open(path, device="cpu")
        side = model.spec.input if model.spec.can_encode else model.spec.latent
        run = model.encode if model.spec.can_encode else model.decode
        run(np.zeros((2, *(side.shape if side else ())), np.float32))
    except ModelError as error:
        return verdict(error)
    return "result"


def _prepare(folder: Path, seed: int, number: int) -> tuple[Path, Callable[[], str]]:
    path = folder / "encoder.onnx"
    path.write_bytes(mutant(seed, number))
    return path, lambda: attempt(path)


MODELS = Subject("models", KINDS, _prepare, 10000)


if __name__ == "__main__":
    sys.exit(command(MODELS, __doc__ or ""))
