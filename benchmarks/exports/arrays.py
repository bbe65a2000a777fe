"""The operations of a network in NumPy: what is true."""

# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports.net import Net, forward

Array = NDArray[Any]


def evaluate(net: Net, inputs: dict[str, Array]) -> dict[str, Array]:
    """Return all heads of a network as in evaluation, in float64 and without noise."""
    wide = {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in inputs.items()}
    return forward(net, wide, NumpyOps(last=net.last))


class NumpyOps:
    """The operations in NumPy, without noise; channels first, or last."""

    exp, sqrt, tanh = staticmethod(np.exp), staticmethod(np.sqrt), staticmethod(np.tanh)
    add, multiply = staticmethod(np.add), staticmethod(np.multiply)
    divide = staticmethod(np.divide)

    def __init__(self, *, last: bool = False) -> None:
        self.last = last

    def flatten(self, x: Array) -> Array:
        return x.reshape(len(x), -1)

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return x.reshape(len(x), *shape)

    def dense(self, x: Array, w: Array, b: Array) -> Array:
        return x @ w.T + b

    def relu(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def sigmoid(self, x: Array) -> Array:
        return 1 / (1 + np.exp(-x))

    def softplus(self, x: Array) -> Array:
        return np.logaddexp(x, 0)

    def clip(self, x: Array) -> Array:
        return np.clip(x, 0, 1)

    def times(self, x: Array, by: float) -> Array:
        return x * by

    def plus(self, x: Array, by: float) -> Array:
        return x + by

    def to_bytes(self, x: Array) -> Array:
        return np.clip(np.round(x), 0, 255).astype(np.uint8)

    def concat(self, values: Sequence[Array], axis: int) -> Array:
        return np.concatenate(values, axis)

    def normal(self, x: Array) -> Array:
        return np.zeros_like(x)

    def norm(self, x: Array, gain: Array, bias: Array, mean: Array, var: Array) -> Array:
        return (x - mean) / np.sqrt(var + 1e-5) * gain + bias

    def dropout(self, x: Array, share: float) -> Array:
        return x

    def gather(self, table: Array, index: Array) -> Array:
        return table[index]

    def cast(self, x: Array, dtype: str) -> Array:
        return x.astype(dtype)

    def expand(self, x: Array) -> Array:
        return x[..., None]

    def sum(self, x: Array) -> Array:
        return x.sum(1)

    def nearest(self, codes: Array, codebook: Array) -> Array:
        return ((codebook**2).sum(1) - 2 * codes @ codebook.T).argmin(-1)

    def to_last(self, x: Array, last: bool) -> Array:
        return x if last else np.moveaxis(x, 1, -1)

    def to_first(self, x: Array, last: bool) -> Array:
        return x if last else np.moveaxis(x, -1, 1)

    def conv(self, x: Array, w: Array, b: Array) -> Array:
        """Convolve with a stride as long as the kernel: one dense layer for all patches."""
        x = np.moveaxis(x, -1, 1) if self.last else x
        kernel, axes = w.shape[2:], w.ndim - 2
        split = [size for n, k in zip(x.shape[2:], kernel, strict=True) for size in (n // k, k)]
        patches = x.reshape(*x.shape[:2], *split)
        order = [0, *range(2, 2 + 2 * axes, 2), 1, *range(3, 3 + 2 * axes, 2)]
        patches = patches.transpose(order)
        y = patches.reshape(*patches.shape[: 1 + axes], -1) @ w.reshape(len(w), -1).T + b
        return y if self.last else np.moveaxis(y, -1, 1)

    def deconv(self, x: Array, w: Array, b: Array) -> Array:
        """Do the reverse of `conv`: every position becomes a patch."""
        x = x if self.last else np.moveaxis(x, 1, -1)
        kernel, axes = w.shape[2:], w.ndim - 2
        y = (x @ w.reshape(len(w), -1)).reshape(*x.shape[:-1], w.shape[1], *kernel)
        order = [0, 1 + axes]
        for axis in range(axes):
            order += [1 + axis, 2 + axes + axis]
        sizes = [n * k for n, k in zip(x.shape[1:-1], kernel, strict=True)]
        y = y.transpose(order).reshape(len(x), w.shape[1], *sizes)
        y = y + b.reshape(-1, *[1] * axes)
        return np.moveaxis(y, 1, -1) if self.last else y
