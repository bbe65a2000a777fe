"""What results depend on besides data: the code behind a class and the libraries used."""

from __future__ import annotations

import inspect
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from latent_analyze.files.hashing import content_hash

LIBRARIES = (
    "latent-analyze", "numpy", "numba", "scikit-learn", "scipy", "zarr", "onnxruntime", "openTSNE",
    "umap-learn", "pynndescent",
)  # fmt: skip


@cache
def code_hash(cls: type) -> str:
    """Return a SHA-256 over the Python files of the top-level package that `cls` lives in.

    Of a module outside any package it is that file's; a class typed into an interpreter or a
    notebook gets a hash of its own, which nothing kept from an earlier definition matches.
    """
    module = inspect.getmodule(cls)
    file = getattr(module, "__file__", None)
    if module is None or file is None or not Path(file).is_file():
        return content_hash(os.urandom(16))
    path = Path(file)
    if not module.__package__:
        return content_hash(path.read_bytes())
    climb = module.__package__.count(".")
    package = path.parent.parents[climb - 1] if climb else path.parent
    files = sorted(package.rglob("*.py"))
    parts = [p for f in files for p in (f.relative_to(package).as_posix(), f.read_bytes())]
    return content_hash(*parts)


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
