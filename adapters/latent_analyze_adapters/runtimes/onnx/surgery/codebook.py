"""Finds the output that is looked up in a codebook (VQ-VAE, van den Oord et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex, op

if TYPE_CHECKING:
    from onnx import ValueInfoProto

NEAREST = frozenset({"ArgMin", "ArgMax"})
"""Operators that choose the code nearest to a vector."""

FLOATING = (1, 10, 11)
"""FLOAT, FLOAT16 and DOUBLE of TensorProto.DataType."""


def quantized_output(index: GraphIndex) -> str | None:
    """Return the only output of real numbers that depends on a choice of codes, or None."""
    floats = [o for o in index.proto.graph.output if _is_float(o)]
    chosen = [
        str(o.name) for o in floats
        if any(op(node) in NEAREST for node in index.ancestors([str(o.name)]))
    ]  # fmt: skip
    return chosen[0] if len(chosen) == 1 else None


def _is_float(output: ValueInfoProto) -> bool:
    return output.type.tensor_type.elem_type in FLOATING
