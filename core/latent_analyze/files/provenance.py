"""What results depend on besides the data: the code of a class and the library versions."""

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
    """Return the SHA-256 of all Python files in the top-level package that defines `cls`.

    For a module outside any package, only its file is hashed. A class defined in an interpreter or
    a notebook gets a random hash, so that no cached result of an earlier definition is reused.
    """
    module = inspect.getmodule(cls)
    file = getattr(module, "__file__", None)
    if module is None or file is None or not Path(file).is_file():
        return content_hash(os.urandom(16))
    path = Path(file)
    if not module.__package__:
        return content_hash(path.read_bytes())
    depth = module.__package__.count(".")
    package = path.parent.parents[depth - 1] if depth else path.parent
    files = sorted(package.rglob("*.py"))
    parts = [p for f in files for p in (f.relative_to(package).as_posix(), f.read_bytes())]
    return content_hash(*parts)


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
