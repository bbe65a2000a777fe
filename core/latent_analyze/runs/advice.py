"""What leads further where a model or data cannot be opened as they were given."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.errors import DatasetError, LatentAnalyzeError, ModelError
from latent_analyze.models.bundle import SIDECAR
from latent_analyze.store import is_store

if TYPE_CHECKING:
    from latent_analyze.host.discovery import Host

STATING = ("--signature", "--batch-mode")
"""Options with which users state what a model's files do not show."""


def with_data(error: ModelError, path: str, *, write: bool = False) -> ModelError:
    """Return the error of a model that was opened without data, but needs a statement about it.

    Parameters
    ----------
    error, path
        What was raised, and the model.
    write
        Whether the statement must be saved, because the command has no option for it.
    """
    states = any(option in error.next_step for option in STATING)
    if not states or (Path(path) / SIDECAR).is_file():
        return error
    step = f"run: latent-analyze inspect {shlex.quote(path)} --data DATA"
    if write:
        step += " --write, which saves a model.toml; then give its folder"
    return ModelError(error.expected, found=error.found, next_step=step)


def encoded_first(error: ModelError, model: str, data: str) -> ModelError:
    """Return the error of a run that encodes, where it takes a statement that only encode takes."""
    if not any(option in error.next_step for option in STATING):
        return error
    command = f"latent-analyze encode {shlex.quote(model)} {shlex.quote(data)}"
    step = f"encode first, {command}, and {error.next_step}"
    return ModelError(error.expected, found=error.found, next_step=step)


def no_data(name: str, host: Host) -> DatasetError:
    """Return the error for a path that exists and that is no data set."""
    if is_store(name):
        return DatasetError(
            "rows that are not encoded yet", found=f"the store {name}",
            next_step=f"run: latent-analyze run {shlex.quote(name)}",
        )  # fmt: skip
    suffixes = sorted({s for plugin in host.datasets.values() for s in plugin.cls.suffixes})
    return DatasetError(
        "a folder of images, or a file of images, vectors or arrays",
        found=f"{name}, which no data set plugin recognizes",
        next_step=f"save the rows as .npy or .npz, or in one of: {', '.join(suffixes)}",
    )


def taken_for_data(error: LatentAnalyzeError, name: str, host: Host) -> LatentAnalyzeError:
    """Return the error for a path that is no data set, if it is a model instead."""
    if not any(plugin.cls.recognizes(Path(name)) for plugin in host.adapters.values()):
        return error
    command = f"latent-analyze encode {shlex.quote(name)} DATA"
    return DatasetError(
        "data", found=f"the model {name}", next_step=f"give it first, and then the data: {command}"
    )
