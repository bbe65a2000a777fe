"""Inside core, lower modules never import higher ones; the order is this list and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "core" / "latent_analyze"

LAYERS = """
    errors files seeding toml provenance options model bundle summary source array_source
    drawn_source source_views
    store.schema store.text_codec store.layout store.disk store.journal store.chunks
    store.thumbnails store.contents store.reader store.writer store
    results contracts.progress contracts.analysis contracts.sampler contracts.dataset
    contracts.model contracts encode_rows encode hookspecs host latent_outputs inspection opening
    engine.tasks engine.local engine calibration nulls result_files run_config case_model
    selection plan outcome runner plotting comparison testing
    report.numbers report.tables report.facts report.figures report.page report.folder report
    run_report api cli.options cli.progress cli.plugins cli.train cli.encode cli.inspect cli.run
    cli.demo cli.app cli __main__
"""
ORDER = LAYERS.split()

# The package itself only names what users import; it stands above what it names.
PACKAGE = "latent_analyze"


def module_of(path: Path) -> str:
    parts = path.relative_to(CORE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(CORE.rglob("*.py")) if module_of(path)}


def runtime_imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield all imports, those inside functions too, but for those under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        yield from runtime_imports(node)


def imported(path: Path) -> set[str]:
    found = set()
    for node in runtime_imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module == PACKAGE:
            names = {alias.name for alias in node.names}
            found |= {f"{PACKAGE}.{n}" if n in MODULES else PACKAGE for n in names}
        elif node.module and node.module.startswith(f"{PACKAGE}."):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner.removeprefix(f"{PACKAGE}.") in MODULES else node.module)
        else:
            assert node.level == 0, "no relative imports"
            found.add(str(node.module))
    return found


def test_every_module_has_its_place() -> None:
    assert sorted(ORDER) == sorted(MODULES)
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("module", MODULES)
def test_lower_never_imports_higher(module: str) -> None:
    for name in imported(MODULES[module]):
        if name == PACKAGE:
            raise AssertionError(f"{module} imports the package as a whole")
        if name.startswith(f"{PACKAGE}."):
            other = name.removeprefix(f"{PACKAGE}.")
            assert ORDER.index(other) < ORDER.index(module), f"{module} imports {other}"


def test_the_package_names_what_is_below_the_command_line() -> None:
    for name in imported(CORE / "__init__.py"):
        module = name.removeprefix(f"{PACKAGE}.")
        assert ORDER.index(module) < ORDER.index("cli.options"), module
