"""The text form of a source: ``BASE[split=test]@posterior``, ``STORE@z2``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from latent_analyze.files.writing import exists
from latent_analyze.host.options import parse_assignment, split_outside_brackets

_SUBSET = re.compile(r"^(?P<base>.+?)\[(?P<conditions>[^\[\]]+=[^\[\]]*)\]$")

POSTERIOR = "posterior"


@dataclass(frozen=True)
class SourceText:
    """``BASE[split=test]@posterior`` taken apart."""

    base: str
    conditions: dict[str, str]
    posterior: bool
    output: str = ""

    @classmethod
    def parse(cls, text: str) -> SourceText:
        """Take a source text apart; a path that exists is a path, whatever it holds."""
        if exists(text):
            return cls(text, {}, False)
        base, view = _split_view(text)
        match = _SUBSET.match(base)
        pairs: list[str] = []
        if match is not None and not match["base"].rstrip().endswith("="):
            pairs, base = split_outside_brackets(match["conditions"], ","), match["base"]
            if not view:
                base, view = _split_view(base)
        conditions = dict(_condition(pair, text) for pair in pairs)
        return cls(base, conditions, view == POSTERIOR, "" if view == POSTERIOR else view)

    @property
    def suffix(self) -> str:
        """What follows the base, as text."""
        pairs = ",".join(f"{k}={v}" for k, v in self.conditions.items())
        view = POSTERIOR if self.posterior else self.output
        return (f"[{pairs}]" if pairs else "") + (f"@{view}" if view else "")


def _split_view(text: str) -> tuple[str, str]:
    """Return a text without ``@NAME`` at its end, and the name; only stores have other names."""
    base, mark, name = text.rpartition("@")
    if mark and name == POSTERIOR:
        return base, name
    match = _SUBSET.match(base)
    path = base if match is None else match["base"]
    is_named = bool(base and name) and not set(name) & set("[]")
    # A path may hold an @ as well; the name of an output may hold a slash.
    is_store = path.endswith(".zarr") or exists(f"{path}/zarr.json")
    if is_named and (is_store or ("/" not in name and exists(path))):
        return base, name
    return text, ""


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
