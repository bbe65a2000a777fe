"""What each package may import: core knows no runtime and no plugin, plugins know public names."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import latent_analyze
from latent_analyze import hookspecs
from latent_analyze.host import KINDS, Host
from latent_analyze.options import describe_options

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "core").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
ADAPTERS = sorted((ROOT / "adapters").rglob("*.py"))
TEMPLATE = sorted((ROOT / "examples").rglob("src/**/*.py"))

RUNTIMES = {"tensorflow", "torch", "onnxruntime", "keras", "onnx", "tf2onnx", "jax"}
LIGHT = {"numpy", "latent_analyze", "pydantic"}
PUBLIC_MODULES = {"latent_analyze", "latent_analyze.plotting", "latent_analyze.testing"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, top_level: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Yield (module, names); with `top_level` only what is imported along with the module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _walk(tree) if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), [alias.name for alias in node.names]


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        skipped = (ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, skipped) or _is_for_types(node):
            continue
        yield node
        yield from _walk(node)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def roots(path: Path, **kwargs: bool) -> set[str]:
    return {module.split(".")[0] for module, _ in imports(path, **kwargs)}


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_knows_no_plugin_and_no_runtime(path: Path) -> None:
    assert not roots(path) & {"latent_analyze_plugins", "latent_analyze_adapters", *RUNTIMES}


@pytest.mark.parametrize("path", [*PLUGINS, *ADAPTERS, *TEMPLATE], ids=name_of)
def test_plugins_import_public_names_only(path: Path) -> None:
    for module, names in imports(path):
        if module.split(".")[0] == "latent_analyze":
            assert module in PUBLIC_MODULES
        if module == "latent_analyze":
            assert set(names) <= set(latent_analyze.__all__)


@pytest.mark.parametrize("path", [*PLUGINS, *ADAPTERS], ids=name_of)
def test_plugins_and_adapters_do_not_know_each_other(path: Path) -> None:
    other = "latent_analyze_adapters" if path in PLUGINS else "latent_analyze_plugins"
    assert other not in roots(path)


STANDARD = frozenset(sys.stdlib_module_names)
OWN = {"latent_analyze_plugins", "latent_analyze_adapters"}


def heavy_imports(path: Path) -> set[str]:
    """Return what a module imports along with itself besides the few light packages."""
    own = {folder.name for folder in path.parents}
    return roots(path, top_level=True) - STANDARD - LIGHT - OWN - own


def is_lazy(path: Path) -> bool:
    """Whether a private module is imported inside functions only, or by such modules only."""
    if not path.stem.startswith("_") or path.stem == "__init__":
        return False
    importers = [
        other
        for other in (*PLUGINS, *ADAPTERS)
        for module, names in imports(other, top_level=True)
        if path.stem in {*module.split("."), *names} and other != path
    ]
    return all(is_lazy(other) for other in importers)


@pytest.mark.parametrize("path", [*PLUGINS, *ADAPTERS, *TEMPLATE], ids=name_of)
def test_plugin_modules_import_nothing_heavy_at_the_top(path: Path) -> None:
    # Kernels and networks need their library for decorators and bases: they are private modules,
    # imported inside the function that needs them.
    assert not heavy_imports(path) or is_lazy(path)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_imports_nothing_heavy_at_the_top(path: Path) -> None:
    assert not roots(path, top_level=True) & {"sklearn", "scipy", "numba", "matplotlib", "PIL"}


def registered() -> list[tuple[str, str, type]]:
    host = Host()
    assert not host.problems
    plurals = {"analysis": "analyses"}
    return [
        (kind, name, plugin.cls)
        for kind in KINDS
        for name, plugin in getattr(host, plurals.get(kind, f"{kind}s")).items()
    ]


def test_every_plugin_and_option_is_described() -> None:
    for kind, name, cls in registered():
        assert (cls.__doc__ or "").strip(), f"{kind} {name} has no docstring"
        for row in describe_options(cls.Options) if hasattr(cls, "Options") else ():
            assert row["description"], f"{kind} {name}: {row['name']}"


def test_the_first_plugins_are_there() -> None:
    names = {(kind, name) for kind, name, _ in registered()}
    analyses = {"radius", "axis_density", "slices", "random_decode"}
    samplers = {"uniform", "normal", "sphere", "gaussian", "box", "shuffled", "posterior"}
    assert {("analysis", name) for name in analyses} <= names
    assert {("sampler", name) for name in samplers} <= names


def test_every_hook_is_one_sentence_and_one_kind() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("register_")]
    assert sorted(hooks) == sorted(hook for hook, _ in KINDS.values())
    for name in hooks:
        doc = (getattr(hookspecs, name).__doc__ or "").strip()
        assert doc.startswith("Return classes of ")
        assert doc.count(". ") == 0


def test_public_names_are_sorted_and_documented() -> None:
    names = latent_analyze.__all__
    assert names == sorted(names)
    for name in names:
        thing = getattr(latent_analyze, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert (getattr(thing, "__doc__", "") or "").strip(), name
