"""Real tables from a file to a report: columns, notes, names in figures, texts as classes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_wine

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "core" / "helpers"))

from command_line import CommandLine  # noqa: E402

import latent_analyze as la  # noqa: E402
from latent_analyze.store import Store  # noqa: E402

CULTIVARS = np.array(["barolo", "grignolino", "barbera"])
QUICK = {"null": "none"}


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


def wine(path: str = "wine.parquet") -> Any:
    """Write a table with columns of floats, whole numbers and texts; return it."""
    table = load_wine(as_frame=True).frame
    table["proline"] = table["proline"].astype(int)
    table["cultivar"] = CULTIVARS[table.pop("target")]
    pq.write_table(pa.Table.from_pandas(table), path)
    return table


def save(path: str, nodes: list[Any], inputs: dict[str, int], output: tuple[str, int]) -> None:
    info = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
        for name, size in {**inputs, output[0]: output[1]}.items()
    }
    constants = [node for node in nodes if isinstance(node, TensorProto)]
    graph = helper.make_graph(
        [node for node in nodes if not isinstance(node, TensorProto)], "g",
        [info[name] for name in inputs], [info[output[0]]], initializer=constants,
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    content = helper.make_model(graph, opset_imports=opset, ir_version=9)
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_bytes(content.SerializeToString())


def write_components(
    folder: str, x: np.ndarray, dim: int, classes: np.ndarray | None = None
) -> None:
    """Write principal components as encoder and decoder; given classes, about their means."""
    x = x.astype(np.float64)
    number = (
        np.zeros(len(x), int) if classes is None else np.unique(classes, return_inverse=True)[1]
    )
    means = np.array([x[number == place].mean(axis=0) for place in range(number.max() + 1)])
    scale = x.std(axis=0)
    axes = np.linalg.svd((x - means[number]) / scale, full_matrices=False)[2][:dim].T

    def const(name: str, value: np.ndarray) -> Any:
        return numpy_helper.from_array(np.asarray(value, np.float32), name)

    about = ["label"] if classes is not None else []
    mean = helper.make_node("MatMul", ["label", "means"], ["mean"])
    center = const("means", means) if about else const("mean", means[0])
    node, size = helper.make_node, x.shape[1]
    save(
        f"{folder}/encoder.onnx",
        [center, const("w", axes / scale[:, None]), *([mean] if about else []),
         node("Sub", ["x", "mean"], ["d"]), node("MatMul", ["d", "w"], ["mu"])],
        {"x": size, **dict.fromkeys(about, len(means))}, ("mu", dim),
    )  # fmt: skip
    save(
        f"{folder}/decoder.onnx",
        [center, const("w", axes.T * scale), *([mean] if about else []),
         node("MatMul", ["z", "w"], ["d"]), node("Add", ["d", "mean"], ["y"])],
        {"z": dim, **dict.fromkeys(about, len(means))}, ("y", size),
    )  # fmt: skip


def test_encode_and_run_say_which_columns_are_values(cli: CommandLine) -> None:
    table = wine()
    write_components("model", table.drop(columns="cultivar").to_numpy(float), 3)
    ran = cli("encode", "model", "wine.parquet")
    note = "note: Columns: proline (whole numbers) is among the values. To change that: "
    assert f"{note}wine.parquet:integers=labels, wine.parquet:vectors=[...]" in ran.out
    store = Store("latents.zarr")
    names = table.columns[:-1].tolist()
    assert list(store.schema.dataset.value_names) == names
    for source in ("latents.zarr", "wine.parquet"):
        ran = cli("run", source, "--plugins", "radius", "--null", "none", "-o", f"r-{source}")
        assert ran.out.count(note) == 1
        assert note.removeprefix("note: ")[:60] in Path(f"r-{source}", "report.html").read_text()
    # The advice does what it says, and then nothing is left to say.
    ran = cli("run", "wine.parquet:integers=labels", "--plugins", "radius", "--null", "none")
    assert "178 z-points of 12 dimensions" in ran.out
    assert "Columns" not in ran.out
    fewer = ",".join(names[:4])
    assert la.open_source(f"wine.parquet:vectors=[{fewer}]").dim == 4


def test_a_source_beside_the_data_says_it_once(cli: CommandLine) -> None:
    wine()
    wine("other.parquet")
    ran = cli("run", "wine.parquet", "--with", "other.parquet", "-p", "radius", "--null", "none")
    assert ran.out.count("Columns: proline") == 2
    assert "note: other: Columns: proline" in ran.out
    ran = cli("run", "wine.parquet", "--with", "wine.parquet[cultivar=barolo]", "-p", "radius")
    assert ran.out.count("Columns: proline") == 1


def test_columns_have_their_names_in_the_report(cli: CommandLine) -> None:
    bunch = load_breast_cancer(as_frame=True)
    pq.write_table(pa.Table.from_pandas(bunch.frame), "cancer.parquet")
    write_components("model", bunch.data.to_numpy(), 5)
    store = la.encode("model", "cancer.parquet")
    assert store.take(np.arange(3), frozenset({"z", "label:target"})).labels["target"].tolist() == (
        bunch.target[:3].tolist()
    )
    plugins = ["reconstruct", "traversals", "random_decode"]
    report = la.run("latents.zarr", plugins=plugins, output="report", **QUICK)
    names = bunch.feature_names.tolist()
    assert report["reconstruct"].data["feature"].tolist() == names
    assert report["traversals"].data["feature"].tolist() == names
    x = bunch.data.to_numpy()
    z = (x - x.mean(0)) / x.std(0)
    basis = np.linalg.svd(z, full_matrices=False)[2][:5]
    expected = 1 - ((z - z @ basis.T @ basis) ** 2).mean(axis=0)
    found = report["reconstruct"].data["feature_explained"]
    np.testing.assert_allclose(found, expected, atol=0.01)
    worst = names[int(expected.argmin())]
    assert any(worst in f.text and "Column by column" in f.text for f in report.findings)


def test_texts_condition_encoder_and_decoder(cli: CommandLine) -> None:
    table = wine()
    x, cultivar = table.drop(columns="cultivar").to_numpy(float), table["cultivar"].to_numpy(str)
    write_components("model", x, 2, cultivar)
    ran = cli("encode", "model", "wine.parquet")
    order = "'label' gets barbera = 0, barolo = 1, grignolino = 2 (the texts of 'cultivar', sorted"
    assert f"assumed: {order}" in ran.out
    report = la.run("latents.zarr", plugins="reconstruct", **QUICK)
    number = np.unique(cultivar, return_inverse=True)[1]
    means = np.array([x[number == place].mean(axis=0) for place in range(3)])[number]
    basis = np.linalg.svd((x - means) / x.std(0), full_matrices=False)[2][:2]
    rest = (x - means) / x.std(0)
    error = ((rest - rest @ basis.T @ basis) * x.std(0)) ** 2
    assert report["reconstruct"].data["mse"] == pytest.approx(error.mean(), rel=1e-3)
    # Another number of classes than the model has.
    table["cultivar"] = np.where(np.arange(len(table)) < 9, "unknown", cultivar)
    pq.write_table(pa.Table.from_pandas(table), "four.parquet")
    ran = cli("encode", "model", "four.parquet", "-o", "four.zarr")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "found 4: barbera, barolo, grignolino, unknown; name all 3 in the order" in ran.err
