from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import latent_analyze_plugins.slices
from latent_analyze.files.provenance import code_hash, library_versions
from latent_analyze_plugins.radius import Radius
from latent_analyze_plugins.samplers import Gaussian, Uniform


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "a_plugin_package"
    (folder / "deep" / "deeper").mkdir(parents=True)
    for path in ("__init__.py", "deep/__init__.py", "deep/deeper/__init__.py", "deep/deeper/m.py"):
        (folder / path).write_text("class A: pass\n")
    (folder / "shared.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [n for n in sys.modules if n.startswith("a_plugin_package")]:
        del sys.modules[name]


def hash_of(module: str) -> str:
    for name in [n for n in sys.modules if n.startswith("a_plugin_package")]:
        del sys.modules[name]
    return code_hash(importlib.import_module(module).A)


@pytest.mark.parametrize("module", ["", ".deep", ".deep.deeper", ".deep.deeper.m"])
def test_a_change_anywhere_in_the_package_counts(package: Path, module: str) -> None:
    before = hash_of("a_plugin_package" + module)
    assert hash_of("a_plugin_package" + module) == before
    (package / "shared.py").write_text("X = 2\n")
    assert hash_of("a_plugin_package" + module) != before


def test_moving_code_counts(package: Path) -> None:
    before = hash_of("a_plugin_package")
    (package / "shared.py").rename(package / "deep" / "shared.py")
    assert hash_of("a_plugin_package") != before


def test_classes_of_one_package_share_a_hash() -> None:
    assert code_hash(Radius) == code_hash(Uniform) == code_hash(Gaussian)
    assert code_hash(latent_analyze_plugins.slices.Slices) == code_hash(Radius)


def test_a_single_module_is_hashed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_single_module.py").write_text("class A: pass\n")
    module = importlib.import_module("a_single_module")
    before = code_hash(module.A)
    (tmp_path / "unrelated.py").write_text("")
    code_hash.cache_clear()
    assert code_hash(module.A) == before


def class_without_a_file() -> type:
    namespace: dict[str, type] = {}
    exec("class A: pass", {"__name__": "nowhere"}, namespace)
    return namespace["A"]


def test_a_class_without_a_file_matches_nothing_but_itself() -> None:
    first, second = class_without_a_file(), class_without_a_file()
    assert code_hash(first) == code_hash(first)
    assert code_hash(first) != code_hash(second)


def test_versions_of_what_numbers_depend_on() -> None:
    found = library_versions()
    assert {"python", "numpy", "latent-analyze"} <= found.keys()
