"""Small ONNX models whose outputs NumPy knows; makes the helper modules beside it importable."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

sys.path.append(str(Path(__file__).parent))

ONNX_TYPES = {
    "float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE,
    "uint8": TensorProto.UINT8,
}  # fmt: skip


@dataclass
class Linear:
    """An encoder mu = flat(x) W + b, log_var = flat(x) V, and a decoder z W' + c, as ONNX files.

    `axes` are those of one image as the file wants it.
    """

    axes: tuple[int, ...] = (4, 6, 3)
    dim: int = 5
    dtype: str = "float32"
    batch: int | str = "N"
    latent_axes: tuple[int, ...] = ()
    seed: int = 0
    arrays: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        rng, size = np.random.default_rng(self.seed), int(np.prod(self.axes))
        self.latent_axes = self.latent_axes or (self.dim,)
        self.arrays = {
            "W": rng.normal(0, 0.3, (size, self.dim)), "b": rng.normal(0, 1, self.dim),
            "V": rng.normal(0, 0.1, (size, self.dim)),
            "D": rng.normal(0, 0.05, (self.dim, size)), "c": np.full(size, 0.5),
            "shape": np.array([-1, *self.axes]), "latent": np.array([-1, *self.latent_axes]),
        }  # fmt: skip

    def mu(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1) @ self.arrays["W"] + self.arrays["b"]

    def log_var(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1) @ self.arrays["V"]

    def decoded(self, z: np.ndarray) -> np.ndarray:
        return (z @ self.arrays["D"] + self.arrays["c"]).reshape(len(z), *self.axes)

    def encoder(
        self, path: Path, *, mu: str = "mu", log_var: str | None = None, declared: bool = True
    ) -> Path:
        """Write an encoder; without `declared` the shapes of its outputs are not stated."""
        nodes = [
            helper.make_node("Cast", ["x"], ["xf"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["xf"], ["flat"]),
            helper.make_node("Gemm", ["flat", "W", "b"], ["g"]),
            helper.make_node("Reshape", ["g", "latent"], ["gr"]),
            helper.make_node("Cast", ["gr"], [mu], to=self._float),
        ]
        outputs = [self._info(mu, self.latent_axes if declared else None)]
        if log_var:
            nodes += [
                helper.make_node("MatMul", ["flat", "V"], ["h"]),
                helper.make_node("Reshape", ["h", "latent"], ["hr"]),
                helper.make_node("Cast", ["hr"], [log_var], to=self._float),
            ]
            outputs.append(self._info(log_var, self.latent_axes if declared else None))
        inputs = [self._info("x", self.axes, ONNX_TYPES[self.dtype])]
        return self._save(path, nodes, (inputs, outputs), ("W", "b", "V", "latent"))

    def decoder(self, path: Path, *, output: str = "image") -> Path:
        nodes = [
            helper.make_node("Cast", ["z"], ["zf"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["zf"], ["zflat"]),
            helper.make_node("Gemm", ["zflat", "D", "c"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["y"]),
            helper.make_node("Cast", ["y"], [output], to=ONNX_TYPES[self.dtype]),
        ]
        inputs = [self._info("z", self.latent_axes)]
        outputs = [self._info(output, self.axes, ONNX_TYPES[self.dtype])]
        return self._save(path, nodes, (inputs, outputs), ("D", "c", "shape"))

    @property
    def _float(self) -> int:
        return ONNX_TYPES["float32" if self.dtype == "uint8" else self.dtype]

    def _info(self, name: str, axes: Any, dtype: int | None = None) -> Any:
        shape = None if axes is None else [self.batch, *axes]
        return helper.make_tensor_value_info(name, dtype or self._float, shape)

    def _save(self, path: Path, nodes: Any, ends: Any, names: tuple[str, ...]) -> Path:
        weights = [
            numpy_helper.from_array(
                self.arrays[n].astype(np.int64 if n in ("shape", "latent") else np.float32), n
            )
            for n in names
        ]
        graph = helper.make_graph(nodes, path.stem, *ends, initializer=weights)
        return save(path, graph)


def save(path: Path, graph: Any) -> Path:
    opset = [helper.make_opsetid("", 18)]
    proto = helper.make_model(graph, opset_imports=opset, ir_version=9, producer_name="tests")
    onnx.save(proto, path)
    return path


@pytest.fixture(scope="session", name="make_linear")
def _make_linear() -> type[Linear]:
    return Linear


@pytest.fixture(scope="session", name="save_onnx")
def _save_onnx() -> Any:
    return save
