"""Checks that the operators of an untrusted model are standard ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

ONNX_DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml"}

# Contrib operators are compiled into ONNX Runtime and load no library. These are the ones that its
# own quantization and fusion tools write; others, such as EPContext, can name files.
MICROSOFT = frozenset({
    "Attention", "BiasGelu", "BiasSoftmax", "BiasSplitGelu", "DequantizeLinear",
    "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "EmbedLayerNormalization", "FastGelu",
    "FusedConv", "FusedGemm", "FusedMatMul", "Gelu", "GroupNorm", "Inverse", "MatMulInteger16",
    "MatMulIntegerToFloat", "MatMulNBits", "MultiHeadAttention", "NhwcConv", "NhwcMaxPool",
    "QAttention", "QEmbedLayerNormalization", "QGemm", "QLinearAdd", "QLinearAveragePool",
    "QLinearConcat", "QLinearConv", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul",
    "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QuantizeLinear",
    "QuickGelu", "RotaryEmbedding", "SimplifiedLayerNormalization", "SkipGroupNorm",
    "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
})  # fmt: skip


def check_operator(domain: str, operator: str, path: Path, opset: int) -> None:
    """Raise ModelError if an operator is not standard.

    `opset` is the opset of the model: one newer than the onnx package may have more operators.
    """
    from onnx import defs

    if domain in ONNX_DOMAINS:
        known = defs.has(operator, ONNX_DOMAINS[domain])
    else:
        known = domain == "com.microsoft" and operator in MICROSOFT
    if known:
        return
    newest = int(defs.onnx_opset_version())
    if domain in ("", "ai.onnx") and opset > newest:
        raise ModelError(
            f"{path.name} in a format that the installed onnx knows, up to opset {newest}",
            found=f"opset {opset} with the operator {operator!r}",
            next_step="run: pip install --upgrade onnx onnxruntime, or export it with opset "
            f"{newest} or lower",
        )
    raise ModelError(
        f"standard ONNX operators in {path.name}",
        found=repr(f"{domain}::{operator}" if domain else operator),
        next_step="export it without custom operators",
    )  # fmt: skip


def opset_of(proto: ModelProto) -> int:
    """Return the opset of a model, or 1 if it does not state one."""
    versions = (int(o.version) for o in proto.opset_import if text(o.domain) in ("", "ai.onnx"))
    return max(versions, default=1)


def text(value: str | bytes) -> str:
    """Return a string of a model; protobuf gives damaged ones as bytes.

    Raises
    ------
    UnicodeDecodeError
        If it is damaged.
    """
    return value if isinstance(value, str) else value.decode()
