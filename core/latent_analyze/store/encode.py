"""Encodes a data set into a store, block by block; resumes an interrupted encode."""

from __future__ import annotations

from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import DatasetError, ModelError, StoreError
from latent_analyze.host.contracts import Dataset, Progress, no_progress
from latent_analyze.sources.source import rows_per_block
from latent_analyze.store import Store, StoreWriter, read_attributes
from latent_analyze.store.encode_rows import Pipeline, Rows, label_dtype
from latent_analyze.store.layout import METADATA
from latent_analyze.store.schema import (
    DatasetSpec,
    EncodeSpec,
    LabelSpec,
    Nonfinite,
    StoredModel,
    StoreSchema,
    label_arrays,
)
from latent_analyze.store.thumbnails import DEFAULT_SIDE, thumbnail_shape
from latent_analyze.store.writer import require_matching

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.reference import ModelRef
    from latent_analyze.models.spec import Model


def encode(
    model: Model,
    model_ref: ModelRef,
    dataset: Dataset,
    output: Path,
    *,
    nonfinite: Nonfinite = "refuse",
    thumbnails: bool | int = True,
    progress: Progress = no_progress,
    block_rows: int | None = None,
) -> Store:
    """Encode all rows of a data set into the store at `output`, and open it.

    If `output` is a complete store of the same model, data set and options, it is opened without
    encoding. If it is an interrupted one, encoding resumes at the first uncommitted block. The
    result is byte for byte the same as without the interruption, because the batches are the same.

    Parameters
    ----------
    model, model_ref
        The model, and how to open it again later.
    dataset
        Images that match the model's input.
    output
        Folder of the store.
    nonfinite
        What to do with rows whose latents contain NaN or infinity: ``"refuse"`` stops at the first
        such batch, ``"drop"`` leaves out the rows and counts them.
    thumbnails
        Whether to save thumbnails, or the length of their longer side in pixels.
    progress
        Called as progress("encode", rows done, total rows).
    block_rows
        Rows per block; by default about 1 MiB of latents.

    Raises
    ------
    ModelError
        If the model has no encoder, or its latents do not match its spec, or, with
        ``nonfinite="refuse"``, contain NaN or infinity.
    DatasetError
        If the data set is empty or contains vectors, or its images have the wrong shape.
    StoreError
        If `output` is not a store, has another model, data set or options, or cannot be written. On
        a full disk, the committed blocks are kept for the next call.
    """
    require_encodable(model, dataset)
    side = DEFAULT_SIDE if thumbnails is True else int(thumbnails)
    rows = block_rows or min(rows_per_block(model.spec.dim), int(dataset.count))
    encoding = EncodeSpec(
        nonfinite=nonfinite,
        block_rows=rows,
        batch=model.spec.batch,
        thumbnail=thumbnail_shape(dataset.item.shape, side) if dataset.kind == "images" else None,
    )
    schema = _schema(model, model_ref, dataset, encoding)
    output = Path(output)
    store = _complete_store(output, schema)
    if store is None:
        with StoreWriter(output, schema) as writer:
            _write_rows(writer, Pipeline(model, dataset, schema, progress), codebook_of(model))
        store = Store(output)
    return store


def require_rows(dataset: Dataset) -> None:
    """Raise DatasetError if a data set is empty."""
    if dataset.count < 1:
        raise DatasetError(
            "a data set with at least one row", found=f"none in {dataset.name}",
            next_step="choose another folder or file",
        )  # fmt: skip


def require_encodable(model: Model, dataset: Dataset) -> None:
    """Raise DatasetError or ModelError if the model cannot encode the data set."""
    spec = model.spec
    if not spec.can_encode or spec.input is None:
        raise ModelError(
            f"a model with an encoder for {dataset.name}", found=f"none in {spec.name}",
            next_step="give a bundle or a file that contains the encoder",
        )  # fmt: skip
    require_rows(dataset)
    if tuple(dataset.item.shape) != tuple(spec.input.shape):
        raise DatasetError(
            f"rows of shape {_shape(spec.input.shape)}, which {spec.name} takes",
            found=f"{_shape(dataset.item.shape)} in {dataset.name}",
            next_step="change them with the options resize= and crop= of the data set, or, for a "
            "store of its own, choose another -o",
        )
    known = (*dataset.label_names, *dataset.input_names)
    for name in spec.columns:
        if name not in known:
            raise DatasetError(
                f"the label {name!r}, which {spec.name} takes as an input",
                found=f"{', '.join(map(repr, known)) or 'no labels'} in {dataset.name}",
                next_step="choose a data set with that label, or another label: "
                "--signature columns.INPUT=LABEL",
            )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)


def _schema(
    model: Model, model_ref: ModelRef, dataset: Dataset, encoding: EncodeSpec
) -> StoreSchema:
    return StoreSchema(
        creator=f"latent-analyze {version('latent-analyze')}",
        model=StoredModel(**model_ref.to_dict()),
        signature=model_ref.signature,
        spec=model.spec,
        dataset=DatasetSpec(
            name=dataset.name,
            location=dataset.location,
            fingerprint=dataset.fingerprint,
            count=int(dataset.count),
            kind=dataset.kind,
            item=dataset.item,
            labels=_label_specs(dataset),
            options=dataset.options.model_dump(mode="json") if dataset.options else {},
            value_names=tuple(dataset.value_names),
            notes=tuple(dataset.notes),
        ),
        encode=encoding,
    )


def _label_specs(dataset: Dataset) -> tuple[LabelSpec, ...]:
    if not dataset.label_names:
        return ()
    first = dataset.read(np.arange(1)).labels
    return tuple(
        LabelSpec(name=name, array=array, dtype=label_dtype(name, first))
        for name, array in label_arrays(dataset.label_names).items()
    )


def require_place(output: Path) -> None:
    """Raise StoreError if something other than a store is at `output`."""
    if output.exists() and not (output / METADATA).is_file():
        raise StoreError(
            f"a store or nothing yet at {output}", found="something else",
            next_step="choose another -o",
        )  # fmt: skip


def _complete_store(output: Path, schema: StoreSchema) -> Store | None:
    """Return the store at `output` if it is complete; None if rows remain to be encoded."""
    if not output.exists():
        return None
    require_place(output)
    attributes = read_attributes(output)
    require_matching(attributes, schema, output)
    return Store(output) if attributes.complete else None


def _write_rows(
    writer: StoreWriter, pipeline: Pipeline, codebook: NDArray[np.float32] | None
) -> None:
    size, pending, count = writer.schema.encode.block_rows, list[Rows](), 0
    with closing(pipeline.rows(writer.next_row)) as batches:
        for rows in batches:
            pending.append(rows)
            count += len(rows["row"])
            while count >= size:
                merged = _merge(pending)
                writer.append({name: values[:size] for name, values in merged.items()})
                pending = [{name: values[size:] for name, values in merged.items()}]
                count -= size
    if count:
        writer.append(_merge(pending))
    if not writer.records:
        raise ModelError(
            f"finite latents from {writer.schema.spec.name}",
            found=f"NaN or infinity in all {writer.schema.dataset.count} rows",
            next_step="check the model and the value range of the images",
        )
    writer.finish(codebook)


def codebook_of(model: Model) -> NDArray[np.float32] | None:
    """Return the vectors of a model's codes, float32, shape (codes, d), or None if not known."""
    if not model.spec.codes:
        return None
    found = getattr(model, "codebook", None)
    if found is not None and (np.ndim(found) != 2 or len(found) != model.spec.codes):
        raise ModelError(
            f"a codebook of shape ({model.spec.codes}, d) from {model.spec.name}",
            found=f"shape {np.shape(found)}",
        )  # fmt: skip
    return None if found is None else np.asarray(found, np.float32)


def _merge(parts: list[Rows]) -> Rows:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
