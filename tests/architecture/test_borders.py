"""What each package may import: core knows no runtime and no plugin, plugins know public names."""

from __future__ import annotations

import inspect
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from imports import MODULES, ROOT, imported_modules, imports

import latent_analyze
from latent_analyze import plotting, plugin, statistics, testing  # noqa: F401  (looked up by name)
from latent_analyze.host import hookspecs
from latent_analyze.host.discovery import KINDS, Host
from latent_analyze.host.options import describe_options
from latent_analyze.renamed import MOVED

CORE = sorted((ROOT / "core").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
ADAPTERS = sorted((ROOT / "adapters").rglob("*.py"))
TEMPLATE = sorted((ROOT / "examples").rglob("src/**/*.py"))

RUNTIMES = {"tensorflow", "torch", "onnxruntime", "keras", "onnx", "tf2onnx", "jax"}
LIGHT = {"numpy", "latent_analyze", "pydantic"}
PUBLIC_MODULES = {
    "latent_analyze.plugin",
    "latent_analyze.plotting",
    "latent_analyze.statistics",
    "latent_analyze.testing",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def roots(path: Path, **kwargs: bool) -> set[str]:
    """Return the top-level packages that a file imports, those for type checks not counted."""
    return {module.split(".")[0] for module, _ in imports(path, **kwargs)}


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_knows_no_plugin_and_no_runtime(path: Path) -> None:
    assert not roots(path) & {"latent_analyze_plugins", "latent_analyze_adapters", *RUNTIMES}


@pytest.mark.parametrize("path", [*PLUGINS, *ADAPTERS, *TEMPLATE], ids=name_of)
def test_plugins_import_public_names_only(path: Path) -> None:
    for module, names in imports(path):
        if module.split(".")[0] == "latent_analyze":
            assert module in PUBLIC_MODULES
        if module in PUBLIC_MODULES:
            assert set(names) <= set(sys.modules[module].__all__)


@pytest.mark.parametrize("path", [*PLUGINS, *ADAPTERS], ids=name_of)
def test_plugins_and_adapters_do_not_know_each_other(path: Path) -> None:
    other = "latent_analyze_adapters" if path in PLUGINS else "latent_analyze_plugins"
    assert other not in roots(path)


STANDARD = frozenset(sys.stdlib_module_names)
OWN = {"latent_analyze_plugins", "latent_analyze_adapters"}


def loaded_with_plugins() -> set[str]:
    """Return the modules that are imported when the host finds the built-in plugins."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        waiting = list(tomllib.load(file)["project"]["entry-points"]["latent_analyze"].values())
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        waiting.append(module.rpartition(".")[0] or module)
        if module in MODULES:
            waiting += imported_modules(MODULES[module], functions=False)
    return {module for module in seen if module.split(".")[0] in OWN}


@pytest.mark.parametrize("module", sorted(loaded_with_plugins()))
def test_what_is_loaded_with_the_plugins_imports_nothing_heavy(module: str) -> None:
    # All plugins are imported when the program starts. A module with kernels or networks needs
    # its library at the top, so it is imported inside the function that needs it.
    assert not roots(MODULES[module], functions=False) - STANDARD - LIGHT - OWN


@pytest.mark.parametrize("path", TEMPLATE, ids=name_of)
def test_the_template_imports_nothing_heavy(path: Path) -> None:
    own = {folder.name for folder in path.parents}
    assert not roots(path, functions=False) - STANDARD - LIGHT - own


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_core_imports_nothing_heavy_at_the_top(path: Path) -> None:
    assert not roots(path, functions=False) & {"sklearn", "scipy", "numba", "matplotlib", "PIL"}


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


@pytest.mark.parametrize("module", [latent_analyze, plugin], ids=lambda m: m.__name__)
def test_public_names_are_sorted_and_documented(module: ModuleType) -> None:
    names = module.__all__
    assert names == sorted(names)
    for name in names:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert (getattr(thing, "__doc__", "") or "").strip(), name


def test_users_see_what_they_need_and_nothing_else() -> None:
    assert dir(latent_analyze) == latent_analyze.__all__
    assert len(latent_analyze.__all__) <= 20


@pytest.mark.parametrize("name", sorted(MOVED))
def test_names_of_the_first_version_say_where_they_went(name: str) -> None:
    assert name in plugin.__all__
    with pytest.raises(ImportError, match=f"from latent_analyze.plugin import {name}"):
        getattr(latent_analyze, name)


def test_other_names_are_unknown() -> None:
    assert not hasattr(latent_analyze, "nothing_of_this_name")
    assert latent_analyze.__version__
