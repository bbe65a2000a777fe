"""The sidecar ``model.toml``: what a model's files are called and what cannot be inferred.

A bundle is a folder with ``model.toml`` and the files it names: trainers write it, adapters read
it.
"""

from __future__ import annotations

import shutil
import tomllib
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, ValidationError, model_validator

from latent_analyze.errors import ModelError
from latent_analyze.files.toml import dump_toml
from latent_analyze.files.writing import write_text_atomically
from latent_analyze.models.spec import Layout, Spec

SIDECAR = "model.toml"
FORMAT = 1


class HalfSpec(Spec):
    """The encoder or the decoder: its file and the tensor on its image side."""

    file: str | None = Field(None, description="file name inside the bundle")
    entry: str | None = Field(
        None,
        description="package.module:name of the function, of the class of a state dict, or of what "
        "a Keras model is made of",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="what the class of a state dict is made with"
    )
    part: str | None = Field(
        None, description="sub-model in the file, or layer where the half ends or begins"
    )
    input: str | None = Field(
        None, description="name of the input tensor; the only one if not given"
    )
    layout: Layout = Field("HWC", description="layout of the image side, as the file wants it")
    range: tuple[FiniteFloat, FiniteFloat] = Field(
        (0.0, 1.0), description="value range of the image side"
    )
    mean: tuple[FiniteFloat, ...] | None = Field(
        None, description="subtracted from values in `range`: one number, or one per channel"
    )
    std: tuple[FiniteFloat, ...] | None = Field(
        None, description="what they are divided by after that: one number, or one per channel"
    )
    batch: int | None = Field(
        None,
        ge=1,
        le=65536,
        description="rows per call; 1 for a graph that mixes rows or ignores the batch",
    )
    constants: dict[str, int | float | list[int | float]] = Field(
        default_factory=dict, description="values of further inputs, the same for every row"
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="further inputs that take a label of the data set while it is encoded; "
        "elsewhere their constant, or 0",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.file is None and self.entry is None:
            raise ValueError("file (or entry, for Python functions) is missing")
        return self


class EncoderSpec(HalfSpec):
    """The encoder: images in, mu and perhaps log_var out."""

    mu: str | None = Field(
        None, description="name of the output that is mu; the first if not given"
    )
    log_var: str | None = Field(
        None, description="name of the output that is log_var, if any; '' for none"
    )
    spread: Literal["log_var", "variance", "std"] = Field(
        "log_var", description="what the output called log_var holds"
    )


class DecoderSpec(HalfSpec):
    """The decoder: z-points in, images out."""

    output: str | None = Field(None, description="name of the output; the first if not given")
    activation: Literal["sigmoid"] | None = Field(
        None, description="what the output still wants: sigmoid for logits"
    )


class Bundle(Spec):
    """The content of ``model.toml``."""

    format: Literal[1] = 1
    name: str = "model"
    runtime: str = Field("onnx", description="name of the adapter that opens the files")
    image_shape: tuple[PositiveInt, ...] | None = Field(
        None, description="(H, W, C) or (n,) of one row"
    )
    latent_shape: tuple[PositiveInt, ...] | None = Field(None, description="shape of one z-point")
    encoder: EncoderSpec | None = None
    decoder: DecoderSpec | None = None
    check: str | None = Field(
        None, description="file with arrays x, mu, log_var, decoded of the training runtime (.npz)"
    )
    training: dict[str, Any] = Field(default_factory=dict, description="how it was trained")


def read_bundle(folder: Path) -> Bundle:
    """Read ``model.toml`` of a bundle folder.

    Raises
    ------
    ModelError
        If the file is missing, no TOML, or does not say what a bundle must say.
    """
    path = folder / SIDECAR
    if not path.is_file():
        raise ModelError(
            f"a bundle folder with {SIDECAR}", found=f"no such file in {folder}",
            next_step="name a folder made by 'latent-analyze train', or an .onnx file",
        )  # fmt: skip
    try:
        return Bundle.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"valid TOML in {path}", found=str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"a valid {key!r} in {path}", found=first["msg"], next_step="correct the file"
        ) from None


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write ``model.toml``; the files it names must stand in `folder` already.

    What was left out when the bundle was made is left out here: reading it infers the same.
    """
    data = bundle.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    data = {"format": FORMAT, **data}
    write_text_atomically(folder / SIDECAR, dump_toml(_without_empty(data)))


def replace_bundle(folder: Path, bundle: Bundle) -> Path | None:
    """Write ``model.toml``; return where a former one is kept: ``model.toml.old``, if free."""
    former = folder / SIDECAR
    kept = None
    if former.exists():
        names = (f"{SIDECAR}.old{number or ''}" for number in count())
        kept = next(folder / name for name in names if not (folder / name).exists())
        shutil.copy2(former, kept)
    write_bundle(folder, bundle)
    return kept


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    kept = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items()}
    return {key: value for key, value in kept.items() if value != {}}
