"""Files of a store besides the rows, as bytes: for an empty and for a complete store."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from latent_analyze.sources.codes import Usage
from latent_analyze.store.journal import JOURNAL
from latent_analyze.store.layout import (
    METADATA,
    SUMMARY,
    consolidated,
    group_metadata,
    row_arrays,
    summary_arrays,
    to_json,
    usage_arrays,
)
from latent_analyze.store.schema import StoreAttributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latent_analyze.sources.source import AnyArray
    from latent_analyze.sources.summary import Summary
    from latent_analyze.store.layout import ArrayLayout
    from latent_analyze.store.schema import StoreSchema

Metadata = dict[str, dict[str, object]]
"""Path of a group or array in the store -> its Zarr metadata."""


def empty_files(schema: StoreSchema) -> dict[str, bytes]:
    """Return the files of a store without blocks: path in the store -> content."""
    arrays = row_arrays(schema).values()
    attributes = StoreAttributes(**schema.model_dump()).model_dump(mode="json")
    members = {array.name: array.metadata(schema.dataset.count) for array in arrays}
    return {JOURNAL: b"", **_metadata_files(members), METADATA: to_json(group_metadata(attributes))}


def complete_files(
    schema: StoreSchema,
    summary: Summary | Usage,
    journal_sha256: str,
    codebook: AnyArray | None = None,
) -> tuple[dict[str, bytes], bytes]:
    """Return the files to write once all blocks are committed.

    Parameters
    ----------
    summary
        Of coordinates, or how often each code occurs.
    codebook
        Vectors of codes, float32, shape (codes, d), if they are known.

    Returns
    -------
    files
        Path in the store -> content: the summary, and the array metadata with the final shapes.
    root
        Metadata of the root group, which marks the store as complete. Write it last.
    """
    if isinstance(summary, Usage):
        chunks, members = _usage_files(summary, codebook)
    else:
        chunks, members = _summary_files(summary)
    for array in row_arrays(schema).values():
        members[array.name] = array.metadata(summary.count)
    attributes = StoreAttributes(
        **schema.model_dump(),
        count=summary.count,
        dropped=schema.dataset.count - summary.count,
        journal_sha256=journal_sha256,
        complete=True,
    )
    root = consolidated(group_metadata(attributes.model_dump(mode="json")), members)
    return {**chunks, **_metadata_files(members)}, to_json(root)


def _summary_files(summary: Summary) -> tuple[dict[str, bytes], Metadata]:
    arrays = summary_arrays(summary.dim)
    values = {name: getattr(summary, name) for name in arrays}
    numbers = ("count", "radius_min", "radius_max", "nonfinite")
    return _group(arrays, values, {name: getattr(summary, name) for name in numbers})


def _usage_files(found: Usage, codebook: AnyArray | None) -> tuple[dict[str, bytes], Metadata]:
    values: dict[str, AnyArray] = {"usage": found.usage}
    if codebook is not None:
        values["codebook"] = codebook
    entries = None if codebook is None else codebook.shape[1]
    arrays = usage_arrays(len(found.usage), entries)
    return _group(
        arrays, values, {"count": found.count, "codes": len(found.usage), "entries": entries}
    )


def _group(
    arrays: Mapping[str, ArrayLayout],
    values: Mapping[str, AnyArray],
    numbers: Mapping[str, object],
) -> tuple[dict[str, bytes], Metadata]:
    """Return the chunks and the metadata of the group of the summary."""
    chunks = {name: array.chunk(values[name]) for name, array in arrays.items()}
    attributes = {
        **numbers, "crc32": {name: zlib.crc32(chunk) for name, chunk in chunks.items()}
    }  # fmt: skip
    members = {array.name: array.metadata(array.chunk_rows) for array in arrays.values()}
    members[SUMMARY] = group_metadata(attributes)
    return {arrays[name].chunk_file(0): chunk for name, chunk in chunks.items()}, members


def _metadata_files(members: Metadata) -> dict[str, bytes]:
    return {f"{name}/{METADATA}": to_json(metadata) for name, metadata in members.items()}
