"""Encoders of codes, whole numbers that name entries of a codebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from signature_models import FLOAT, INTS, Net, World, found, known, opened, tensor_info

import latent_analyze as la
from latent_analyze import ModelError
from latent_analyze_adapters.models.signatures.codes import is_codes
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

WORLD = World()
COUNT, WIDTH, POSITIONS = 7, 2, 2
BOOK = np.random.default_rng(5).normal(size=(COUNT, WIDTH)).astype(np.float32)
CODES = np.random.default_rng(6).integers(0, COUNT, (200, POSITIONS))
ROWS = WORLD.center + WORLD.spread * BOOK[CODES].reshape(200, -1) @ WORLD.basis
ROWS = ROWS.reshape(200, *WORLD.shape).astype(np.float32)
SAMPLE = WORLD.sample(x=ROWS, count=200)
Part = Callable[[Net, str], str]


def vectors(net: Net) -> str:
    """Return what is compared with the codebook, (n, positions, width)."""
    weights = (WORLD.basis / WORLD.spread).T
    mu = net.linear(net.ints("x", -1, WORLD.size), weights, -WORLD.center @ weights)
    return net.ints(mu, -1, POSITIONS, WIDTH)


def by_difference(net: Net, z: str) -> str:
    apart = net.op("Sub", net.ints(z, 2, kind="Unsqueeze"), net.const(BOOK))
    squares = net.op("Pow", apart, net.const(2.0))
    return net.op("ReduceSum", squares, net.const([-1], np.int64), keepdims=0)


def by_product(net: Net, z: str) -> str:
    """Return |e|^2 - 2 z e, with lengths that the exporter computed."""
    product = net.op("Mul", net.op("MatMul", z, net.const(BOOK.T)), net.const(-2.0))
    return net.op("Add", product, net.const(np.square(BOOK).sum(axis=1)))


def by_product_in_the_graph(net: Net, z: str) -> str:
    book = net.const(BOOK)
    turned = net.op("Transpose", book, perm=[1, 0])
    squares = net.ints(net.op("Mul", book, book), -1, kind="ReduceSum")
    lengths = net.op("Transpose", squares, perm=[1, 0])
    product = net.op("Mul", net.op("MatMul", z, turned), net.const(-2.0))
    return net.op("Add", product, lengths)


def by_product_of_a_copy(net: Net, z: str) -> str:
    """Return the same from a transposed copy for the product, as the older exporter writes it."""
    squares = net.op("Pow", net.const(BOOK), net.const(2.0))
    lengths = net.op("ReduceSum", squares, net.const([-1], np.int64), keepdims=0)
    product = net.op("MatMul", net.op("Mul", z, net.const(2.0)), net.const(BOOK.T))
    return net.op("Add", net.op("Neg", product), lengths)


def by_scores(net: Net, z: str) -> str:
    """Return what no distance is: the codebook cannot be told from any layer of weights."""
    score = net.op("MatMul", z, net.const(BOOK.T))
    return net.op("Neg", net.op("Sub", score, net.const(np.square(BOOK).sum(axis=1) / 2 + 1e-2)))


def chosen(net: Net, distance: str) -> str:
    return net.op("ArgMin", distance, axis=-1, keepdims=0)


def write_encoder(path: Path, distance: Part = by_difference, quantized: bool = False) -> Path:
    net = Net()
    codes = chosen(net, distance(net, vectors(net)))
    outputs: dict[str, Any] = {"indices": (codes, INTS, (POSITIONS,))}
    if quantized:
        looked = net.op("Gather", net.const(BOOK), codes)
        outputs["quantized"] = (looked, FLOAT, (POSITIONS, WIDTH))
    return net.save(path, [tensor_info("x", WORLD.shape)], outputs)


def gathered(net: Net, codes: str) -> str:
    return net.op("Gather", net.const(BOOK), codes)


def gathered_nd(net: Net, codes: str) -> str:
    """Return the look-up as the newer exporter of PyTorch writes it."""
    return net.op("GatherND", net.const(BOOK), net.ints(codes, -1, kind="Unsqueeze"))


def one_hot(net: Net, codes: str) -> str:
    hot = net.op("OneHot", codes, net.const(COUNT, np.int64), net.const([0.0, 1.0]))
    return net.op("MatMul", hot, net.const(BOOK))


def write_decoder(path: Path, look_up: Part = gathered, kind: int = INTS) -> Path:
    net = Net()
    codes = "codes" if kind == INTS else net.op("Cast", "codes", to=INTS)
    z = net.ints(look_up(net, codes), -1, POSITIONS * WIDTH)
    y = net.ints(net.linear(z, WORLD.basis * WORLD.spread, WORLD.center), -1, *WORLD.shape)
    shape = WORLD.shape
    return net.save(path, [tensor_info("codes", (POSITIONS,), kind)], {"y": (y, FLOAT, shape)})


def write(folder: Path, distance: Part = by_difference, look_up: Part = gathered) -> Path:
    write_encoder(folder / "encoder.onnx", distance)
    write_decoder(folder / "decoder.onnx", look_up)
    return folder


def count(signature: Any) -> Any:
    return signature.bundle.encoder.codes


@pytest.mark.parametrize("look_up", [gathered, gathered_nd, one_hot])
def test_a_decoder_that_takes_codes(tmp_path: Path, look_up: Part) -> None:
    model = opened(write(tmp_path, look_up=look_up), SAMPLE)
    spec, signature = model.spec, model.signature
    assert signature is not None
    assert (spec.has_codes, spec.codes, spec.latent.shape) == (True, COUNT, (POSITIONS,))
    assert signature.explained == pytest.approx(1.0)
    assert not signature.problem
    assert known(signature)["encoder.mu"] == known(signature)["encoder.codes"] == "graph"
    assert count(signature) == {"indices": COUNT}
    said = "'indices' holds codes (the decoder looks it up in a codebook)"
    assert any(said in line for line in signature.lines)
    mu = model.encode(ROWS).mu
    assert mu.dtype == np.int64
    np.testing.assert_array_equal(mu, CODES)
    np.testing.assert_allclose(model.decode(mu), ROWS, atol=1e-4)
    np.testing.assert_array_equal(model.codebook, BOOK)


@pytest.mark.parametrize(
    "distance", [by_difference, by_product, by_product_in_the_graph, by_product_of_a_copy]
)
def test_an_encoder_alone_shows_its_codebook(tmp_path: Path, distance: Part) -> None:
    model = opened(write_encoder(tmp_path / "encoder.onnx", distance), SAMPLE)
    assert model.spec.codes == COUNT
    np.testing.assert_array_equal(model.codebook, BOOK)
    np.testing.assert_array_equal(model.encode(ROWS).mu, CODES)
    assert known(model.signature)["encoder.mu"] == "graph"  # type: ignore[arg-type]


def test_what_may_be_any_layer_is_no_codebook(tmp_path: Path) -> None:
    model = opened(write_encoder(tmp_path / "encoder.onnx", by_scores), SAMPLE)
    assert (model.spec.codes, model.codebook) == (COUNT, None)


def test_codes_as_floats_with_a_decoder_of_floats(tmp_path: Path) -> None:
    net = Net()
    codes = net.op("Cast", chosen(net, by_difference(net, vectors(net))), to=FLOAT)
    net.save(
        tmp_path / "encoder.onnx", [tensor_info("x", WORLD.shape)],
        {"y": (codes, FLOAT, (POSITIONS,))},
    )  # fmt: skip
    write_decoder(tmp_path / "decoder.onnx", kind=FLOAT)
    model = opened(tmp_path, SAMPLE)
    assert model.spec.codes == COUNT
    np.testing.assert_array_equal(model.encode(ROWS).mu, CODES)
    assert model.encode(ROWS).mu.dtype == np.int64


def test_the_decoder_chooses_between_codes_and_vectors(tmp_path: Path) -> None:
    write_encoder(tmp_path / "encoder.onnx", quantized=True)
    write_decoder(tmp_path / "decoder.onnx")
    model = opened(tmp_path, SAMPLE)
    assert model.spec.has_codes
    assert [f.name for f in model.spec.further] == ["quantized"]
    np.testing.assert_array_equal(model.encode(ROWS).mu, CODES)


def without_evidence(folder: Path, kind: int = FLOAT) -> Path:
    """Write an encoder of whole numbers of which nothing shows what they are."""
    net = Net()
    whole = net.op("Round", net.op("Abs", net.op("Mul", vectors(net), net.const(50.0))))
    whole = whole if kind == FLOAT else net.op("Cast", whole, to=kind)
    outputs = {"y": (whole, kind, (POSITIONS, WIDTH))}
    return net.save(folder / "encoder.onnx", [tensor_info("x", WORLD.shape)], outputs)


def test_whole_numbers_of_type_float_are_asked_for(tmp_path: Path) -> None:
    path = without_evidence(tmp_path)
    with pytest.raises(ModelError, match="whole numbers in the output 'y'") as error:
        found(path, SAMPLE)
    text = str(error.value)
    assert "\n" not in text
    assert "--signature encoder.codes=y " in text
    assert "--signature encoder.codes= " in text
    codes, plain = (opened(path, SAMPLE, encoder__codes=value) for value in ("y", ""))
    assert (codes.spec.has_codes, plain.spec.has_codes) == (True, False)
    np.testing.assert_array_equal(codes.encode(ROWS).mu, plain.encode(ROWS).mu)
    assert (codes.encode(ROWS).mu.dtype, plain.encode(ROWS).mu.dtype) == (np.int64, np.float32)


def test_whole_numbers_of_type_integer_are_codes(tmp_path: Path) -> None:
    signature = found(without_evidence(tmp_path, INTS), SAMPLE)
    choices = {choice.key: choice for choice in signature.choices}
    told = "'y' holds codes (the file shows it: its type is integer)"
    assert choices["encoder.mu"].known_as == told
    assert choices["encoder.codes"].known == "assumed"
    assert "--signature encoder.codes.y=N" in choices["encoder.codes"].why
    assert count(signature) == {"y": 0}


def test_the_number_of_codes_can_be_stated(tmp_path: Path) -> None:
    path = without_evidence(tmp_path, INTS)
    model = opened(path, SAMPLE, encoder__codes__y="512")
    assert (model.spec.codes, model.spec.has_codes) == (512, True)
    assert "encoder.codes" not in known(model.signature)  # type: ignore[arg-type]
    again = OnnxRuntime().reopen(path, model.signature)  # type: ignore[arg-type]
    assert again.spec == model.spec


def test_the_decoder_of_another_model_explains_nothing(tmp_path: Path) -> None:
    write_encoder(tmp_path / "encoder.onnx")
    order = np.roll(np.arange(COUNT), 3)

    def mixed(net: Net, codes: str) -> str:
        return net.op("Gather", net.const(BOOK[order]), codes)

    write_decoder(tmp_path / "decoder.onnx", mixed)
    assert "No signature explains the data" in found(tmp_path, SAMPLE).problem


def test_without_data_the_graph_and_types_decide(tmp_path: Path) -> None:
    model = OnnxRuntime().open(write(tmp_path))
    assert model.spec.has_codes
    np.testing.assert_array_equal(model.encode(ROWS).mu, CODES)


class TestFromFilesToARun:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        np.savez(tmp_path / "data.npz", images=ROWS, digit=np.arange(200) % 3)
        return tmp_path / "data.npz"

    def test_codes_and_their_vectors(self, tmp_path: Path, data: Path) -> None:
        store = la.encode(write(tmp_path / "m"), data, tmp_path / "s.zarr")
        assert store.codes is not None
        assert str(store.codes) == "2 codes of a codebook of 7"
        np.testing.assert_array_equal(store.take(np.arange(200)).z, CODES)
        vectors = la.open_source(f"{store.path}@quantized")
        expected = BOOK[CODES].reshape(200, -1)
        np.testing.assert_array_equal(vectors.sample(200, 0).z, expected)
        np.testing.assert_allclose(vectors.summary().mean, expected.mean(axis=0), rtol=1e-4)

    def test_analyses_of_coordinates_are_left_out(self, tmp_path: Path, data: Path) -> None:
        store = la.encode(write(tmp_path / "m"), data, tmp_path / "s.zarr")
        report = la.run(str(store.path), null_repeats=2)
        assert not report.failures
        (case,) = report.outcome.cases
        left_out = {entry.analysis: entry.reason for entry in case.left_out}
        assert left_out["radius"] == "takes coordinates: codes have no distances"
        assert left_out["null gaussian"].endswith("in its place shuffled")
        assert [null.label for null in case.nulls] == ["shuffled"]
        assert "reconstruct" in case.analyses
        with pytest.raises(la.errors.OptionError, match="radius takes coordinates"):
            la.run(str(store.path), plugins="radius")

    def test_codes_beside_the_vectors_that_the_decoder_takes(
        self, tmp_path: Path, data: Path
    ) -> None:
        write_encoder(tmp_path / "m" / "encoder.onnx", quantized=True)
        net = Net()
        flat = net.ints("z", -1, POSITIONS * WIDTH)
        y = net.ints(net.linear(flat, WORLD.basis * WORLD.spread, WORLD.center), -1, *WORLD.shape)
        net.save(
            tmp_path / "m" / "decoder.onnx", [tensor_info("z", (POSITIONS, WIDTH))],
            {"y": (y, FLOAT, WORLD.shape)},
        )  # fmt: skip
        store = la.encode(tmp_path / "m", data, tmp_path / "s.zarr")
        assert store.codes is None
        report = la.run(f"{store.path}@indices", plugins="reconstruct", null="none")
        assert not report.failures
        assert report["reconstruct"].data["explained"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 3.0, 7.0], True), ([0.0, 1.0, 1.0], False), ([0.5, 3.0], False),
        ([-1.0, 4.0], False), ([0.0, np.nan, 9.0], True), ([np.nan], False),
        ([0.0, 1e6], False),
    ],
)  # fmt: skip
def test_floats_that_may_be_codes(values: list[float], expected: bool) -> None:
    assert is_codes(np.array(values, np.float32)) is expected


def test_a_spec_without_codes_is_as_before(tmp_path: Path) -> None:
    signature = found(write_encoder(tmp_path / "e.onnx", quantized=True), SAMPLE)
    assert signature.bundle.encoder is not None
    assert signature.bundle.encoder.mu == "quantized"
    plain = dataclasses.replace(SAMPLE, x=ROWS[:50])
    assert not opened(tmp_path / "e.onnx", plain).spec.has_codes
