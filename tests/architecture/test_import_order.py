"""Inside core, a lower folder never imports a higher one; and no modules import in a circle."""

from __future__ import annotations

import pytest
from imports import MODULES, circles, imported_modules

PACKAGE = "latent_analyze"

FLOORS = [
    "errors", "files", "sources", "statistics", "models", "host", "store", "plotting", "runs",
    "testing", "report", "api", "plugin", "renamed", "cli", "__main__",
]  # fmt: skip
"""From the ground up; docs/architecture.md says what each is for."""

CORE = [name for name in MODULES if name.startswith(f"{PACKAGE}.")]


def floor(module: str) -> str:
    return module.split(".")[1]


def test_every_folder_has_its_floor() -> None:
    assert {floor(name) for name in CORE} == set(FLOORS)
    assert len(set(FLOORS)) == len(FLOORS)


@pytest.mark.parametrize("module", CORE)
def test_lower_never_imports_higher(module: str) -> None:
    for other in imported_modules(MODULES[module]):
        assert other != PACKAGE, f"{module} imports the package as a whole"
        assert FLOORS.index(floor(other)) <= FLOORS.index(floor(module)), f"imports {other}"


def test_the_package_names_what_is_below_the_command_line() -> None:
    for other in imported_modules(MODULES[PACKAGE]) - {PACKAGE}:
        assert FLOORS.index(floor(other)) < FLOORS.index("cli"), other


def test_no_modules_import_in_a_circle() -> None:
    assert circles(types=True) == []
