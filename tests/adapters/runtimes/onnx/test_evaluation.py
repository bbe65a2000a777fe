"""Batch normalization and dropout that were exported in training mode run as in evaluation."""

from __future__ import annotations

import hashlib
from functools import partial

import adapter_testing
import numpy as np
import onnx
import pytest
from adapter_testing import one_line
from onnx import TensorProto, helper, numpy_helper

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxOpener, OnnxRuntime
from latent_analyze_adapters.runtimes.onnx.surgery.evaluation import (
    in_training_mode,
    to_evaluation,
)

SHAPE, DIM = (2, 3, 1), 4
images = partial(adapter_testing.images, shape=SHAPE)
RNG = np.random.default_rng(0)
node = helper.make_node
ARRAYS = {
    "A": RNG.normal(0, 0.5, (6, DIM)), "s": RNG.uniform(0.5, 2, DIM), "b": RNG.normal(size=DIM),
    "mean": RNG.normal(size=DIM), "var": RNG.uniform(0.5, 2, DIM), "ratio": 0.5,
    "yes": np.array(True), "no": np.array(False), "axis": np.array([0]),
}  # fmt: skip
ENDS = ({"x": SHAPE}, {"y": (DIM,)})
HEAD = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "A"], ["m"])]
PARTS = ["m", "s", "b", "mean", "var"]
NOTE = (
    "encoder: batch normalization was exported in training mode; its running statistics are "
    "used, as the trained model would"
)


def normalized(opset=18, *, outputs=("y", "mean2", "var2"), parts=PARTS):
    mode = {"training_mode": 1} if opset >= 14 else {}
    return node("BatchNormalization", parts, list(outputs), **mode)


def expected(x):
    m = x.reshape(len(x), -1) @ ARRAYS["A"]
    return (m - ARRAYS["mean"]) / np.sqrt(ARRAYS["var"] + 1e-5) * ARRAYS["s"] + ARRAYS["b"]


def open_bare(path, **options):
    return OnnxRuntime().open(path, device="cpu", **options)


def facts(path, bundle):
    opener = OnnxOpener(path.parent, "cpu", False)
    return opener.facts(bundle, SessionCache(opener).file)


def dropout_notes(model):
    return [note for note in model.spec.notes if "dropout was exported" in note]


class TestBatchNormalization:
    @pytest.mark.parametrize("external", [False, True])
    def test_running_statistics_are_used(self, save_graph, external):
        path = save_graph([*HEAD, normalized()], ENDS, ARRAYS, external=external)
        model = open_bare(path)
        x = images(7)
        np.testing.assert_allclose(model.encode(x).mu, expected(x), rtol=1e-4, atol=1e-5)
        assert NOTE in model.spec.notes
        assert not any("affect each other" in note for note in model.spec.notes)
        (choice,) = facts(path, model.bundle).choices
        assert (choice.key, choice.value, choice.known) == ("encoder.batch_mode", "eval", "graph")
        assert choice.why == "batch normalization was exported in training mode"

    @pytest.mark.parametrize("opset", [9, 13])
    def test_older_opsets_show_it_by_their_outputs(self, save_graph, opset):
        outputs = ("y", "mean2", "var2", "mean3", "var3")
        path = save_graph(
            [*HEAD, normalized(opset, outputs=outputs)], ENDS, ARRAYS, opset=opset
        )  # fmt: skip
        x = images(7)
        np.testing.assert_allclose(open_bare(path).encode(x).mu, expected(x), rtol=1e-4, atol=1e-5)

    def test_the_hash_is_that_of_the_file(self, save_graph):
        path = save_graph([*HEAD, normalized()], ENDS, ARRAYS)
        model = open_bare(path)
        found = model.describe()["encoder"]["sha256"]
        assert found == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_keep_runs_it_as_exported(self, save_graph):
        path = save_graph([*HEAD, normalized()], ENDS, ARRAYS)
        spec = EncoderSpec(file=path.name, batch_mode="keep")
        write_bundle(path.parent, Bundle(encoder=spec))
        with pytest.raises(ModelError, match="rows affect each other") as error:
            OnnxRuntime().open(path.parent, device="cpu")
        one_line(error)

    def test_statistics_that_are_outputs_are_dropped(self, save_graph):
        more = [node("Identity", ["var2"], ["v2"])]
        ends = ({"x": SHAPE}, {"y": (DIM,)})
        path = save_graph([*HEAD, normalized(), *more], ends, ARRAYS)
        proto = onnx.load(path)
        for name in ("mean2", "v2"):
            proto.graph.output.append(helper.make_tensor_value_info(name, 1, [DIM]))
        onnx.save(proto, path)
        model = open_bare(path)
        assert model.latent_outputs == ("y",)
        np.testing.assert_allclose(model.encode(images(3)).mu, expected(images(3)), rtol=1e-4)

    def test_statistics_that_are_used_are_those_of_the_file(self, save_graph):
        nodes = [*HEAD, normalized(outputs=("n", "mean2", "var2"))]
        nodes.append(node("Add", ["n", "mean2"], ["y"]))
        x = images(5)
        mu = open_bare(save_graph(nodes, ENDS, ARRAYS)).encode(x).mu
        np.testing.assert_allclose(mu, expected(x) + ARRAYS["mean"], rtol=1e-4, atol=1e-4)

    def test_extracted_parts_use_them_too(self, save_graph):
        nodes = [
            *HEAD, normalized(outputs=("n", "mean2", "var2")), node("RandomNormalLike", ["n"],
            ["e"]), node("Exp", ["m"], ["std"]), node("Mul", ["std", "e"], ["se"]),
            node("Add", ["n", "se"], ["y"]),
        ]  # fmt: skip
        model = open_bare(save_graph(nodes, ENDS, ARRAYS))
        assert model.bundle.encoder.mu == "n"
        x = images(5)
        np.testing.assert_allclose(model.encode(x).mu, expected(x), rtol=1e-4, atol=1e-5)

    def test_statistics_that_are_not_in_the_file(self, save_graph):
        batch = [
            node("ReduceMean", ["m", "axis"], ["mean1"], keepdims=0), node("Mul", ["m", "m"],
            ["mm"]), node("ReduceMean", ["mm", "axis"], ["var1"], keepdims=0),
        ]  # fmt: skip
        parts = ["m", "s", "b", "mean1", "var1"]
        path = save_graph([*HEAD, *batch, normalized(parts=parts)], ENDS, ARRAYS)
        with pytest.raises(ModelError, match="running statistics of batch normalization") as error:
            open_bare(path)
        assert "model.eval()" in one_line(error)
        assert "--batch-mode keep" in one_line(error)

    def test_a_decoder(self, save_graph):
        ends = ({"x": (6,)}, {"y": (DIM,)})
        path = save_graph([*HEAD, normalized()], ends, ARRAYS, name="decoder.onnx")
        spec = DecoderSpec(file=path.name)
        write_bundle(path.parent, Bundle(image_shape=(2, 2, 1), decoder=spec))
        model = OnnxRuntime().open(path.parent, device="cpu")
        assert NOTE.replace("encoder", "decoder") in model.spec.notes
        (choice,) = facts(path, model.bundle).choices
        assert choice.key == "decoder.batch_mode"

    def test_inside_a_function(self, save_graph, build):
        opsets = [helper.make_opsetid("", 18)]
        function = helper.make_function(
            "own", "block", ["m", "s", "b", "mean", "var"], ["y"], [normalized()], opsets
        )
        call = node("block", PARTS, ["y"], domain="own")
        proto = build([*HEAD, call], ENDS, ARRAYS)
        proto.functions.append(function)
        proto.opset_import.append(helper.make_opsetid("own", 1))
        path = save_graph([*HEAD, normalized()], ENDS, ARRAYS)
        onnx.save(proto, path)
        x = images(5)
        np.testing.assert_allclose(open_bare(path).encode(x).mu, expected(x), rtol=1e-4, atol=1e-5)


class TestEvaluationAlready:
    @pytest.mark.parametrize(
        "last",
        [
            node("BatchNormalization", PARTS, ["y"]), node("Dropout", ["m"], ["y"]),
            node("Dropout", ["m", "ratio"], ["y"]), node("Dropout", ["m", "ratio", "no"], ["y"]),
        ],
        ids=["normalization", "dropout", "ratio", "mode"],
    )  # fmt: skip
    def test_nothing_is_changed(self, build, save_graph, last):
        proto = build([*HEAD, last], ENDS, ARRAYS)
        assert not in_training_mode(proto)
        before = proto.SerializeToString()
        changed, changes = to_evaluation(proto, save_graph([*HEAD, last], ENDS, ARRAYS))
        assert not changes
        assert changed.SerializeToString() == before

    def test_no_note(self, save_graph):
        last = node("BatchNormalization", PARTS, ["y"])
        path = save_graph([*HEAD, last], ENDS, ARRAYS)
        model = open_bare(path)
        assert not any("training mode" in note for note in model.spec.notes)
        assert facts(path, model.bundle).choices == ()


class TestDropout:
    def mode_as(self, kind):
        """Return the nodes of a mode that is true, and its name."""
        if kind == "initializer":
            return [], "yes"
        made = node("Constant", [], ["on"], value=numpy_helper.from_array(np.array(True)))
        return ([made], "on") if kind == "node" else ([made, node("Identity", ["on"], ["o"])], "o")

    @pytest.mark.parametrize("kind", ["initializer", "node", "passed on"])
    def test_it_is_switched_off(self, save_graph, kind):
        made, mode = self.mode_as(kind)
        # The mask keeps ONNX Runtime from removing the dropout on its own.
        nodes = [
            *made, *HEAD, node("Dropout", ["m", "ratio", mode], ["d", "mask"]),
            node("Cast", ["mask"], ["c"], to=TensorProto.FLOAT), node("Mul", ["d", "c"], ["y"]),
        ]  # fmt: skip
        path = save_graph(nodes, ENDS, ARRAYS)
        model = open_bare(path)
        x = images(5)
        mu = x.reshape(5, -1) @ ARRAYS["A"]
        np.testing.assert_allclose(model.encode(x).mu, mu, rtol=1e-4, atol=1e-5)
        assert dropout_notes(model)
        assert not any("random" in note for note in model.spec.notes)
        assert facts(path, model.bundle).choices[0].why == "dropout was exported in training mode"

    @pytest.mark.parametrize("name", ["mode", "training"])
    def test_a_mode_that_is_an_input(self, save_graph, name):
        inputs = (helper.make_tensor_value_info(name, TensorProto.BOOL, []),)
        nodes = [*HEAD, node("Dropout", ["m", "ratio", name], ["y"])]
        model = open_bare(save_graph(nodes, ENDS, ARRAYS, inputs=inputs))
        x = images(5)
        mu = x.reshape(5, -1) @ ARRAYS["A"]
        np.testing.assert_allclose(model.encode(x).mu, mu, rtol=1e-4, atol=1e-5)
        assert dropout_notes(model)

    def test_an_input_that_asks_for_the_mode_of_a_branch(self, save_graph):
        def branch(number):
            made = node("Mul", ["m", number], [f"o{number}"])
            end = helper.make_tensor_value_info(f"o{number}", TensorProto.FLOAT, None)
            return helper.make_graph([made], number, [], [end])

        choice = node(
            "If", ["is_training"], ["y"], then_branch=branch("two"), else_branch=branch("three")
        )
        inputs = (helper.make_tensor_value_info("is_training", TensorProto.BOOL, []),)
        path = save_graph([*HEAD, choice], ENDS, ARRAYS, inputs=inputs)
        proto = onnx.load(path)
        for name, value in {"two": 2.0, "three": 3.0}.items():
            proto.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
        onnx.save(proto, path)
        model = open_bare(path)
        x = images(5)
        mu = 3 * x.reshape(5, -1) @ ARRAYS["A"]
        np.testing.assert_allclose(model.encode(x).mu, mu, rtol=1e-4, atol=1e-5)
        assert (
            "encoder: its input 'is_training' is set to false, for evaluation" in model.spec.notes
        )

    def test_keep(self, save_graph):
        nodes = [
            *HEAD, node("Dropout", ["m", "ratio", "yes"], ["d", "mask"]),
            node("Cast", ["mask"], ["c"], to=TensorProto.FLOAT), node("Mul", ["d", "c"], ["y"]),
        ]  # fmt: skip
        path = save_graph(nodes, ENDS, ARRAYS)
        spec = EncoderSpec(file=path.name, batch_mode="keep")
        write_bundle(path.parent, Bundle(encoder=spec))
        model = OnnxRuntime().open(path.parent, device="cpu")
        assert any("the graph is random" in note for note in model.spec.notes)
        assert not dropout_notes(model)

    @pytest.mark.parametrize("operator", ["Dropout", "BatchNormalization"])
    def test_is_test_of_old_opsets(self, build, tmp_path, operator):
        parts = PARTS if operator == "BatchNormalization" else ["m"]
        proto = build([*HEAD, node(operator, parts, ["y"], is_test=0)], ENDS, ARRAYS, opset=6)
        assert in_training_mode(proto)
        changed, changes = to_evaluation(proto, tmp_path / "encoder.onnx")
        assert changes
        assert [a.i for a in changed.graph.node[-1].attribute if a.name == "is_test"] == [1]
        assert not in_training_mode(changed)
