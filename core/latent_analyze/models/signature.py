"""The signature of a model: what goes in, what comes out, what it means, and how each is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from latent_analyze.files.hashing import content_hash
from latent_analyze.models.bundle import Bundle, Spread
from latent_analyze.models.spec import Spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Known = Literal["stated", "graph", "trial", "name", "data", "assumed"]
"""How a choice is known, the surest first: the user states it, the graph shows it, it explains the
data best, its name says it, it is the data's own, or nothing tells and it is the usual one."""

Kind = Literal["images", "vectors", "arrays"]


HOW: dict[Known, str] = {
    "stated": "as stated",
    "graph": "the file shows it",
    "trial": "tried",
    "name": "by name",
    "data": "from the data",
    "assumed": "assumed",
}


NO_CHOICES: dict[str, bool | dict[str, bool]] = {
    "format": True, "name": True, "check": True, "training": True,
    "encoder": {"file": True}, "decoder": {"file": True},
}  # fmt: skip
"""What of a bundle is no choice; files are known by their hashes, whatever they are called."""

PHRASES = {
    "encoder.range": "{} in", "decoder.range": "{} out", "decoder.activation": "{} out",
    "encoder.mu": "{}", "decoder.scale": "{}", "encoder.further": "{} kept as well",
    "decoder.latent_axes": "{}", "encoder.mean": "{}", "decoder.mean": "{}",
    "encoder.codes": "{}",
}  # fmt: skip
"""Key of a choice -> how it is said."""

SPREADS: dict[Spread, str] = {
    "log_var": "log variance",
    "log_std": "log standard deviation",
    "variance": "variance",
    "std": "standard deviation",
    "softplus": "standard deviation before a softplus",
}


class Choice(Spec):
    """One choice of a signature.

    Attributes
    ----------
    key
        Where it stands in model.toml: ``"encoder.range"``.
    value
        What was chosen, as people read it.
    known
        How it is known.
    why
        What shows it, in a short phrase.
    """

    key: str
    value: str
    known: Known
    why: str = ""

    @property
    def known_as(self) -> str:
        """The value, and how it is known."""
        reason = f": {self.why}" if self.why else ""
        return f"{self.value} ({HOW[self.known]}{reason})"


class Candidate(Spec):
    """A signature that was tried, and the share of the data's variance that it explains."""

    text: str
    explained: float | None = None

    def __str__(self) -> str:
        score = "   none" if self.explained is None else f"{self.explained:7.3f}"
        return f"{score}  {self.text}"


class Signature(Spec):
    """What the files of a model mean, for the rows that were encoded with it.

    Attributes
    ----------
    bundle
        All choices, as `model.toml` states them.
    choices
        Those that were not stated, with their evidence.
    explained
        Share of the data's variance that reconstructions explain; None without both halves.
    rows
        Rows that were tried.
    candidates
        Signatures that were tried, best first, at most ten.
    problem
        What is wrong, in a sentence, if no signature explains the data; else empty.
    """

    bundle: Bundle
    choices: tuple[Choice, ...] = ()
    explained: float | None = None
    rows: int = 0
    candidates: tuple[Candidate, ...] = ()
    problem: str = ""

    @property
    def fingerprint(self) -> str:
        """Hash of the choices, however they are known, and of nothing else."""
        parts = self._parts()
        return content_hash({key: parts[key] for key in sorted(parts)})

    def differences(self, other: Signature) -> dict[str, tuple[str | None, str | None]]:
        """Return the keys whose values differ, with the value here and the other, as texts.

        Keys and texts are those of ``--signature``; None for a key that is not there.
        """
        mine, others = _flat(self._parts()), _flat(other._parts())
        keys = [*mine, *(key for key in others if key not in mine)]
        found = {key: (mine.get(key), others.get(key)) for key in keys}
        return {key: texts for key, texts in found.items() if texts[0] != texts[1]}

    def _parts(self) -> dict[str, object]:
        return self.bundle.model_dump(mode="json", exclude_none=True, exclude=NO_CHOICES)

    @property
    def assumed(self) -> tuple[Choice, ...]:
        """The choices that nothing shows."""
        return tuple(choice for choice in self.choices if choice.known == "assumed")

    def describe(self) -> dict[str, object]:
        """Return the choices and the signatures that were tried, best first, as plain data."""
        found: dict[str, object] = {"problem": self.problem} if self.problem else {}
        if self.explained is not None:
            found["explained"] = round(self.explained, 4)
            found["rows tried"] = self.rows
        found |= {choice.key: choice.known_as for choice in self.choices}
        return found | {"tried": [str(candidate) for candidate in self.candidates]}

    @property
    def lines(self) -> list[str]:
        """What people are told, in a few lines: a problem first, then what is assumed."""
        if self.problem:
            return [f"problem: {self.problem}"]
        groups: dict[tuple[str, str], list[str]] = {}
        for choice in self.choices:
            if choice.known != "stated" and choice.key != "encoder.spread":
                reason = (HOW[choice.known], choice.why)
                groups.setdefault(reason, []).append(self.phrase(choice))
        return [
            f"{how}: {', '.join(dict.fromkeys(texts))}{f' ({why})' if why else ''}"
            for (how, why), texts in groups.items()
        ]

    def phrase(self, choice: Choice) -> str:
        """Return a choice as a colleague would say it."""
        encoder = self.bundle.encoder
        if choice.key == "encoder.log_var" and encoder is not None:
            return f"{choice.value} holds the {SPREADS[encoder.spread]}"
        if choice.key == "encoder.mu" and not {"mean", "codes"} & {*choice.value.split()}:
            return f"{choice.value} is the mean"
        if ".classes." in choice.key:
            return f"'{choice.key.rpartition('.')[2]}' gets {choice.value}"
        if choice.key in PHRASES:
            return PHRASES[choice.key].format(choice.value)
        return f"{choice.key} = {choice.value}"


def _flat(tables: Mapping[str, object], start: str = "") -> dict[str, str]:
    """Return the values of tables as texts: ``{"encoder.range": "[0.0, 1.0]"}``."""
    found: dict[str, str] = {}
    for key, value in tables.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{start}{key}.")
        else:
            found[start + key] = value if isinstance(value, str) else json.dumps(value)
    return found


def _plain(value: object) -> object:
    """Return a number or an array of NumPy as JSON takes it."""
    plain = getattr(value, "tolist", None)
    return str(value) if plain is None else plain()


def stated_texts(given: Mapping[str, object] | None) -> dict[str, str]:
    """Return what is stated in Python as texts, as on the command line."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, default=_plain)
        for key, value in (given or {}).items()
    }


@dataclass(frozen=True)
class Sample:
    """Some rows of a data set, on which signatures are tried.

    Attributes
    ----------
    x
        Images (n, H, W, C) in [0, 1], vectors (n, dim) or arrays (n, ...), float32.
    kind
        What they are.
    stored_range
        For images, the values in the files that stand for 0 and 1.
    labels, inputs
        Labels (n,), and further arrays (n, ...), by name.
    name
        Name of the array that `x` is, if it has one.
    value_names
        Names of the values in a row, if they have any.
    redraw
        Returns the same rows without some of the `value_names`, which are labels or inputs then.
    classes
        Returns the different texts of a label over all rows of the data set, sorted.
    count
        Rows of the whole data set.
    moments
        Returns mean and standard deviation, (last axis,) each, float64, over all rows of the data
        set; None if only `x` is at hand.
    """

    x: NDArray[np.float32]
    kind: Kind = "images"
    stored_range: tuple[float, float] | None = None
    labels: Mapping[str, NDArray[np.generic]] = field(default_factory=lambda: MappingProxyType({}))
    inputs: Mapping[str, NDArray[np.generic]] = field(default_factory=lambda: MappingProxyType({}))
    name: str = ""
    value_names: tuple[str, ...] = ()
    redraw: Callable[[Sequence[str]], Sample] | None = None
    classes: Callable[[str], Sequence[str]] | None = None
    count: int = 0
    moments: Callable[[], tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None

    @property
    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Labels and further arrays together."""
        return {**self.labels, **self.inputs}

    def without(self, columns: Sequence[str]) -> Sample:
        """Return the rows without values of these names, for a model that takes them otherwise."""
        taken = [name for name in columns if name in self.value_names]
        return self.redraw(taken) if taken and self.redraw else self
