"""Models and data that exist in Python only, not in files: they are kept while the process runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latent_analyze.models.spec import Model

PREFIX = "python:"
MOST = 8
"""Models and data sets that are kept: a notebook may encode many."""

_MODELS: dict[str, Callable[[], Model]] = {}
_DATA: dict[str, Any] = {}


def is_in_python(path: str) -> bool:
    """Whether a path in a store is of a model or data in Python."""
    return path.startswith(PREFIX)


def python_path(value: object) -> str:
    """Return what stands for an object in place of a path, ``python:ClassName``."""
    name = getattr(value, "__qualname__", None) or type(value).__qualname__
    return PREFIX + str(name)


def keep_model(fingerprint: str, reopen: Callable[[], Model]) -> None:
    """Keep a model, so that a run in this process can use it."""
    _keep(_MODELS, fingerprint, reopen)


def kept_model(fingerprint: str) -> Callable[[], Model] | None:
    """Return what opens the model again, if it is from this process."""
    return _MODELS.get(fingerprint)


def keep_data(fingerprint: str, data: object) -> None:
    """Keep a data set, so that a run in this process can read it."""
    _keep(_DATA, fingerprint, data)


def kept_data(fingerprint: str) -> Any:
    """Return the data set, if it is from this process."""
    return _DATA.get(fingerprint)


def _keep(kept: dict[str, Any], fingerprint: str, value: object) -> None:
    kept.pop(fingerprint, None)
    kept[fingerprint] = value
    while len(kept) > MOST:
        del kept[next(iter(kept))]
