"""The data that a store was made from, opened again and verified, also where they have moved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from latent_analyze.errors import DatasetError
from latent_analyze.files.writing import exists
from latent_analyze.host.options import parse_spec
from latent_analyze.models.in_python import is_in_python, kept_data

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Dataset
    from latent_analyze.host.discovery import Host
    from latent_analyze.store.schema import DatasetSpec


def why_no_data(stored: DatasetSpec, given: str | None) -> str:
    """Return why the data of a store cannot be read, or an empty text.

    `given` is where the user says that they are now.
    """
    if kept_data(stored.fingerprint) is not None:
        return ""
    if is_in_python(stored.location):
        return "the data existed in Python only; encode them again in this process"
    # Built-in data have a name, not a path.
    if given is None and Path(stored.location).is_absolute() and not exists(stored.location):
        return f"the data are no longer at {stored.location}; give --data"
    return ""


def reopen_data(stored: DatasetSpec, given: str | None, host: Host) -> Dataset:
    """Open the data of a store again, with the options that they were read with.

    Raises
    ------
    DatasetError
        If they are gone, or others are there.
    """
    if (kept := kept_data(stored.fingerprint)) is not None:
        return cast("Dataset", kept)
    if reason := why_no_data(stored, given):
        raise DatasetError("the data that the store was made from", found=reason)
    plugin = host.get("dataset", stored.name)
    location = _place(given) if given is not None else stored.location
    dataset: Dataset = plugin.cls(location, plugin.options(stored.options))
    if dataset.fingerprint != stored.fingerprint:
        raise DatasetError(
            f"the data that the store was made from ({stored.fingerprint[:12]})",
            found=f"others at {location} ({dataset.fingerprint[:12]})",
            next_step="give the old ones with --data, or encode again",
        )
    return dataset


def _place(text: str) -> str:
    """Return the place that a text names; the options are those of the store."""
    return text if exists(text) else parse_spec(text).name
