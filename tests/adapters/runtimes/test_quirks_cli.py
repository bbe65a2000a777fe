"""Each quirk of real exports through the command line: from files to a report, or one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import latent_analyze as la
from latent_analyze.cli.app import app

N, SHAPE, DIM = 60, (4, 6, 3), 5
node, info = helper.make_node, helper.make_tensor_value_info
FLOAT = TensorProto.FLOAT


@dataclass
class Export:
    """What somebody hands over: files, and what their maker knows.

    Attributes
    ----------
    mu
        Latents of the images, (n, dim).
    images
        (n, H, W, C) in [0, 1].
    sidecar
        What has to be stated in model.toml; nothing, where everything is inferred.
    refusal
        What the first `inspect` says where something has to be stated.
    """

    mu: np.ndarray
    images: np.ndarray
    sidecar: str = ""
    refusal: str = ""
    log_var: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    tolerance: float = 1e-3
    labels: dict[str, np.ndarray] = field(default_factory=dict)


def some_images(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    # Multiples of 1/255, as images in files are.
    values = np.random.default_rng(1).integers(0, 256, (N, *shape)) / 255
    return values.astype(np.float32)


def weights(size: int, dim: int = DIM, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, size**-0.5, (size, dim)).astype(np.float32)


def save(
    path: Path,
    nodes: list[Any],
    ends: tuple[list[Any], list[Any]],
    *,
    arrays: dict[str, np.ndarray],
    opset: int = 18,
) -> Path:
    tensors = [numpy_helper.from_array(a, k) for k, a in arrays.items()]
    graph = helper.make_graph(nodes, "g", *ends, tensors)
    ids = [helper.make_opsetid("", opset)]
    onnx.save_model(helper.make_model(graph, opset_imports=ids, ir_version=9), path)
    return path


def linear(
    folder: Path,
    axes: tuple[Any, ...],
    *,
    names: tuple[str, str] = ("x", "mu"),
    batch: tuple[Any, Any] = ("N", "N"),
    latent: tuple[int, ...] = (DIM,),
    **more: Any,
) -> np.ndarray:
    """Write mu = flat(x) W with these axes of the input; returns W."""
    size, dim = int(np.prod([a for a in axes if isinstance(a, int)])), int(np.prod(latent))
    w = weights(size, dim)
    arrays = {"W": w, "flat": np.array([-1, size]), "latent": np.array([-1, *latent])}
    nodes = [
        node("Reshape", [names[0], "flat"], ["f"]), node("MatMul", ["f", "W"], ["m"]),
        node("Reshape", ["m", "latent"], [names[1]]),
    ]  # fmt: skip
    ends = (
        [info(names[0], FLOAT, [batch[0], *axes])], [info(names[1], FLOAT, [batch[1], *latent])],
    )  # fmt: skip
    save(folder / "encoder.onnx", nodes, ends, arrays=arrays, **more)
    return w


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


QUIRKS: dict[str, Callable[[Path], Export]] = {}


def quirk(make: Callable[[Path], Export]) -> Callable[[Path], Export]:
    QUIRKS[make.__name__] = make
    return make


def simple(axes: tuple[int, ...], shape: tuple[int, ...], **more: Any) -> Callable[[Path], Export]:
    """Return the maker of a plain encoder of images of `shape`, channels first if `axes` are."""

    def make(folder: Path) -> Export:
        x = some_images(shape)
        given = x.transpose(0, 3, 1, 2) if axes[0] == shape[-1] and len(axes) == 3 else x
        return Export(flat(given) @ linear(folder, axes, **more), x)

    return make


QUIRKS |= {
    "batch of 1": simple(SHAPE, SHAPE, batch=(1, 1)),
    "batch of 128": simple(SHAPE, SHAPE, batch=(128, 128)),
    "batch fixed inside only": simple(SHAPE, SHAPE, batch=("N", 1)),
    "channels first": simple((3, 4, 6), SHAPE),
    "flat rows": simple((72,), SHAPE),
    "gray without a channel axis": simple((4, 6), (4, 6, 1)),
    "gray, channels first": simple((1, 4, 6), (4, 6, 1)),
    "RGBA": simple((5, 6, 4), (5, 6, 4)),
    "RGBA, channels first": simple((4, 5, 6), (5, 6, 4)),
    "names of TorchScript": simple((3, 4, 6), SHAPE, names=("input.1", "17")),
    "bare numbers": simple(SHAPE, SHAPE, names=("0", "42")),
    "latents of 2 numbers": simple(SHAPE, SHAPE, latent=(2,)),
    "latents of 16,384 numbers": simple((8, 8, 3), (8, 8, 3), latent=(16_384,)),
    "spatial latents": simple(SHAPE, SHAPE, latent=(4, 2, 3)),
    "opset 9": simple(SHAPE, SHAPE, opset=9),
    "opset 13": simple(SHAPE, SHAPE, opset=13),
    "opset 21": simple(SHAPE, SHAPE, opset=21),
    "opset 23": simple(SHAPE, SHAPE, opset=23),
}


@quirk
def no_batch_axis_out(folder: Path) -> Export:
    x, w = some_images(), weights(72)
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]), node("MatMul", ["f", "W"], ["m"]),
        node("Squeeze", ["m", "zero"], ["mu"]),
    ]  # fmt: skip
    arrays = {"W": w, "flat": np.array([-1, 72]), "zero": np.array([0])}
    ends = [info("x", FLOAT, [1, *SHAPE])], [info("mu", FLOAT, [DIM])]
    save(folder / "encoder.onnx", nodes, ends, arrays=arrays)
    return Export(flat(x) @ w, x)


@quirk
def output_that_ignores_the_batch(folder: Path) -> Export:
    x, w = some_images(), weights(72)
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]), node("MatMul", ["f", "W"], ["m"]),
        # Compress, because shape inference does not see through it.
        node("Compress", ["m", "first"], ["mu"], axis=0),
    ]  # fmt: skip
    arrays = {"W": w, "flat": np.array([-1, 72]), "first": np.array([True])}
    ends = [info("x", FLOAT, ["N", *SHAPE])], [info("mu", FLOAT, ["N", DIM])]
    save(folder / "encoder.onnx", nodes, ends, arrays=arrays)
    return Export(flat(x) @ w, x, notes=("run row by row, as its output ignores the batch",))


@quirk
def range_of_bytes(folder: Path) -> Export:
    x, w = some_images(), weights(72)
    nodes = [
        node("Cast", ["x"], ["xf"], to=FLOAT), node("Reshape", ["xf", "flat"], ["f"]),
        node("MatMul", ["f", "W"], ["mu"]),
    ]  # fmt: skip
    ends = [info("x", TensorProto.UINT8, ["N", *SHAPE])], [info("mu", FLOAT, ["N", DIM])]
    save(folder / "encoder.onnx", nodes, ends, arrays={"W": w, "flat": np.array([-1, 72])})
    return Export(255 * flat(x) @ w, x)


@quirk
def mean_and_std(folder: Path) -> Export:
    x = some_images()
    w = linear(folder, (3, 4, 6))
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    sidecar = "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n"
    given = ((x - mean) / std).transpose(0, 3, 1, 2)
    return Export(flat(given) @ w, x, f'[encoder]\nfile = "encoder.onnx"\n{sidecar}')


@quirk
def free_height_and_width(folder: Path) -> Export:
    x = some_images()
    arrays = {"W": weights(3), "axes": np.array([2, 3])}
    nodes = [
        node("ReduceMean", ["x", "axes"], ["f"], keepdims=0),
        node("MatMul", ["f", "W"], ["y"]),
    ]
    ends = [info("x", FLOAT, ["N", 3, "H", "W"])], [info("y", FLOAT, ["N", DIM])]
    save(folder / "encoder.onnx", nodes, ends, arrays=arrays)
    refusal = "fixed height, width and channels"
    notes = ("shape: [4, 6, 3]",)
    return Export(x.mean((1, 2)) @ arrays["W"], x, refusal=refusal, notes=notes)


@quirk
def rows_of_channels_first(folder: Path) -> Export:
    """What `x.view(len(x), -1)` gives, told by the round trip; five numbers are all of an image."""
    rng = np.random.default_rng(4)
    z = rng.dirichlet(np.ones(DIM), N).astype(np.float32)
    x = np.einsum("nd,dhwc->nhwc", z, rng.random((DIM, *SHAPE), np.float32))
    rows = flat(x.transpose(0, 3, 1, 2))
    decode = np.linalg.lstsq(z, rows, rcond=None)[0]
    for name, w in {"encoder": np.linalg.pinv(decode), "decoder": decode}.items():
        ends = [[info(k, FLOAT, ["N", n])] for k, n in zip("xy", w.shape, strict=True)]
        save(folder / f"{name}.onnx", [node("MatMul", ["x", "W"], ["y"])], ends, arrays={"W": w})
    return Export(z, x, notes=("layout: flat-CHW",))


def drawn(std: list[Any]) -> list[Any]:
    return [
        node("Reshape", ["x", "flat"], ["f"]), node("MatMul", ["f", "A"], ["m"]),
        node("MatMul", ["f", "B"], ["h"]), *std, node("RandomNormalLike", ["m"], ["e"]),
        node("Mul", ["s", "e"], ["n"]), node("Add", ["m", "n"], ["z"]),
    ]  # fmt: skip


HALVED = [node("Mul", ["h", "half"], ["h2"]), node("Exp", ["h2"], ["s"])]


def drawing(folder: Path, outputs: str, std: list[Any], **more: Any) -> tuple[np.ndarray, ...]:
    x = some_images()
    arrays = {
        "A": weights(72), "B": weights(72, seed=2), "half": np.float32(0.5),
        "flat": np.array([-1, 72]),
    }  # fmt: skip
    ends = [info("x", FLOAT, ["N", *SHAPE])], [info(n, FLOAT, ["N", DIM]) for n in outputs]
    save(folder / "encoder.onnx", drawn(std), ends, arrays=arrays)
    return x, flat(x) @ arrays["A"], flat(x) @ arrays["B"]


@quirk
def three_outputs_of_one_shape(folder: Path) -> Export:
    x, mu, log_var = drawing(folder, "zhm", HALVED)
    return Export(mu, x, log_var=log_var, notes=("'z' is drawn around it",))


@quirk
def z_drawn_inside(folder: Path) -> Export:
    x, mu, log_var = drawing(folder, "z", HALVED)
    return Export(mu, x, log_var=log_var, notes=("'z' is drawn around it",))


@quirk
def standard_deviation_out(folder: Path) -> Export:
    x, mu, h = drawing(folder, "mzs", [node("Softplus", ["h"], ["s"])])
    return Export(mu, x, log_var=2 * np.log(np.log1p(np.exp(h))))


@quirk
def two_outputs_without_names(folder: Path) -> Export:
    x, mu, log_var = drawing(folder, "mh", HALVED)
    sidecar = '[encoder]\nfile = "encoder.onnx"\nmu = "m"\nlog_var = "h"\n'
    return Export(mu, x, sidecar, log_var=log_var)


def with_class(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    x, w = some_images(), weights(72)
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]), node("MatMul", ["f", "W"], ["m"]),
        node("Cast", ["y"], ["yf"], to=FLOAT), node("Unsqueeze", ["yf", "one"], ["yc"]),
        node("Add", ["m", "yc"], ["mu"]),
    ]  # fmt: skip
    arrays = {"W": w, "flat": np.array([-1, 72]), "one": np.array([1])}
    given = [info("x", FLOAT, ["N", *SHAPE]), info("y", TensorProto.INT64, ["N"])]
    save(folder / "encoder.onnx", nodes, (given, [info("mu", FLOAT, ["N", DIM])]), arrays=arrays)
    return x, flat(x) @ w


@quirk
def second_input_constant(folder: Path) -> Export:
    x, mu = with_class(folder)
    sidecar = '[encoder]\nfile = "encoder.onnx"\nconstants = { y = 3 }\n'
    return Export(mu + 3, x, sidecar, "another input, y int64 (?)")


@quirk
def second_input_of_a_column(folder: Path) -> Export:
    x, mu = with_class(folder)
    digit = np.arange(N) % 10
    sidecar = '[encoder]\nfile = "encoder.onnx"\ncolumns = { y = "digit" }\n'
    refusal = "another input, y int64 (?)"
    return Export(mu + digit[:, None], x, sidecar, refusal, labels={"digit": digit})


@quirk
def float16_weights(folder: Path) -> Export:
    x, w = some_images(), weights(72).astype(np.float16)
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]), node("Cast", ["W"], ["Wf"], to=FLOAT),
        node("MatMul", ["f", "Wf"], ["mu"]),
    ]  # fmt: skip
    ends = [info("x", FLOAT, ["N", *SHAPE])], [info("mu", FLOAT, ["N", DIM])]
    save(folder / "encoder.onnx", nodes, ends, arrays={"W": w, "flat": np.array([-1, 72])})
    return Export(flat(x) @ w.astype(np.float32), x)


@quirk
def int8_weights(folder: Path) -> Export:
    x, w = some_images(), weights(72)
    scale = np.float32(np.abs(w).max() / 127)
    whole = np.rint(w / scale).astype(np.int8)
    nodes = [
        node("Reshape", ["x", "flat"], ["f"]),
        node("DequantizeLinear", ["W", "scale", "zero"], ["Wf"]),
        node("MatMul", ["f", "Wf"], ["mu"]),
    ]  # fmt: skip
    arrays = {"W": whole, "scale": scale, "zero": np.int8(0), "flat": np.array([-1, 72])}
    ends = [info("x", FLOAT, ["N", *SHAPE])], [info("mu", FLOAT, ["N", DIM])]
    save(folder / "encoder.onnx", nodes, ends, arrays=arrays)
    # ONNX Runtime multiplies in int8, for which it rounds the images as well.
    return Export(flat(x) @ (whole * scale), x, tolerance=0.02)


@quirk
def weights_beside_the_file(folder: Path) -> Export:
    x = some_images()
    w = linear(folder, SHAPE)
    model = onnx.load_model(folder / "encoder.onnx")
    onnx.save_model(
        model, folder / "encoder.onnx", save_as_external_data=True, size_threshold=100,
        location="encoder.bin",
    )  # fmt: skip
    assert (folder / "encoder.bin").is_file()
    return Export(flat(x) @ w, x)


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def succeed(*arguments: Any) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return str(done.output)


@pytest.mark.parametrize("name", QUIRKS)
def test_from_a_file_to_a_report(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    export = QUIRKS[name](folder)
    np.savez(tmp_path / "images.npz", images=export.images, **export.labels)
    monkeypatch.chdir(tmp_path)
    if export.refusal:
        with pytest.raises(la.ModelError) as error:
            run("inspect", "model")
        assert export.refusal in str(error.value)
        assert "\n" not in str(error.value)
    if export.sidecar:
        (folder / "model.toml").write_text(export.sidecar)
        said = succeed("inspect", "model", "--data", "images.npz")
    else:
        said = succeed("inspect", "model", "--data", "images.npz", "--write")
        assert (folder / "model.toml").is_file()
    assert all(note in said for note in export.notes)
    succeed("encode", "model", "images.npz", "-o", "z.zarr", "-q")
    store = la.open_store("z.zarr")
    batch = store.take(np.arange(N), frozenset({"z", "log_var"}))
    np.testing.assert_allclose(batch.z, export.mu, rtol=export.tolerance, atol=export.tolerance)
    if export.log_var is not None:
        np.testing.assert_allclose(batch.log_var, export.log_var, rtol=1e-3, atol=1e-3)
    succeed("run", "z.zarr", "--plugins", "radius", "--null-repeats", "2", "-o", "report", "-q")
    assert "<html" in Path("report/report.html").read_text("utf-8")[:500]


def test_decoder_only(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    arrays = {"W": weights(DIM, 72), "image": np.array([-1, 3, 4, 6])}
    nodes = [
        node("MatMul", ["z", "W"], ["f"]), node("Sigmoid", ["f"], ["s"]),
        node("Reshape", ["s", "image"], ["y"]),
    ]  # fmt: skip
    ends = [info("z", FLOAT, ["N", DIM])], [info("y", FLOAT, ["N", 3, 4, 6])]
    save(tmp_path / "generator.onnx", nodes, ends, arrays=arrays)
    assert "can_decode: True" in (said := succeed("inspect", "generator.onnx"))
    assert f"next: latent-analyze run normal:dim={DIM}" in said
    succeed(
        "run", f"normal:dim={DIM}:count=400", "--model", "generator.onnx", "--plugins",
        "radius,traversals", "--null-repeats", "2", "-o", "report", "-q",
    )  # fmt: skip
    page = Path("report/report.html").read_text("utf-8")
    assert 'id="traversals' in page or "traversals" in page


@pytest.mark.slow
def test_weights_of_two_gigabytes(tmp_path: Path, monkeypatch: Any) -> None:
    """Beside the file, as protobuf holds no more: mostly holes, and a known column."""
    monkeypatch.chdir(tmp_path)
    size, dim = 32_768, 16_384
    rows = np.memmap("encoder.bin", np.float32, "w+", shape=(size, dim))
    column = weights(size, 1)[:, 0]
    rows[:, 7] = column
    rows.flush()
    del rows
    tensor = TensorProto(name="W", data_type=FLOAT, dims=[size, dim])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "encoder.bin"), ("length", str(4 * size * dim))):
        tensor.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "W"], ["mu"])], "g",
        [info("x", FLOAT, ["N", 128, 256, 1])], [info("mu", FLOAT, ["N", dim])], [tensor],
    )  # fmt: skip
    ids = [helper.make_opsetid("", 18)]
    Path("encoder.onnx").write_bytes(
        helper.make_model(graph, opset_imports=ids, ir_version=9).SerializeToString()
    )
    x = some_images((128, 256, 1))[:20]
    np.savez("images.npz", images=x)
    succeed("encode", ".", "images.npz", "-o", "z.zarr", "-q")
    z = la.open_store("z.zarr").take(np.arange(20)).z
    np.testing.assert_allclose(z[:, 7], flat(x) @ column, rtol=1e-3, atol=1e-3)
    assert not z[:, :7].any()
