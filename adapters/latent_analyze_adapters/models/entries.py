"""Python objects that a model names as ``package.module:name``: imported only where trusted."""

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
from latent_analyze_adapters.models.entry_code import code_sha256, is_own
from latent_analyze_adapters.models.session import cause

if TYPE_CHECKING:
    from types import ModuleType

    from latent_analyze.plugin import DecoderSpec, EncoderSpec

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
    code
        Hash of the code that the module belongs to, see `code_sha256`.
    """

    value: Any
    source: Path
    code: str


@dataclass
class _Beside:
    """What was imported along with entries from the folders of bundles.

    Attributes
    ----------
    current
        Folder of the last entry, and the hash of its code at that time.
    names
        Modules beside that entry.
    folders
        Where bundles lie that had entries, as in `sys.path`.
    entries
        Modules with names of their own.
    """

    current: tuple[Path, str] | None = None
    names: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)


_BESIDE = _Beside()


def require_trust(trusted: bool, what: str) -> None:
    """Raise ModelError for what can run code, unless that is allowed."""
    if not trusted:
        raise ModelError(
            "--trust for a model that can run code", found=what,
            next_step="add --trust if you know who made it, or export it to ONNX",
        )  # fmt: skip


def load_entry(text: str, folder: Path | None) -> Entry:
    """Import what ``package.module:name`` stands for; the caller has asked for trust.

    A module in `folder` comes before those that are installed, and under a name of its own: two
    bundles may both have a ``model.py``. Modules beside it can be imported as well, also of the
    same names as those of another bundle. Code that has changed is imported anew. Without a folder
    it is the working directory's, and `Entry.code` says nothing.

    Raises
    ------
    ModelError
        If there is no such module or name, or importing it fails.
    """
    found = ENTRY.fullmatch(text)
    if found is None:
        raise ModelError("an entry package.module:name", found=repr(text))
    name, place = found["module"], (folder or Path()).resolve()
    path = place.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    code = ""
    if path.is_file():
        code = file_sha256(path) if folder is None else code_sha256(path, place, name)
    try:
        module = _import(name, place, path if code else None, code=code)
        value = reduce(getattr, found["name"].split("."), module)
    # Importing runs the module, which can raise anything.
    except Exception as error:
        raise ModelError(
            f"{text} importable, from {folder or place} or installed",
            found=f"{type(error).__name__}: {cause(error)}",
            next_step="check the spelling, or install the package",
        ) from error
    source = Path(module.__file__ or "")
    if folder is not None and source != path:
        code = code_sha256(source, place, name)
    return Entry(value, source, code)


def entry_sha256(entry: Entry, text: str) -> str:
    """Return a hash of the text of an entry and of its code."""
    return content_hash(text, entry.code)


def kinds_of_constants(half: EncoderSpec | DecoderSpec) -> tuple[str, ...]:
    """Return what tells 3 from 3.0, for hashes: a function gets the one as int64."""
    return tuple(f"{name}={half.constants[name]!r}" for name in sorted(half.constants))


def _import(name: str, folder: Path, path: Path | None, *, code: str) -> ModuleType:
    """Import a module, from its file in the folder if there is one."""
    _put_first(str(folder))
    if path is None:
        return importlib.import_module(name)
    unique = f"{name}_{content_hash(str(path), code)[:12]}"
    if unique in sys.modules:
        return sys.modules[unique]
    with _importing_beside(folder, code):
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
    _BESIDE.entries.add(unique)
    return module


def _put_first(folder: str) -> None:
    """Have a folder searched before those of other bundles, and after all that is installed."""
    if folder in _BESIDE.folders and folder in sys.path:
        sys.path.remove(folder)
    if folder not in sys.path:
        others = [i for i, place in enumerate(sys.path) if place in _BESIDE.folders]
        sys.path.insert(min(others, default=len(sys.path)), folder)
        _BESIDE.folders.add(folder)


@contextmanager
def _importing_beside(folder: Path, code: str) -> Iterator[None]:
    """Have modules imported from a folder as it is now, and from no other bundle's."""
    if _BESIDE.current != (folder, code):
        for name in _BESIDE.names:
            sys.modules.pop(name, None)
        _BESIDE.current, _BESIDE.names = (folder, code), set()
    importlib.invalidate_caches()
    known, written = set(sys.modules), sys.dont_write_bytecode
    # Compiled files are told from stale ones by the second: too coarse for what is hashed.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = written
        for name in sys.modules.keys() - known - _BESIDE.entries:
            file = getattr(sys.modules[name], "__file__", None)
            if file and is_own(Path(file), folder):
                _BESIDE.names.add(name)
