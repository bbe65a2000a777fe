"""Fingerprints that stay the same while their data set gets more options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import Dataset, DatasetError, content_hash, file_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def file_fingerprint(
    dataset: Dataset, path: Path, *, later: Sequence[str], more: Sequence[object] = ()
) -> str:
    """Return the hash of name, file and options of a data set, and of what `more` is given.

    Options that came `later` count only if they are not the default: stores are verified against
    the fingerprints that earlier versions wrote.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    try:
        content = file_sha256(path)
    except OSError as error:
        raise DatasetError(
            f"readable files in {path}", found=error.strerror or str(error),
            next_step="check the path",
        ) from None  # fmt: skip
    options, fields = dataset.options, type(dataset.options).model_fields
    unset = {name for name in later if getattr(options, name) == fields[name].default}
    return content_hash(dataset.name, content, options.model_dump_json(exclude=unset), *more)
