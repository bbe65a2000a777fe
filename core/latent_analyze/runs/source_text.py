"""The text form of a source: ``BASE[split=test]@posterior``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from latent_analyze.files.writing import exists
from latent_analyze.host.options import parse_assignment, split_outside_brackets

_SUBSET = re.compile(r"^(?P<base>.+?)\[(?P<conditions>[^\[\]]+=[^\[\]]*)\]$")


@dataclass(frozen=True)
class SourceText:
    """``BASE[split=test]@posterior`` taken apart."""

    base: str
    conditions: dict[str, str]
    posterior: bool

    @classmethod
    def parse(cls, text: str) -> SourceText:
        """Take a source text apart; a path that exists is a path, whatever it holds."""
        if exists(text):
            return cls(text, {}, False)
        base = text.removesuffix("@posterior")
        match = _SUBSET.match(base)
        if match is None or match["base"].rstrip().endswith("="):
            return cls(base, {}, base != text)
        pairs = split_outside_brackets(match["conditions"], ",")
        return cls(match["base"], dict(_condition(p, text) for p in pairs), base != text)

    @property
    def suffix(self) -> str:
        """What follows the base, as text."""
        pairs = ",".join(f"{k}={v}" for k, v in self.conditions.items())
        return (f"[{pairs}]" if pairs else "") + ("@posterior" if self.posterior else "")


def _condition(pair: str, text: str) -> tuple[str, str]:
    key, value = parse_assignment(pair, where=text)
    # A label's value is compared as text: "007" and "true" are no numbers and no booleans here.
    return key, value if isinstance(value, str) else pair.partition("=")[2].strip()


def split_texts(texts: str | Sequence[str]) -> tuple[str, ...]:
    """Return source texts between commas; a path that exists is one text."""
    found: list[str] = []
    for text in [texts] if isinstance(texts, str) else texts:
        parts = [text] if exists(text) else split_outside_brackets(text, ",")
        found += [part.strip() for part in parts if part.strip()]
    return tuple(found)
