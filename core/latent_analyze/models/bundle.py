"""The sidecar ``model.toml``: names a model's files and states what they do not say themselves.

A bundle is a folder with ``model.toml`` and the files it names. Trainers write bundles, adapters
open them.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from latent_analyze.errors import ModelError
from latent_analyze.files.toml import dump_toml
from latent_analyze.files.writing import write_text_atomically
from latent_analyze.models.spec import Layout, Spec

SIDECAR = "model.toml"
FORMAT = 1

Spread = Literal["log_var", "log_std", "variance", "std", "softplus"]
"""What an output about the spread holds; ``softplus``: the standard deviation is its softplus."""


class ComponentSpec(Spec):
    """What encoder and decoder have in common: the file, and the format of the images."""

    file: str | None = Field(None, description="file name inside the bundle")
    entry: str | None = Field(
        None,
        description="package.module:name of the function, the class of a state dict, or the "
        "custom objects of a Keras model",
    )
    arguments: dict[str, Any] = Field(  # Any: TOML values; the user's class knows their types
        default_factory=dict, description="arguments of the class of a state dict"
    )
    part: str | None = Field(
        None,
        description="sub-model in the file, or the layer where the encoder ends or the decoder "
        "begins",
    )
    input: str | None = Field(
        None, description="name of the input tensor; not needed if there is only one"
    )
    layout: Layout = Field(
        "HWC", description="layout of the images, as the file uses it; array for rows of any shape"
    )
    range: tuple[FiniteFloat, FiniteFloat] = Field(
        (0.0, 1.0), description="value range of the images, as the file uses it"
    )
    mean: tuple[FiniteFloat, ...] | None = Field(
        None, description="subtracted from values in `range`: one number, or one per channel"
    )
    std: tuple[FiniteFloat, ...] | None = Field(
        None, description="divisor after `mean` is subtracted: one number, or one per channel"
    )
    batch: int | None = Field(
        None,
        ge=1,
        le=65536,
        description="rows per call; 1 if rows affect each other or the batch axis is ignored",
    )
    batch_mode: Literal["eval", "keep"] = Field(
        "eval",
        description="eval: batch normalization and dropout that were exported in training mode run "
        "as in evaluation; keep: as exported",
    )
    constants: dict[str, int | float | list[int | float]] = Field(
        default_factory=dict, description="values of additional inputs, the same for every row"
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="additional inputs that get a label or an array of the data set, one row per "
        "row; a label becomes one-hot where the input has one value per class. Otherwise their "
        "constant, or 0",
    )
    classes: dict[str, list[str]] = Field(
        default_factory=dict,
        description="additional inputs that get a label of texts: these in the order of the "
        "model's classes, the first for class 0; by default sorted",
    )

    @model_validator(mode="after")
    def _has_file_or_entry(self) -> Self:
        if self.file is None and self.entry is None:
            raise ValueError("file (or entry, for Python functions) is missing")
        return self


class EncoderSpec(ComponentSpec):
    """The encoder: images in; mu and, if variational, log_var out."""

    mu: str | None = Field(None, description="name of the mu output; the first output by default")
    log_var: str | None = Field(None, description="name of the log_var output, if any; '' for none")
    spread: Spread = Field("log_var", description="what the log_var output contains")
    halves_axis: int | None = Field(
        None,
        ge=0,
        description="axis of the mu output, without the batch, in which mean and spread follow "
        "each other, if one output holds both",
    )
    mean_half: Literal[0, 1] = Field(0, description="which of the two halves is the mean")
    further: tuple[str, ...] = Field(
        (), description="names of further outputs that a store keeps, such as codes"
    )
    codes: dict[str, NonNegativeInt] | None = Field(
        None,
        description="outputs that hold codes, whole numbers that name the entries of a codebook, "
        "and the number of its entries, 0 if unknown; an empty table if no output does",
    )


class DecoderSpec(ComponentSpec):
    """The decoder: z-points in, images out."""

    output: str | None = Field(None, description="name of the output; the first output by default")
    activation: Literal["sigmoid", "tanh"] | None = Field(
        None, description="activation to apply to the output: sigmoid if it holds logits"
    )
    scale: FiniteFloat = Field(
        1.0, description="factor from z-points to the decoder's input, applied after `shift`"
    )
    shift: FiniteFloat = Field(0.0, description="added to z-points before `scale`")
    latent_axes: tuple[NonNegativeInt, ...] | None = Field(
        None,
        description="order in which the decoder takes the axes of `latent_shape`, as in "
        "numpy.transpose: [1, 2, 0] if the encoder gives channels first and the decoder takes "
        "channels last",
    )
    color: Literal["gray"] | None = Field(
        None, description="gray: color output is shown as luminance, alpha over black"
    )


class Bundle(Spec):
    """The content of ``model.toml``."""

    format: Literal[1] = 1
    name: str = "model"
    runtime: str = Field("onnx", description="name of the adapter that opens the files")
    image_shape: tuple[PositiveInt, ...] | None = Field(
        None, description="shape of one image, (H, W, C), or of a row of any other kind"
    )
    latent_shape: tuple[PositiveInt, ...] | None = Field(None, description="shape of one z-point")
    encoder: EncoderSpec | None = None
    decoder: DecoderSpec | None = None
    check: str | None = Field(
        None, description=".npz file with arrays x, mu, log_var, decoded of the training runtime"
    )
    training: dict[str, Any] = Field(  # Any: TOML values; each trainer writes its own keys
        default_factory=dict, description="how it was trained"
    )


def read_bundle(folder: Path) -> Bundle:
    """Read the ``model.toml`` of a bundle folder.

    Raises
    ------
    ModelError
        If the file is missing, is not TOML, or has missing or invalid keys.
    """
    path = folder / SIDECAR
    if not path.is_file():
        raise ModelError(
            f"a bundle folder with {SIDECAR}", found=f"no such file in {folder}",
            next_step="give a folder written by 'latent-analyze train', or an .onnx file",
        )  # fmt: skip
    try:
        return Bundle.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"valid TOML in {path}", found=str(error), next_step="correct the file"
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"a valid {key!r} in {path}", found=first["msg"], next_step="correct the file"
        ) from None


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write ``model.toml``; the files it names must already be in `folder`.

    Only fields that were set are written, so that adapters infer the others again.
    """
    data = bundle.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    data = {"format": FORMAT, **data}
    write_text_atomically(folder / SIDECAR, dump_toml(_without_empty(data)))


def replace_bundle(folder: Path, bundle: Bundle) -> Path | None:
    """Write ``model.toml``; keep an existing one as ``model.toml.old`` and return that path.

    If ``model.toml.old`` exists already, a number is appended.
    """
    existing = folder / SIDECAR
    kept = None
    if existing.exists():
        names = (f"{SIDECAR}.old{number or ''}" for number in count())
        kept = next(folder / name for name in names if not (folder / name).exists())
        shutil.copy2(existing, kept)
    write_bundle(folder, bundle)
    return kept


def leave_open(bundle: Bundle, keys: Iterable[str]) -> Bundle:
    """Return a bundle that leaves fields open: ``["encoder.range", ...]``."""
    tables = bundle.model_dump(exclude_unset=True)
    for key in keys:
        role, _, rest = key.partition(".")
        field, _, name = rest.partition(".")
        table = tables.get(role) or {}
        if name and isinstance(table.get(field), dict):
            table[field].pop(name, None)
        else:
            table.pop(field, None)
    return Bundle.model_validate(tables)


def _without_empty(table: dict[str, object]) -> dict[str, object]:
    kept = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items()}
    # Codes without any output say that whole numbers are coordinates.
    return {key: value for key, value in kept.items() if value != {} or key == "codes"}
