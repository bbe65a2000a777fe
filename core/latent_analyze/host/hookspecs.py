"""The hooks: five sentences, each returns classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze.host.contracts import Adapter, Analysis, Dataset, Sampler, Trainer

PROJECT = "latent_analyze"
"""Name of the pluggy project and of the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_analyses() -> Sequence[type[Analysis]]:
    """Return classes of analyses: questions about a source."""
    raise NotImplementedError


@hookspec
def register_adapters() -> Sequence[type[Adapter]]:
    """Return classes of adapters: openers of models of one runtime."""
    raise NotImplementedError


@hookspec
def register_datasets() -> Sequence[type[Dataset]]:
    """Return classes of data sets: readers of images or vectors."""
    raise NotImplementedError


@hookspec
def register_samplers() -> Sequence[type[Sampler]]:
    """Return classes of samplers: makers of artificial z-points."""
    raise NotImplementedError


@hookspec
def register_trainers() -> Sequence[type[Trainer]]:
    """Return classes of trainers: makers of model bundles."""
    raise NotImplementedError
