"""Finds sentences of advice in the code: texts that name a command, an option or a key."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAMES = re.compile(
    r"(?<![\w-])--[a-z]"  # an option
    r"|latent-analyze [a-z]"  # a command
    r"|model\.toml"
    r"|(?<![\w.])[a-z_]+=(?!=)"  # a key of a signature, an option of a data set or a sampler
    r"|(?<!\w)-o\b"
)
LEAST = 6
"""Characters of a fragment that tell which text it is from."""


@dataclass(frozen=True)
class Advice:
    """A text in the code, as its literal fragments between what is filled in."""

    where: str
    fragments: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text, with ``{}`` for what is filled in."""
        return "{}".join(self.fragments)

    def is_in(self, said: str) -> bool:
        """Whether a printed text is this one, or a part of it."""
        telling = [part.strip() for part in self.fragments if len(part.strip()) >= LEAST]
        return any(part in said or said in part for part in telling)


def advice_in(folder: Path) -> Iterator[Advice]:
    """Yield what is passed as ``next_step=``, and notes, where it names something to type."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {id(node): node for node in ast.walk(tree) if _fragments(node)}
        for node in ast.walk(tree):
            for hidden in _hidden(node):
                texts.pop(id(hidden), None)
        for node in texts.values():
            fragments = _fragments(node)
            if NAMES.search("{}".join(fragments)):
                yield Advice(f"{path.relative_to(folder)}:{node.lineno}", fragments)  # type: ignore[attr-defined]


def _fragments(node: ast.AST) -> tuple[str, ...]:
    """Return the literal parts of a text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if not isinstance(node, ast.JoinedStr):
        return ()
    parts = [""]
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts[-1] += str(value.value)
        else:
            parts.append("")
    return tuple(parts)


def _hidden(node: ast.AST) -> Iterator[ast.AST]:
    """Yield texts that are not printed on their own: docstrings, parts, what an error expected."""
    if isinstance(node, ast.JoinedStr):
        yield from (inner for inner in ast.walk(node) if inner is not node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    if isinstance(node, ast.Call) and str(getattr(node.func, "id", "")).endswith("Error"):
        shown = [*node.args, *(k.value for k in node.keywords if k.arg == "found")]
        yield from (inner for value in shown for inner in ast.walk(value))
