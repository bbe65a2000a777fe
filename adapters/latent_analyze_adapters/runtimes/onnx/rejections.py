"""Errors for models that ONNX Runtime rejects: what it does not know, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.runtimes.onnx.files import not_onnx
from latent_analyze_adapters.runtimes.onnx.reasons import cause

UPGRADE = "pip install --upgrade onnxruntime"


def rejected(path: Path, error: Exception | str) -> ModelError:
    """Return the error for a model that ONNX Runtime rejects with this message."""
    said = " ".join(str(error).split())
    for pattern, explain in KNOWN:
        match = pattern.search(said)
        if match is not None:
            return explain(path, *match.groups())
    return not_onnx(path, f"one that ONNX Runtime rejects ({cause(error)})")


def newest_opset(ir_version: int) -> int:
    """Return the newest opset of all releases of ONNX up to this IR version, or 0."""
    from onnx import helper

    # The release, its IR version, and its opsets, that of ai.onnx first.
    return max((int(row[2]) for row in helper.VERSION_TABLE if row[1] <= ir_version), default=0)


def _ir_version(path: Path, found: str, newest: str) -> ModelError:
    opset = newest_opset(int(newest))
    return ModelError(
        f"{path.name} in a format that this ONNX Runtime reads, up to IR version {newest} (opset "
        f"{opset})",
        found=f"IR version {found}",
        next_step=f"run: {UPGRADE}, or export it with opset {opset} or lower",
    )


def _opset(path: Path, found: str, domain: str, newest: str) -> ModelError:
    return ModelError(
        f"{path.name} in a format that this ONNX Runtime reads, up to opset {newest} of {domain}",
        found=f"opset {found}",
        next_step=f"run: {UPGRADE}, or export it with opset {newest} or lower",
    )


def _custom(path: Path, domain: str, operator: str) -> ModelError:
    return ModelError(
        f"standard ONNX operators in {path.name}",
        found=f"the operator {operator!r} of the domain {domain!r}",
        next_step="export it without custom operators",
    )


def _without_domain(path: Path, operator: str, domain: str) -> ModelError:
    return _custom(path, domain, operator)


def _unknown(path: Path, operator: str, opset: str) -> ModelError:
    return ModelError(
        f"standard ONNX operators in {path.name}",
        found=f"{operator!r}, which ONNX Runtime rejects in opset {opset}",
        next_step=f"run: {UPGRADE}, or export it without custom operators",
    )  # fmt: skip


def _not_implemented(path: Path, operator: str, version: str) -> ModelError:
    return ModelError(
        f"operators in {path.name} that this ONNX Runtime can run",
        found=f"{operator!r} of opset {version}",
        next_step="export it in float32 with a newer opset, such as 17",
    )


KNOWN: tuple[tuple[re.Pattern[str], Callable[..., ModelError]], ...] = (
    (re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)"),
     _ir_version),
    (re.compile(r"Opset (\d+) is under development.* domain (\S+) is till opset (\d+)"), _opset),
    (re.compile(r"([^\s:]+):(\w+)\(-?\d+\) is not a registered function/op"), _custom),
    (re.compile(r"In Node, \(\"[^\"]*\", (\w+), .*No opset import for domain '([^']*)'"),
     _without_domain),
    (re.compile(r"No Op registered for (\w+) with domain_version of (\d+)"), _unknown),
    (re.compile(r"Could not find an implementation for (?:the node )?(\w+)\((\d+)\)"),
     _not_implemented),
)  # fmt: skip
"""Messages of ONNX Runtime, and the errors that explain them."""
