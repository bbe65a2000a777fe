"""The optional libraries behind the pages, imported when a page is made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from latent_analyze.plugin import missing_dependency

EXTRA = "embed"


def installed_version(library: str, package: str, purpose: str) -> str:
    """Return name and version of an installed library without importing it.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        if find_spec(library) is None:
            raise missing_dependency(package, EXTRA, purpose)
        return f"{package} {version(package)}"
    except PackageNotFoundError as error:
        raise missing_dependency(package, EXTRA, purpose) from error


def load_opentsne() -> Any:
    """Import openTSNE."""
    return import_module("openTSNE")


def load_umap() -> Any:
    """Import umap-learn, but not TensorFlow along with it.

    umap-learn imports TensorFlow wherever it is installed, for a variant that is not used here:
    ten seconds, and lines on stderr in the middle of the progress bars.
    """
    with _without("tensorflow"):
        return import_module("umap")


@contextmanager
def _without(module: str) -> Iterator[None]:
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
