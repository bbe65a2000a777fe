"""Calling the command line in this process, and comparing what it left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from latent_analyze.cli import main


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as strict JSON: no NaN, no Infinity."""
        return json.loads(self.out, parse_constant=_not_strict)


class CommandLine:
    """Calls ``latent-analyze`` in the current folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Ran:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = self.capsys.readouterr()
        return Ran(int(stopped.value.code or 0), out, err)

    def works(self, *arguments: object) -> Ran:
        """Call it and require success."""
        ran = self(*arguments)
        assert ran.code == 0, ran.err or ran.out
        return ran

    def cases(self, *arguments: object) -> list[dict[str, Any]]:
        """Return the cases that a run prints as JSON."""
        found = self.works("run", *arguments, "--json").json
        assert found["schema"] == 1
        cases: list[dict[str, Any]] = found["cases"]
        return cases

    def refuses(self, *arguments: object, saying: tuple[str, ...], code: int = 2) -> str:
        """Require one line that says all of `saying` in this order, and nothing written."""
        before = files_here()
        ran = self(*arguments)
        assert_one_line(ran, code=code, saying=saying)
        assert files_here() == before, "nothing is written"
        return ran.err


def assert_one_line(ran: Ran, *, saying: tuple[str, ...], code: int = 2) -> None:
    """Require the one line of an error, with all of `saying` in this order."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("latent-analyze: ")
    assert ran.err.endswith("\n")
    line = ran.err[:-1]
    assert line.isprintable(), repr(line)
    place = 0
    for phrase in saying:
        assert phrase in line[place:], f"{phrase!r} in {line[place:]!r}"
        place = line.index(phrase, place) + len(phrase)


def files_here() -> dict[str, int]:
    """Return path -> time of the last change of all that lies below the current folder."""
    return {str(path): path.stat().st_mtime_ns for path in Path().rglob("*")}


def _not_strict(constant: str) -> None:
    raise ValueError(f"{constant} in JSON")
