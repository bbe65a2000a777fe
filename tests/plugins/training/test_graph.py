import pytest

from latent_analyze import ModelError
from latent_analyze_plugins.training._graph import Signature, tidy

onnx = pytest.importorskip("onnx")


def graph(counter):
    """z + w -> image, as a converter would name it after `counter`."""
    make = onnx.helper.make_tensor_value_info
    info = [make(n, onnx.TensorProto.FLOAT, ["unk", 3]) for n in ("z", "image")]
    weight = onnx.helper.make_tensor(f"w__{counter}", onnx.TensorProto.FLOAT, [3], [1, 2, 3])
    nodes = [
        onnx.helper.make_node("Add", ["z", weight.name], [f"a__{counter}"], f"n__{counter}"),
        onnx.helper.make_node("Sigmoid", [f"a__{counter}"], ["image"]),
    ]
    return onnx.helper.make_graph(nodes, f"g{counter}", info[:1], info[1:], [weight])


def test_names_do_not_depend_on_the_converter_s_counter():
    graphs = [graph(7), graph(190)]
    for each in graphs:
        tidy(each, "decoder", Signature("z", (3,), ("image",)))
    assert graphs[0].SerializeToString() == graphs[1].SerializeToString()
    assert graphs[0].name == "decoder"
    onnx.checker.check_graph(graphs[0])


def test_other_names_than_promised_are_refused():
    with pytest.raises(ModelError, match="from z to picture, found one from z to image"):
        tidy(graph(1), "decoder", Signature("z", (3,), ("picture",)))
