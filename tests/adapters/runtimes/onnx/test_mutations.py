"""Models are untrusted input: mutants, bombs, and weights in places where they must not be."""

from __future__ import annotations

import os
import sys
import time

import mutations
import numpy as np
import onnx
import pytest
from adapter_testing import one_line
from mutation_runs import run, watch
from onnx import TensorProto, helper, numpy_helper

from latent_analyze import ModelError
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.safety import trial as sandbox
from latent_analyze_adapters.runtimes.onnx.safety.static_check import check_proto

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")


def open_model(path, **options):
    return OnnxRuntime().open(path, device="cpu", **options)


def write(path, nodes, initializer=(), functions=(), opsets=(("", 18),)):
    ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4])] for n in "xy"]
    graph = helper.make_graph(nodes, "g", *ends, initializer=list(initializer))
    opsets = [helper.make_opsetid(*o) for o in opsets]
    proto = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)
    path.write_bytes(proto.SerializeToString())
    return path


def bomb(path, count, *, hidden):
    """Write a model that makes `count` float32 values, of a shape stated or only computed."""
    name = "made" if hidden else "shape"
    nodes = [
        helper.make_node("Mul", ["shape", "one"], ["made"]),
        helper.make_node("ConstantOfShape", [name], ["c"]),
        helper.make_node("ReduceSum", ["c"], ["r"], keepdims=0),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ][0 if hidden else 1 :]
    values = {"shape": [count], "one": [1]}
    return write(path, nodes, [numpy_helper.from_array(np.array(v), n) for n, v in values.items()])


@linux
class TestMutants:
    def test_none_escapes(self):
        verdicts = dict(run(mutations.MODELS, 150, seed=0, workers=1))
        assert sorted(verdicts) == list(range(150))
        assert set(verdicts.values()) == {"error", "result"}

    def test_the_unharmed_model_runs(self, tmp_path):
        path = tmp_path / "encoder.onnx"
        path.write_bytes(mutations.base_model())
        assert watch(lambda: mutations.attempt(path)) == "result"

    def test_same_seed_same_mutant(self):
        assert mutations.mutant(3, 5) == mutations.mutant(3, 5)
        assert mutations.mutant(3, 5) != mutations.mutant(4, 5)

    def test_other_exceptions_are_noticed(self, tmp_path, monkeypatch):
        def crash(*args, **kwargs):
            raise RuntimeError("boom")

        monkeypatch.setattr(OnnxRuntime, "open", crash)
        assert watch(lambda: mutations.attempt(tmp_path)) == "RuntimeError: boom"


class TestBombs:
    @linux
    @pytest.mark.parametrize("hidden", [True, False])
    @pytest.mark.parametrize("size", [1 << 30, 1 << 35, 1 << 46], ids=["1GB", "32GB", "64TB"])
    def test_bomb(self, tmp_path, size, hidden):
        path = bomb(tmp_path / "encoder.onnx", size // 4, hidden=hidden)
        assert path.stat().st_size < 300
        start = time.perf_counter()
        with pytest.raises(ModelError, match="needs more" if hidden else "512 MiB") as error:
            open_model(path)
        assert "--trust" in one_line(error)
        assert time.perf_counter() - start < sandbox.SECONDS

    def test_a_small_one_is_no_bomb(self, tmp_path):
        assert open_model(bomb(tmp_path / "encoder.onnx", 1 << 10, hidden=True)).spec.dim == 4

    @pytest.mark.parametrize("dims", [[-5], [1 << 40], [1 << 62, 1 << 62]])
    def test_weights_that_are_not_there(self, tmp_path, dims):
        tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
        tensor.ClearField("dims")
        tensor.dims.extend(dims)
        path = write(
            tmp_path / "encoder.onnx", [helper.make_node("Add", ["x", "w"], ["y"])], [tensor]
        )
        with pytest.raises(ModelError, match="a complete tensor 'w'") as error:
            open_model(path)
        one_line(error)

    def test_budget(self, tmp_path):
        path = bomb(tmp_path / "encoder.onnx", 1 << 10, hidden=False)
        check_proto(onnx.load(path), path)
        with pytest.raises(ModelError, match="tensors of at most 0 MiB"):
            check_proto(onnx.load(path), path, budget=1000)


class TestTrial:
    """What the process that tries models does when one fails."""

    def test_no_end(self, tmp_path):
        nodes = [helper.make_node("Add", ["s", "s"], ["t"])]
        ends = [("i", 7), ("c", 9), ("s", 1)], [("c", 9), ("t", 1)]
        body = helper.make_graph(
            nodes, "body",
            *([helper.make_tensor_value_info(n, kind, []) for n, kind in end] for end in ends),
        )  # fmt: skip
        loop = helper.make_node("Loop", ["", "yes", "zero"], ["t"], body=body)
        values = {"yes": np.array(True), "zero": np.array(0, np.float32)}
        constants = [numpy_helper.from_array(v, n) for n, v in values.items()]
        path = write(
            tmp_path / "encoder.onnx",
            [loop, helper.make_node("Add", ["x", "t"], ["y"])],
            constants,
        )
        file = sandbox.read_model_file(path)
        with pytest.raises(ModelError, match="that it takes longer") as error:
            sandbox.try_model(file, seconds=0.5)
        assert "--trust" in one_line(error)

    def test_crash(self, make_linear, tmp_path, monkeypatch):
        file = sandbox.read_model_file(make_linear(seed=71).encoder(tmp_path / "encoder.onnx"))
        monkeypatch.setattr(sandbox, "_ask", lambda request: {"ended": sandbox._ending(-11)})
        with pytest.raises(ModelError, match="a crash") as error:
            sandbox.try_model(file)
        assert "SIGSEGV" in one_line(error)

    @linux
    def test_a_process_that_was_killed_is_replaced(self, make_linear, tmp_path):
        for seed in (72, 73):
            open_model(make_linear(seed=seed).encoder(tmp_path / "encoder.onnx"))
            (child,) = sandbox._CHILDREN
            child.process.kill()

    def test_once_per_content(self, make_linear, tmp_path, monkeypatch):
        path = make_linear(seed=74).encoder(tmp_path / "encoder.onnx")
        open_model(path)
        monkeypatch.setattr(sandbox, "_ask", lambda request: pytest.fail("tried again"))
        assert open_model(path).spec.dim == 5

    def test_trusted_models_are_not_tried(self, make_linear, tmp_path, monkeypatch):
        path = make_linear(seed=75).encoder(tmp_path / "encoder.onnx")
        monkeypatch.setattr(sandbox, "_ask", lambda request: pytest.fail("tried"))
        assert open_model(path, trust=True).spec.dim == 5


class TestOperators:
    @pytest.mark.parametrize(
        ("domain", "name"),
        [("evil", "Relu"), ("com.microsoft", "EPContext"), ("", "Nothing"), ("ai.onnx.ml", "Relu")],
    )
    def test_refused_anywhere(self, tmp_path, domain, name):
        bad = helper.make_node(name, ["x"], ["y"], domain=domain)
        out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        branch = helper.make_graph([bad], "b", [], out)
        condition = numpy_helper.from_array(np.array(True), "yes")
        inner = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
        opsets = [("", 18), ("local", 1)] + ([(domain, 1)] if domain else [])
        function = helper.make_function(
            "local", "F", ["x"], ["y"], [bad], [helper.make_opsetid(*o) for o in opsets]
        )
        call = helper.make_node("F", ["x"], ["y"], domain="local")
        for nodes, functions in (([bad], []), ([inner], []), ([call], [function])):
            path = write(tmp_path / "encoder.onnx", nodes, [condition], functions, opsets)
            with pytest.raises(ModelError, match="standard ONNX operators") as error:
                open_model(path)
            assert name in one_line(error)

    def test_contrib_operators_that_exporters_use(self, tmp_path):
        node = helper.make_node("QuickGelu", ["x"], ["y"], domain="com.microsoft")
        opsets = (("", 18), ("com.microsoft", 1))
        assert open_model(write(tmp_path / "encoder.onnx", [node], opsets=opsets)).spec.dim == 4


class TestExternalData:
    def model(self, folder, location, **parts):
        tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **parts}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        add = helper.make_node("Add", ["x", "w"], ["y"])
        return write(folder / "encoder.onnx", [add], [tensor])

    @pytest.fixture
    def outside(self, tmp_path):
        path = tmp_path / "outside" / "secret.bin"
        path.parent.mkdir()
        path.write_bytes(np.arange(4, dtype="<f4").tobytes())
        (tmp_path / "model" / "sub").mkdir(parents=True)
        return path

    def test_plain_files_are_read(self, tmp_path, outside):
        folder = tmp_path / "model"
        for name in ("w.bin", "sub/w.bin"):
            (folder / name).write_bytes(outside.read_bytes())
            latents = open_model(self.model(folder, name)).encode(np.zeros((2, 4), np.float32))
            np.testing.assert_array_equal(latents.mu, [[0, 1, 2, 3]] * 2)

    @pytest.mark.parametrize(
        "location",
        [
            "", ".", "..", "../outside/secret.bin", "sub/../../outside/secret.bin", "{outside}",
            "sub\\..\\..\\outside\\secret.bin", "C:\\secret.bin", "link.bin", "linked/secret.bin",
            "sub/link.bin", "dangling.bin", "hard.bin", "pipe", "sub", "missing.bin",
            "*/_ORT_MEM_ADDR_/*", "encoder\n.bin",
        ],
    )  # fmt: skip
    @pytest.mark.skipif(sys.platform == "win32", reason="links need rights")
    def test_no_other_file_is(self, tmp_path, outside, location):
        folder = tmp_path / "model"
        for name in ("link.bin", "sub/link.bin"):
            (folder / name).symlink_to(outside)
        (folder / "linked").symlink_to(outside.parent)
        (folder / "dangling.bin").symlink_to("nothing")
        (folder / "hard.bin").hardlink_to(outside)
        os.mkfifo(folder / "pipe")
        path = self.model(folder, location.format(outside=outside))
        with pytest.raises(ModelError, match="weights") as error:
            open_model(path)
        one_line(error)

    @pytest.mark.parametrize(
        "parts",
        [
            {"offset": 1}, {"offset": -4}, {"offset": 1 << 62}, {"length": 17}, {"offset": "x"},
            {"length": -1}, {"offset": "9" * 5000}, {"length": "²"},
        ],
    )  # fmt: skip
    def test_outside_of_the_file(self, tmp_path, outside, parts):
        (tmp_path / "model" / "w.bin").write_bytes(outside.read_bytes())
        path = self.model(tmp_path / "model", "w.bin", **parts)
        with pytest.raises(ModelError, match="a complete tensor 'w'") as error:
            open_model(path)
        one_line(error)

    @pytest.mark.skipif(sys.platform == "win32", reason="no such files")
    def test_a_model_that_is_not_a_regular_file(self, tmp_path):
        os.mkfifo(tmp_path / "encoder.onnx")
        with pytest.raises(ModelError, match="a pipe, a socket or a device") as error:
            sandbox.vet_model_file(tmp_path / "encoder.onnx")
        one_line(error)
