"""The Python code in the documentation runs, and its plugin keeps the contract."""

from __future__ import annotations

import importlib
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import latent_analyze as la
from latent_analyze.host import hookspecs
from latent_analyze.plugin import Bundle, Dataset, DecoderSpec, EncoderSpec, Host, write_bundle
from latent_analyze.runs.opening import open_model
from latent_analyze.testing import check_adapter, check_analysis, check_sampler

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUNNABLE = [ROOT / "README.md", DOCS / "python.md", DOCS / "store-format.md"]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def write_linear_bundle(folder: Path, dim: int) -> None:
    """Write a variational model of 8x8 images as a trainer does, but linear and untrained."""
    rng = np.random.default_rng(0)
    matrices = {
        "W": rng.normal(0, 0.3, (64, dim)), "V": rng.normal(0, 0.1, (64, dim)),
        "D": rng.normal(0, 0.3, (dim, 64)),
    }  # fmt: skip
    folder.mkdir(parents=True)
    node = helper.make_node
    encoder = [
        node("Flatten", ["image"], ["flat"]),
        node("MatMul", ["flat", "W"], ["mu"]),
        node("MatMul", ["flat", "V"], ["log_var"]),
    ]
    decoder = [
        node("MatMul", ["z", "D"], ["logits"]),
        node("Sigmoid", ["logits"], ["flat"]),
        node("Reshape", ["flat", "shape"], ["image"]),
    ]
    image, z = ("image", ["N", 8, 8, 1]), ("z", ["N", dim])
    latents = [("mu", ["N", dim]), ("log_var", ["N", dim])]
    arrays = {name: values.astype(np.float32) for name, values in matrices.items()}
    arrays["shape"] = np.array([-1, 8, 8, 1])
    _save(folder / "encoder.onnx", encoder, ([image], latents), arrays)
    _save(folder / "decoder.onnx", decoder, ([z], [image]), arrays)
    write_bundle(
        folder,
        Bundle(
            image_shape=(8, 8, 1),
            encoder=EncoderSpec(file="encoder.onnx", log_var="log_var"),
            decoder=DecoderSpec(file="decoder.onnx"),
        ),
    )


def _save(path: Path, nodes: list[Any], sides: tuple[Any, Any], arrays: dict[str, Any]) -> None:
    used = {name for node in nodes for name in node.input}
    inputs, outputs = (
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in side]
        for side in sides
    )
    weights = [numpy_helper.from_array(v, n) for n, v in arrays.items() if n in used]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, weights)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``model`` and ``latents.zarr``, as the docs take them to be there."""
    folder = tmp_path_factory.mktemp("docs")
    write_linear_bundle(folder / "model", 8)
    la.encode(folder / "model", "digits:limit=400", folder / "latents.zarr")
    return folder


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda p: p.name)
def test_python_blocks_run(
    page: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(trainer: Any, dataset: Dataset, output: Path, progress: Any) -> None:
        assert dataset.item.shape == (8, 8, 1)
        write_linear_bundle(output, trainer.options.z_dim)

    monkeypatch.setattr(Host().trainers["vae"].cls, "train", train)
    found, names = blocks(page, "python"), dict[str, Any]()
    assert found
    for number, block in enumerate(found):
        folder = tmp_path / str(number)
        folder.mkdir()
        if "la.train(" not in block:
            shutil.copytree(prepared, folder, dirs_exist_ok=True)
        monkeypatch.chdir(folder)
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


@pytest.mark.parametrize(
    ("heading", "modules", "files"),
    [
        ("Exporting from PyTorch", ["torch", "onnxscript"], ["encoder", "decoder", "traced"]),
        ("Exporting from Keras", ["keras", "tf2onnx"], ["keras_encoder"]),
    ],
)
def test_the_exports_of_the_docs_are_models(
    heading: str, modules: list[str], files: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for module in modules:
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "models.md").read_text(encoding="utf-8")
    part = re.split(r"^#+ ", text.split(f"### {heading}\n")[1], flags=re.MULTILINE)[0]
    names: dict[str, Any] = {}
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    ):
        exec(compile(block, f"{heading}, block {number}", "exec"), names)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{f}.onnx" for f in files)
    for file in files:
        model, _ = open_model(f"{file}.onnx", Host())
        assert model.spec.dim == 4
        assert model.spec.variational == model.spec.can_encode
        assert not any("training" in note or "row by row" in note for note in model.spec.notes)
        if model.spec.can_encode:
            assert model.encode(np.zeros((3, 8, 8, 1), np.float32)).mu.shape == (3, 4)


def test_the_plugins_of_the_docs_keep_their_contracts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = DOCS / "plugins.md"
    code = "\n\n".join(blocks(page, "python"))
    (tmp_path / "documented.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module("documented")
    module.test_contracts()
    host = Host(plugins=[module])
    assert not [problem for problem in host.problems if problem.distribution == "this program"]
    mine = {name for name, plugin in host.analyses.items() if plugin.cls.__module__ == "documented"}
    assert mine == {"tails", "tails_tested", "power_radius"}
    for name in mine:
        check_analysis(host.analyses[name].cls())
    assert {"laplace", "recentered"} <= set(host.samplers)
    check_sampler(module.Recentered())
    check_documented_data(tmp_path, host)
    weights = np.random.default_rng(0).normal(size=(4, 4, 1, 3)).astype(np.float32)
    np.savez(tmp_path / "linear.npz", weights=weights)
    check_adapter(module.LinearAdapter(), tmp_path / "linear.npz")
    (entry_points,) = blocks(page, "toml")
    assert hookspecs.PROJECT in tomllib.loads(entry_points)["project"]["entry-points"]


def check_documented_data(folder: Path, host: Host) -> None:
    """Check that the documented data sets are found by their files, and read."""
    (folder / "points.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n5,7,x\n", encoding="utf-8")
    source = la.open_source(folder / "points.csv", host=host)
    assert (source.count, source.dim) == (3, 2)
    assert "label:label" in source.fields
    (folder / "recordings").mkdir()
    for name in ("anna_1", "anna_2", "bela_1"):
        np.save(folder / "recordings" / f"{name}.npy", np.random.default_rng(0).random((5, 7)))
    dataset = host.get("dataset", "audio_folder").cls(str(folder / "recordings"))
    items = dataset.read(np.arange(3))
    assert items.x.shape == (3, 5, 7, 1)
    assert list(items.labels["speaker"]) == ["anna", "anna", "bela"]
