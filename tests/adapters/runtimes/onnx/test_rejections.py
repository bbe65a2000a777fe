"""Files that ONNX Runtime rejects: the error names the reason and the next step, in one line."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from adapter_testing import one_line
from onnx import helper

from latent_analyze import ModelError
from latent_analyze_adapters.models.messages import CAUSE_LENGTH
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.reasons import cause
from latent_analyze_adapters.runtimes.onnx.rejections import newest_opset, rejected

node = helper.make_node
ENDS = ({"x": (2, 3, 1)}, {"y": (4,)})
ARRAYS = {"A": np.ones((6, 4)), "wide": np.ones((5, 4))}
NODES = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "A"], ["y"])]


def refuse(path, *, trust=False):
    with pytest.raises(ModelError) as error:
        OnnxRuntime().open(path, device="cpu", trust=trust)
    return one_line(error)


def change(path, **fields):
    """Set fields of the model in a file."""
    proto = onnx.load(path, load_external_data=False)
    if "opset" in fields:
        proto.opset_import[0].version = fields.pop("opset")
    for name, value in fields.items():
        setattr(proto, name, value)
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("trust", [False, True])
class TestVersions:
    def test_ir_version(self, save_graph, trust):
        said = refuse(change(save_graph(NODES, ENDS, ARRAYS), ir_version=99), trust=trust)
        assert "IR version 99" in said
        assert "pip install --upgrade onnxruntime, or export it with opset" in said
        newest = int(said.split("up to IR version ")[1].split()[0])
        assert f"(opset {newest_opset(newest)})" in said

    def test_opset(self, save_graph, trust):
        said = refuse(change(save_graph(NODES, ENDS, ARRAYS), opset=99), trust=trust)
        assert "found opset 99" in said
        assert "pip install --upgrade onnxruntime, or export it with opset" in said

    def test_custom_operators(self, save_graph, trust):
        nodes = [*NODES[:1], node("Fold", ["f"], ["y"], domain="my.domain")]
        path = save_graph(nodes, ENDS, ARRAYS)
        said = refuse(path, trust=trust)
        assert "Fold" in said
        assert "my.domain" in said
        assert "export it without custom operators" in said
        proto = onnx.load(path)
        proto.opset_import.append(helper.make_opsetid("my.domain", 1))
        onnx.save(proto, path)
        assert "Fold" in refuse(path, trust=trust)

    def test_missing_weights(self, save_graph, trust):
        path = save_graph(NODES, ENDS, ARRAYS, external=True)
        (path.parent / "w.bin").unlink()
        said = refuse(path, trust=trust)
        assert "the weights w.bin next to" in said
        assert "no such file" in said

    def test_the_reason_is_not_cut_off(self, save_graph, trust):
        nodes = [*NODES[:1], node("MatMul", ["f", "wide"], ["y"])]
        said = refuse(save_graph(nodes, ENDS, ARRAYS), trust=trust)
        assert "Incompatible dimensions" in said
        assert "onnxruntime_src" not in said

    def test_old_opsets_are_not_implemented(self, save_graph, trust):
        nodes = [*NODES[:1], node("Dropout", ["f"], ["y"], is_test=1)]
        said = refuse(save_graph(nodes, ENDS, ARRAYS, opset=6), trust=trust)
        assert "'Dropout' of opset 6" in said
        assert "export it in float32 with a newer opset" in said


def test_a_new_operator_of_a_new_opset(save_graph):
    path = save_graph([*NODES[:1], node("NotYetThere", ["f"], ["y"])], ENDS, ARRAYS)
    said = refuse(change(path, opset=99))
    assert "opset 99 with the operator 'NotYetThere'" in said
    assert f"opset {onnx.defs.onnx_opset_version()} or lower" in said


def test_opsets_come_from_onnx():
    assert newest_opset(8) == 18
    assert newest_opset(onnx.IR_VERSION) == onnx.defs.onnx_opset_version()
    assert newest_opset(0) == 0


PREFIX = "[ONNXRuntimeError] : 1 : FAIL : "
PLACE = "/onnxruntime_src/onnxruntime/core/graph/model.cc:256 "
SIGNATURES = [
    "onnxruntime::Model::Model(onnx::ModelProto&&, const std::function<void(int)>&) ",
    "void onnxruntime::Foo<T>::Bar(const std::unordered_map<std::basic_string<char>, int>&) const "
    "[with T = float; U = std::vector<int>] ",
    "onnxruntime::common::Status onnxruntime::F::Run(int)::<lambda(const Node&, size_t)> ",
    "onnxruntime::G::operator()(long int) const ",
]


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("condition", ["", "size != 0 && (input % size) == 0 was false. "])
@pytest.mark.parametrize("before", ["", "Load model from a b.onnx failed:", "Node (n): "])
def test_places_in_the_source_are_left_out(signature, condition, before):
    said = cause(f"{PREFIX}{before}{PLACE}{signature}{condition}The reason, (1) of 2.")
    assert said.removeprefix("Node (n): ") == "The reason, (1) of 2."


def test_a_place_without_a_reason_is_kept():
    assert cause(f"{PLACE}f(int) ").startswith(PLACE.strip())
    assert cause(f"{PLACE}f(int)( no end").endswith("no end")
    assert cause(RuntimeError()) == "RuntimeError"


def test_a_long_reason_begins_with_what_matters():
    long = "onnxruntime::A::B(" + ", ".join(["const std::string&"] * 40) + ") "
    said = cause(f"{PREFIX}{PLACE}{long}The reason. {'x' * 400}")
    assert said.startswith("The reason.")
    assert len(said) == CAUSE_LENGTH


def test_other_rejections(tmp_path):
    said = str(rejected(tmp_path / "a.onnx", f"{PREFIX}{PLACE}f(int) it is odd"))
    assert "ONNX Runtime rejects (it is odd)" in said
