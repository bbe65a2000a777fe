"""Rows of a table: what is advised, and what happens to those who do it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from command_line import assert_one_line, files_here

BAD_INPUT = 2
"""Exit code of bad input."""

Step = str | Callable[[], object]


@dataclass(frozen=True)
class Row:
    """A piece of advice, and how it is followed.

    Attributes
    ----------
    make
        Writes files into the current folder.
    command
        What is called first, without ``latent-analyze``.
    says
        The advice, as it is printed.
    then
        What it says to do: commands, or functions that change files. ``+ --flag`` is the first
        command with more. The last step is a command.
    later
        What the last command says where there is more to do; empty if it works.
    """

    make: Callable[[], object]
    command: str
    says: str
    then: Sequence[Step]
    later: str = ""


def follow(row: Row, cli: Any) -> None:
    """Get the advice, follow it, and require that it leads further."""
    row.make()
    before = files_here()
    first = cli(*shlex.split(row.command))
    if first.code == BAD_INPUT:
        assert_one_line(first, saying=(row.says,))
        assert files_here() == before, "nothing is written"
    assert row.says in first.out + first.err, first.out + first.err
    last = None
    for step in row.then:
        if callable(step):
            step()
            continue
        text = f"{row.command} {step.removeprefix('+')}" if step.startswith("+") else step
        last = cli(*shlex.split(text))
    assert last is not None, "the last step is a command"
    said = last.out + last.err
    assert row.says not in said, said
    if row.later:
        assert row.later in said, said
    else:
        assert last.code == 0, said
