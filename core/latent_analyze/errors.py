"""The errors a user can see: what was expected, what was found, what to do next."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class LatentAnalyzeError(Exception):
    """Base class of the errors that the command line prints as one line.

    Parameters
    ----------
    expected
        What the program needed, as a phrase: ``"an .npz file with an array of images"``.
    found
        What it got instead.
    next_step
        What the user can do now, as a sentence without the final period.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, expected: str, *, found: str = "", next_step: str = "") -> None:
        self.expected, self.found, self.next_step = expected, found, next_step
        super().__init__(_one_line(expected, found, next_step))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.expected, self.found, self.next_step)


class ModelError(LatentAnalyzeError):
    """A model cannot be opened, or does not behave as its spec says."""


class DatasetError(LatentAnalyzeError):
    """A data set cannot be read."""


class StoreError(LatentAnalyzeError):
    """A latent store is missing, damaged, incomplete, or belongs to another model."""


class OptionError(LatentAnalyzeError):
    """An option, the text of a source, or the name of a plugin is wrong."""


class PluginError(LatentAnalyzeError):
    """A plugin cannot be loaded, or breaks its contract."""


class MissingDependencyError(LatentAnalyzeError):
    """An optional dependency is not installed; the message gives the pip command."""


class AnalysisError(LatentAnalyzeError):
    """An analysis failed although its input is valid."""

    exit_code = 1


def _rebuild(
    kind: type[LatentAnalyzeError], expected: str, found: str, next_step: str
) -> LatentAnalyzeError:
    return kind(expected, found=found, next_step=next_step)


def _one_line(expected: str, found: str, next_step: str) -> str:
    text = f"expected {expected}"
    if found:
        text += f", found {found}"
    if next_step:
        text += f"; {next_step}"
    return printable(text)


def printable(text: str) -> str:
    """Return `text` as one line, with control characters escaped.

    File names and labels are untrusted: they must not move the cursor or fake a second line.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> OptionError:
    """Return the error for an unknown name; it suggests the closest known names."""
    known = sorted(choices)
    similar = get_close_matches(name, known, n=3, cutoff=0.5)
    if similar:
        next_step = f"did you mean {' or '.join(similar)}?"
    else:
        next_step = f"choose one of: {', '.join(known)}" if known else f"no {kind} is available"
    return OptionError(f"the name of a known {kind}", found=repr(name), next_step=next_step)


def missing_dependency(package: str, extra: str, purpose: str) -> MissingDependencyError:
    """Return the error for an optional package that is not installed."""
    return MissingDependencyError(
        f"the package {package} for {purpose}",
        found="it missing",
        next_step=f"run: pip install 'latent-analyze[{extra}]'",
    )
