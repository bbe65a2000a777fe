"""Imports the Python objects that a model names as ``package.module:name``, if it is trusted."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import ModelError, content_hash, file_sha256
from latent_analyze_adapters.models.entry_code import code_sha256, is_bundle_code
from latent_analyze_adapters.models.messages import typed_cause

if TYPE_CHECKING:
    from types import ModuleType

    from latent_analyze_adapters.models.graph import NetworkSpec

ENTRY = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(\.\w+)*)")


@dataclass(frozen=True)
class Entry:
    """The object that ``package.module:name`` refers to.

    Attributes
    ----------
    value
        The object.
    source
        File of its module.
    code
        Hash of the code that the module belongs to, see `code_sha256`.
    """

    value: Any  # a user's object: a function, a class or a model
    source: Path
    code: str


@dataclass
class _BundleModules:
    """What was imported from the folders of bundles.

    Attributes
    ----------
    current
        Folder of the last entry, and the hash of its code at that time.
    names
        Modules that this entry imported from its folder.
    folders
        Folders of bundles with entries, as in `sys.path`.
    entries
        Modules that were imported under unique names.
    """

    current: tuple[Path, str] | None = None
    names: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)


_BUNDLES = _BundleModules()


def require_trust(trusted: bool, what: str) -> None:
    """Raise ModelError for something that can run code, unless that is allowed."""
    if not trusted:
        raise ModelError(
            "--trust for a model that can run code", found=what,
            next_step="add --trust if you know who made it, or export it to ONNX",
        )  # fmt: skip


def load_entry(text: str, folder: Path | None) -> Entry:
    """Import the object that ``package.module:name`` refers to, once the caller requires trust.

    A module in `folder` takes precedence over installed ones, and is imported under a unique name,
    because two bundles may both have a ``model.py``. It can import the modules next to it, even if
    another bundle has modules of the same names. Code that has changed is imported again. Without
    a folder, the working directory is used, and `Entry.code` says nothing.

    Raises
    ------
    ModelError
        If there is no such module or name, or importing it fails.
    """
    match = ENTRY.fullmatch(text)
    if match is None:
        raise ModelError("an entry package.module:name", found=repr(text))
    name, location = match["module"], (folder or Path()).resolve()
    path = location.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    code = ""
    if path.is_file():
        code = file_sha256(path) if folder is None else code_sha256(path, location, name)
    try:
        module = _import(name, location, path if code else None, code=code)
        value = reduce(getattr, match["name"].split("."), module)
    # Importing runs the module, which can raise anything.
    except Exception as error:
        raise ModelError(
            f"{text} importable, from {folder or location} or installed", found=typed_cause(error),
            next_step="check the spelling, or install the package",
        ) from error  # fmt: skip
    source = Path(module.__file__ or "")
    if folder is not None and source != path:
        code = code_sha256(source, location, name)
    return Entry(value, source, code)


def entry_sha256(entry: Entry, text: str) -> str:
    """Return a hash of the text of an entry and of its code."""
    return content_hash(text, entry.code)


def typed_constants(spec: NetworkSpec) -> tuple[str, ...]:
    """Return the constants for a hash that tells 3 from 3.0, which a function gets as int64."""
    return tuple(f"{name}={spec.constants[name]!r}" for name in sorted(spec.constants))


def _import(name: str, folder: Path, path: Path | None, *, code: str) -> ModuleType:
    """Import a module, from its file in the folder if there is one."""
    _search_first(str(folder))
    if path is None:
        return importlib.import_module(name)
    unique = f"{name}_{content_hash(str(path), code)[:12]}"
    if unique in sys.modules:
        return sys.modules[unique]
    with _importing_from(folder, code):
        return importlib.import_module(name) if "." in name else _run(unique, path)


def _run(unique: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[unique] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    _BUNDLES.entries.add(unique)
    return module


def _search_first(folder: str) -> None:
    """Put a folder before those of other bundles, but after everything that is installed."""
    if folder in _BUNDLES.folders and folder in sys.path:
        sys.path.remove(folder)
    if folder not in sys.path:
        others = [i for i, other in enumerate(sys.path) if other in _BUNDLES.folders]
        sys.path.insert(min(others, default=len(sys.path)), folder)
        _BUNDLES.folders.add(folder)


@contextmanager
def _importing_from(folder: Path, code: str) -> Iterator[None]:
    """Import modules from the current content of a folder, and from no other bundle."""
    if _BUNDLES.current != (folder, code):
        for name in _BUNDLES.names:
            sys.modules.pop(name, None)
        _BUNDLES.current, _BUNDLES.names = (folder, code), set()
    importlib.invalidate_caches()
    known, dont_write = set(sys.modules), sys.dont_write_bytecode
    # Python tells stale compiled files by the second, which is too coarse for code that is hashed.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = dont_write
        for name in sys.modules.keys() - known - _BUNDLES.entries:
            file = getattr(sys.modules[name], "__file__", None)
            if file and is_bundle_code(Path(file), folder):
                _BUNDLES.names.add(name)
