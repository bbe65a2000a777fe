"""Small files and small functions."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("core", "plugins", "adapters", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield name and lines of every function, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                lines -= (first.end_lineno or 0) - first.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.name}", lines


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_are_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_functions_are_small() -> None:
    sizes = dict(entry for path in FILES for entry in functions(path))
    assert statistics.median(sizes.values()) <= 25
    long = {name: size for name, size in sizes.items() if size > 40}
    # A command's options and a figure's calls are long lists, not long thoughts.
    assert len(long) <= len(sizes) // 50, long


def parameters(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
            yield (
                f"{path.relative_to(ROOT)}:{node.name}",
                len([n for n in names if n not in ("self", "cls")]),
            )


def test_public_functions_take_few_positional_parameters() -> None:
    many = {
        name: count
        for path in FILES
        if "cli" not in path.parts
        for name, count in parameters(path)
        if count > 4
    }
    assert not many
