"""Reading imports out of source files, for the tests beside this file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "latent_analyze": ROOT / "core",
    "latent_analyze_adapters": ROOT / "adapters",
    "latent_analyze_plugins": ROOT / "plugins",
}


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name of a module below a source root."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path, root): path
    for root in PACKAGES.values()
    for path in sorted(root.rglob("*.py"))
}
"""Dotted name of every module of the three packages -> its file."""


def for_types_only(node: ast.AST) -> bool:
    """Whether a node is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes(tree: ast.AST, *, functions: bool, types: bool) -> Iterator[ast.AST]:
    """Yield all nodes; those inside functions or below TYPE_CHECKING only if asked for."""
    for node in ast.iter_child_nodes(tree):
        if not types and for_types_only(node):
            continue
        if not functions and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield node
        yield from nodes(node, functions=functions, types=types)


def imports(
    path: Path, *, functions: bool = True, types: bool = False
) -> Iterator[tuple[str, list[str]]]:
    """Yield (module, names) of every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in nodes(tree, functions=functions, types=types):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: no relative imports"
            yield str(node.module), [alias.name for alias in node.names]


def imported_modules(path: Path, *, functions: bool = True, types: bool = False) -> set[str]:
    """Return the modules of the three packages that a file imports."""
    found = set()
    for module, names in imports(path, functions=functions, types=types):
        inner = [f"{module}.{name}" for name in names]
        found |= {name if name in MODULES else module for name in inner or [module]}
    return found & set(MODULES)


def circles(*, types: bool) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or not."""
    edges = {name: imported_modules(path, types=types) for name, path in MODULES.items()}
    reach = {name: _reachable(name, edges) for name in edges}
    groups = {
        tuple(sorted({name, *(other for other in reach[name] if name in reach[other])}))
        for name in edges
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += edges[name]
    return seen
