"""A case: files of a model, data, and what is true of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports.net import Net

Array = NDArray[Any]


@dataclass(frozen=True)
class File:
    """A network, and how it is written."""

    net: Net
    exporter: str
    batch: int | None = None
    training: bool = False
    edit: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Case:
    """What is written for one case.

    Attributes
    ----------
    files
        By path below the folder of the case.
    data
        What the data set holds: an array, or several by name.
    fed
        What the encoder's file gets in truth, by input.
    signature
        What is true, by choice: keys as in model.toml, and ``outputs``, the role of each output.
    texts
        Further files.
    """

    what: str
    files: Mapping[str, File]
    data: Array | Mapping[str, Array]
    fed: Mapping[str, Array]
    signature: Mapping[str, Any]
    mu: Array | None = None
    log_var: Array | None = None
    codes: Array | None = None
    expect: str = "right"
    reason: str | None = None
    explained: float | None = None
    model: str = "model"
    texts: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def data_name(self) -> str:
        """Name of the file of the data."""
        return "data.npz" if isinstance(self.data, Mapping) else "data.npy"

    def answer(self) -> dict[str, Any]:
        """Return the entry of answers.json."""
        found = {
            "model": self.model, "data": self.data_name, "expect": self.expect,
            "reason": self.reason, "explained_variance": self.explained, "what": self.what,
            "options": list(self.options), "signature": dict(self.signature),
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in (None, [])}


class MissingExporterError(Exception):
    """The package that an exporter needs is not installed."""


def writer(exporter: str) -> Callable[[Net, Path, int | None, bool], None]:
    """Return the function that writes a file, and import its library only now."""
    try:
        if exporter == "hand":
            from exports.graphs import write_by_hand

            return write_by_hand
        if exporter == "dynamo":
            import onnxscript  # noqa: F401
        if exporter in ("legacy", "dynamo", "script"):
            from exports.pytorch import WRITERS
        else:
            from exports.tensors import WRITERS
    except ImportError as error:
        raise MissingExporterError(f"{exporter}: {error.name} is not installed") from None
    return WRITERS[exporter]


def write(case: Case, folder: Path) -> None:
    """Write model, data and truth."""
    folder.mkdir(parents=True)
    for name, file in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(file.exporter)(file.net, path, file.batch, file.training)
        _edit(path, file.edit)
    for name, text in case.texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if isinstance(case.data, Mapping):
        np.savez(folder / case.data_name, **case.data)
    else:
        np.save(folder / case.data_name, case.data)
    truth = {"mu": case.mu, "log_var": case.log_var, "codes": case.codes}
    kept = {k: v.astype(np.float32) for k, v in truth.items() if v is not None}
    np.savez(folder / "truth.npz", **kept)


def _edit(path: Path, change: Callable[[Any], None] | None) -> None:
    if change is None:
        return
    import onnx

    proto = onnx.load(path)
    change(proto)
    path.write_bytes(proto.SerializeToString())


def write_answers(answers: Mapping[str, Any], folder: Path) -> None:
    """Write answers.json."""
    text = json.dumps(answers, indent=1, ensure_ascii=False)
    (folder / "answers.json").write_text(text, encoding="utf-8")
