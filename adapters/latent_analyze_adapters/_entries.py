"""Python objects that a model names as ``package.module:name``: imported only where trusted."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_analyze import ModelError, content_hash, file_sha256
from latent_analyze_adapters.session import cause

if TYPE_CHECKING:
    from types import ModuleType

ENTRY = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(\.\w+)*)")


@dataclass(frozen=True)
class Entry:
    """What ``package.module:name`` stands for.

    Attributes
    ----------
    value
        The object.
    source
        File of its module.
    """

    value: Any
    source: Path


def require_trust(trusted: bool, what: str) -> None:
    """Raise ModelError for what can run code, unless that is allowed."""
    if not trusted:
        raise ModelError(
            "--trust for a model that can run code", found=what,
            next_step="add --trust if you know who made it, or export it to ONNX",
        )  # fmt: skip


def load_entry(text: str, folder: Path) -> Entry:
    """Import what ``package.module:name`` stands for; the caller has asked for trust.

    A module in `folder` comes before those that are installed, and under a name of its own: two
    bundles may both have a ``model.py``. Modules beside it can be imported as well.

    Raises
    ------
    ModelError
        If there is no such module or name, or importing it fails.
    """
    found = ENTRY.fullmatch(text)
    if found is None:
        raise ModelError("an entry package.module:name", found=repr(text))
    try:
        module = _import(found["module"], folder.resolve())
        value = reduce(getattr, found["name"].split("."), module)
    # Importing runs the module, which can raise anything.
    except Exception as error:
        raise ModelError(
            f"{text} importable, from {folder} or installed",
            found=f"{type(error).__name__}: {cause(error)}",
            next_step="check the spelling, or install the package",
        ) from error
    return Entry(value, Path(module.__file__ or ""))


def entry_sha256(entry: Entry, text: str) -> str:
    """Return a hash of the text of an entry and of the file of its module."""
    return content_hash(text, file_sha256(entry.source) if entry.source.is_file() else "")


def _import(name: str, folder: Path) -> ModuleType:
    path = folder.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    if not path.is_file() or "." in name:
        return importlib.import_module(name)
    unique = f"{name}_{content_hash(str(path))[:12]}"
    if unique not in sys.modules:
        spec = importlib.util.spec_from_file_location(unique, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[unique] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[unique]
            raise
    return sys.modules[unique]
