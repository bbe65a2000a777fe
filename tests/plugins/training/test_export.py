import numpy as np
import pytest

from latent_analyze import ModelError
from latent_analyze.plugin import read_bundle

onnx = pytest.importorskip("onnx")
KINDS = ("ae", "vae")


def session(path):
    return pytest.importorskip("onnxruntime").InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )


def run(path, **inputs):
    opened = session(path)
    names = [output.name for output in opened.get_outputs()]
    return dict(zip(names, opened.run(None, inputs), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_gives_what_keras_gave(odd_bundles, kind):
    folder = odd_bundles[kind]
    check = np.load(folder / "check.npz", allow_pickle=False)
    found = run(folder / "encoder.onnx", image=check["x"])
    found["decoded"] = run(folder / "decoder.onnx", z=check["mu"])["image"]
    assert set(found) | {"x"} == set(check.files)
    for name, values in found.items():
        assert values.dtype == check[name].dtype == np.float32
        assert np.abs(values - check[name]).max() <= 1e-4 * check[name].std()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 5])
def test_the_batch_is_dynamic_and_rows_do_not_mix(odd_bundles, kind, count):
    check = np.load(odd_bundles[kind] / "check.npz")
    mu = run(odd_bundles[kind] / "encoder.onnx", image=check["x"][:count])["mu"]
    np.testing.assert_allclose(mu, check["mu"][:count], atol=1e-5)
    image = run(odd_bundles[kind] / "decoder.onnx", z=mu)["image"]
    assert image.shape == (count, 9, 11, 3)
    assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_graphs_draw_nothing(odd_bundles, kind):
    for half in ("encoder.onnx", "decoder.onnx"):
        model = onnx.load(odd_bundles[kind] / half)
        onnx.checker.check_model(model, full_check=True)
        kinds = {node.op_type for node in model.graph.node}
        assert not {op for op in kinds if "Random" in op or op in ("Bernoulli", "Multinomial")}


def test_mu_is_the_first_output_of_a_vae(odd_bundles):
    outputs = session(odd_bundles["vae"] / "encoder.onnx").get_outputs()
    assert [output.name for output in outputs] == ["mu", "log_var"]
    assert outputs[0].shape == ["batch", 3]


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundle_says_what_it_holds(odd_bundles, kind):
    bundle = read_bundle(odd_bundles[kind])
    assert (bundle.image_shape, bundle.latent_shape) == ((9, 11, 3), (3,))
    assert (bundle.encoder.input, bundle.encoder.mu) == ("image", "mu")
    assert bundle.encoder.log_var == ("log_var" if kind == "vae" else None)
    assert (bundle.decoder.input, bundle.decoder.output) == ("z", "image")
    files = {bundle.encoder.file, bundle.decoder.file, bundle.check, "model.toml"}
    assert {path.name for path in odd_bundles[kind].iterdir()} == files


def test_the_bundle_says_how_it_was_trained(odd_bundles, rectangles):
    training = read_bundle(odd_bundles["vae"]).training
    dataset = rectangles((9, 11, 3), 70)
    assert training["trainer"] == "vae"
    assert training["rows"] == 70
    assert training["data"] == {
        "name": "rectangles", "fingerprint": dataset.fingerprint, "count": 70, "split": "all",
    }  # fmt: skip
    assert training["options"]["kl_weight"] == 1.0
    assert training["filters_used"] == [4, 8]
    assert set(training["history"]) == {"loss", "reconstruction", "kl"}
    assert all(len(values) == 2 for values in training["history"].values())
    assert set(training["versions"]) == {"tensorflow", "keras", "tf2onnx"}


def test_check_samples_are_at_most_64_images(odd_bundles):
    x = np.load(odd_bundles["ae"] / "check.npz")["x"]
    assert x.shape == (64, 9, 11, 3)
    assert x.max() > 0.6


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


@pytest.mark.usefixtures("keras_loaded")
def test_names_do_not_depend_on_the_converter_s_counter():
    from latent_analyze_plugins.training.export import Signature, tidy

    graphs = [graph(7), graph(190)]
    for each in graphs:
        tidy(each, "decoder", Signature("z", (3,), ("image",)))
    assert graphs[0].SerializeToString() == graphs[1].SerializeToString()
    assert graphs[0].name == "decoder"
    onnx.checker.check_graph(graphs[0])


@pytest.mark.usefixtures("keras_loaded")
def test_other_names_than_promised_are_refused():
    from latent_analyze_plugins.training.export import Signature, tidy

    with pytest.raises(ModelError, match="from z to picture, found one from z to image"):
        tidy(graph(1), "decoder", Signature("z", (3,), ("picture",)))
