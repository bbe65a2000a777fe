"""TOML output; the standard library can only read TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Integral, Real
from typing import TypeGuard


def dump_toml(data: Mapping[str, object]) -> str:
    """Return `data` (text, numbers, booleans, lists, nested mappings) as TOML.

    Table entries that are None are left out, because TOML has no null.

    Raises
    ------
    TypeError
        If TOML has no representation for a value.
    """
    return "\n".join(_table(data, ())).lstrip("\n") + "\n"


def _table(data: Mapping[str, object], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(k)} = {_value(v)}" for k, v in data.items() if _is_plain(v)]
    for key, value in data.items():
        here = (*path, _key(key))
        if isinstance(value, Mapping):
            lines += ["", f"[{'.'.join(here)}]", *_table(value, here)]
        elif _is_table_list(value):
            for entry in value:
                lines += ["", f"[[{'.'.join(here)}]]", *_table(entry, here)]
    return lines


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, Mapping) and not _is_table_list(value)


def _is_table_list(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else toml_text(key)


def _value(value: object) -> str:
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, Mapping):
        pairs = [f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None]
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    raise TypeError(f"TOML cannot represent {value!r:.80}")


def toml_text(text: str) -> str:
    """Return `text` as a quoted, one-line TOML string."""
    # JSON and TOML share their escapes, except for DEL: JSON keeps it, TOML forbids it.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
