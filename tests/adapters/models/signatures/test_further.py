"""Further outputs of an encoder: what the search keeps, and what the store and a run make of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from signature_models import (
    DIM,
    FLOAT,
    INTS,
    Net,
    World,
    found,
    known,
    mean_head,
    opened,
    tensor_info,
    write_decoder,
)

import latent_analyze as la
from latent_analyze import ModelError
from latent_analyze.plugin import FurtherSpec
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

WORLD = World()
MIX = np.random.default_rng(3).normal(size=(DIM, 3))
Z1, Z2 = (mean_head, FLOAT, (DIM,)), (lambda n, mu: n.linear(n.op("Tanh", mu), MIX), FLOAT, (3,))


def floor(net: Net, mu: str) -> str:
    return net.op("Floor", net.op("Mul", net.op("Sigmoid", mu), net.const(8.0)))


CODES = (lambda n, mu: n.op("Cast", floor(n, mu), to=INTS), INTS, (DIM,))
FLOAT_CODES = (floor, FLOAT, (DIM,))
PER_ROW = (lambda n, mu: n.op("ArgMax", mu, axis=1, keepdims=0), INTS, ())
DRAWN = (lambda n, mu: n.op("Add", mu, n.op("RandomNormalLike", mu)), FLOAT, (DIM,))
LARGE = (lambda n, mu: n.linear(mu, np.ones((DIM, 4097))), FLOAT, (4097,))
SPREAD = (lambda n, mu: n.op("Sub", n.op("Mul", mu, n.const(0.1)), n.const(2.0)), FLOAT, (DIM,))


def write(folder: Path, decoder: bool = True, **heads: Any) -> Path:
    """Write an encoder with these outputs, and the decoder of the first latents."""
    net = Net()
    flat = net.ints("x", -1, WORLD.size)
    weights = (WORLD.basis / WORLD.spread).T
    mu = net.linear(flat, weights, -WORLD.center @ weights)
    outputs: Mapping[str, Any] = {n: (head(net, mu), k, s) for n, (head, k, s) in heads.items()}
    net.save(folder / "encoder.onnx", [tensor_info("x", WORLD.shape)], outputs)
    if decoder:
        write_decoder(folder / "decoder.onnx", WORLD)
    return folder


def further(signature: Any) -> tuple[str, ...]:
    return tuple(signature.bundle.encoder.further)


def mean(signature: Any) -> str:
    return str(signature.bundle.encoder.mu)


class TestSearch:
    def test_codes_and_quantized(self, tmp_path: Path) -> None:
        signature = found(write(tmp_path, indices=CODES, quantized=Z1), WORLD.sample())
        assert (mean(signature), further(signature)) == ("quantized", ("indices",))
        choice = next(c for c in signature.choices if c.key == "encoder.further")
        assert choice.known_as == "'indices' (the file shows it: the decoder does not take it)"
        assert any("'indices' kept as well" in line for line in signature.lines)

    def test_hierarchical_latents(self, tmp_path: Path) -> None:
        signature = found(write(tmp_path, z1=Z1, z2=Z2), WORLD.sample())
        assert (mean(signature), further(signature)) == ("z1", ("z2",))
        assert known(signature)["encoder.further"] == "name"

    def test_codes_as_floats(self, tmp_path: Path) -> None:
        signature = found(write(tmp_path, a=FLOAT_CODES, mu=Z1), WORLD.sample())
        assert further(signature) == ("a",)
        assert known(signature)["encoder.further"] == "data"

    def test_several(self, tmp_path: Path) -> None:
        model = write(tmp_path, z1=Z1, z2=Z2, indices=CODES, code=PER_ROW)
        signature = found(model, WORLD.sample())
        assert further(signature) == ("z2", "indices", "code")
        choice = next(c for c in signature.choices if c.key == "encoder.further")
        assert choice.value == "'z2', 'indices', 'code'"

    def test_without_a_decoder(self, tmp_path: Path) -> None:
        model = write(tmp_path, decoder=False, mu=Z1, indices=CODES)
        assert further(found(model, WORLD.sample())) == ("indices",)

    @pytest.mark.parametrize(
        "more",
        [
            {"logvar": SPREAD},
            {"logvar": SPREAD, "z": DRAWN},
            {"z": Z1},
            {"latent_pixels": LARGE},
            {"features": Z2},
        ],
        ids=["spread", "drawn", "equal", "large", "other"],
    )
    def test_what_is_not_kept(self, tmp_path: Path, more: dict[str, Any]) -> None:
        signature = found(write(tmp_path, mu=Z1, **more), WORLD.sample())
        assert (mean(signature), further(signature)) == ("mu", ())
        assert "encoder.further" not in known(signature)


class TestStated:
    @pytest.mark.parametrize(
        ("text", "names"),
        [('["features"]', ("features",)), ("features", ("features",)), ("[]", ()), ("", ())],
    )
    def test_beats_the_search(self, tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
        model = write(tmp_path, mu=Z1, indices=CODES, features=Z2)
        signature = found(model, WORLD.sample(), encoder__further=text)
        assert further(signature) == names
        assert "encoder.further" not in known(signature)

    def test_an_output_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="a further output 'z9' of encoder"):
            opened(write(tmp_path, mu=Z1, z2=Z2), WORLD.sample(), encoder__further="z9")

    def test_a_tensor_inside_the_graph(self, tmp_path: Path) -> None:
        model = opened(write(tmp_path, mu=Z1, z2=Z2), WORLD.sample(), encoder__further="t0")
        assert model.spec.further == (FurtherSpec(name="t0", shape=(WORLD.size,)),)


def test_the_model_gives_them(tmp_path: Path) -> None:
    model = opened(write(tmp_path, mu=Z1, z2=Z2, indices=CODES, code=PER_ROW), WORLD.sample())
    assert model.spec.further == (
        FurtherSpec(name="z2", shape=(3,)),
        FurtherSpec(name="indices", shape=(DIM,), dtype="int64"),
        FurtherSpec(name="code", shape=(), dtype="int64", codes=DIM),
    )
    latents = model.encode(WORLD.x)
    assert latents.further is not None
    mu = latents.mu
    np.testing.assert_allclose(latents.further["z2"], np.tanh(mu) @ MIX, atol=1e-4)
    np.testing.assert_array_equal(latents.further["indices"], np.floor(8 / (1 + np.exp(-mu))))
    np.testing.assert_array_equal(latents.further["code"], mu.argmax(axis=1)[:, None])
    assert [v.dtype for v in latents.further.values()] == [np.float32, np.int64, np.int64]
    again = OnnxRuntime().reopen(tmp_path, model.signature)  # type: ignore[arg-type]
    for name, values in again.encode(WORLD.x).further.items():  # type: ignore[union-attr]
        np.testing.assert_array_equal(values, latents.further[name])


def test_nothing_else_depends_on_them(tmp_path: Path) -> None:
    plain = opened(write(tmp_path / "a", mu=Z1, logvar=SPREAD), WORLD.sample())
    more = opened(write(tmp_path / "b", z2=Z2, mu=Z1, indices=CODES, logvar=SPREAD), WORLD.sample())
    assert (plain.spec.further, plain.encode(WORLD.x).further) == ((), None)
    one, other = plain.encode(WORLD.x), more.encode(WORLD.x)
    np.testing.assert_allclose(one.mu, other.mu, atol=1e-6)
    assert one.log_var is not None
    assert other.log_var is not None
    np.testing.assert_allclose(one.log_var, other.log_var, atol=1e-6)


class TestFromFilesToARun:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        np.savez(tmp_path / "data.npz", images=WORLD.x, digit=np.arange(WORLD.count) % 3)
        return tmp_path / "data.npz"

    def test_hierarchical_latents(self, tmp_path: Path, data: Path) -> None:
        store = la.encode(write(tmp_path / "m", z1=Z1, z2=Z2), data, tmp_path / "s.zarr")
        source = la.open_source(f"{store.path}@z2")
        mu = store.take(np.arange(store.count)).z
        z2 = source.sample(store.count, 0).z
        np.testing.assert_allclose(z2, np.tanh(mu) @ MIX, atol=1e-4)
        report = la.run(f"{store.path}@z2", null="none", null_repeats=0)
        assert not report.failures
        (case,) = report.outcome.cases
        left_out = {entry.analysis: entry.reason for entry in case.left_out}
        assert left_out["traversals"] == "needs decoder: the decoder does not take @z2"

    def test_codes(self, tmp_path: Path, data: Path) -> None:
        store = la.encode(write(tmp_path / "m", indices=CODES, quantized=Z1), data, tmp_path / "s")
        batch = store.read(store.blocks()[0], frozenset({"output:indices"}))
        assert batch.outputs["indices"].dtype == np.int64
        source = la.open_source(f"{store.path}@indices")
        assert (str(source.codes), source.dim) == ("4 codes of a codebook of 8 or more", DIM)
