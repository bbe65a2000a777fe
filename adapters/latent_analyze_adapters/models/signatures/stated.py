"""What users state about a model on the command line: ``--signature encoder.range=[-1,1]``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = ("constants", "columns", "classes", "codes")
ROLES = ("encoder", "decoder")
NAMES = frozenset({
    "mu", "log_var", "input", "output", "part", "layout", "spread", "activation", "color",
    "batch_mode", "entry", "file",
})  # fmt: skip
"""Keys whose values are texts."""

EXAMPLE = "--signature 'encoder.range=[-1,1]'"


def apply_stated(bundle: Bundle, stated: Mapping[str, str]) -> Bundle:
    """Return the bundle with what users state; a key without a role is for each that has it.

    Raises
    ------
    ModelError
        If there is no such key, or its value is not one.
    """
    tables = {
        role: spec.model_dump(exclude_unset=True)
        for role in ROLES
        if (spec := getattr(bundle, role)) is not None
    }
    changes: dict[str, Any] = {}
    for key, text in stated.items():
        if not text.strip() and not key.endswith(("log_var", "further", "codes")):
            raise ModelError(
                f"a value of {key!r} in --signature", found="nothing after =",
                next_step=f"write it as in {EXAMPLE}",
            )  # fmt: skip
        value = text.strip("'\"") if _is_text(key) else _value(text)
        if key in ("latent_shape", "image_shape"):
            changes[key] = value
            continue
        for role in _roles(key, tables):
            _put(tables[role], key.removeprefix(f"{role}."), value)
    try:
        return Bundle.model_validate({**bundle.model_dump(exclude_unset=True), **changes, **tables})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"a valid value of {key!r} in --signature",
            found=f"{first.get('input')!r}: {first['msg']}",
            next_step=f"write it as in {EXAMPLE}",
        ) from None  # fmt: skip


def _roles(key: str, tables: Mapping[str, object]) -> list[str]:
    role, _, rest = key.partition(".")
    head = (rest if role in ROLES else key).partition(".")[0]
    fields = {"encoder": EncoderSpec.model_fields, "decoder": DecoderSpec.model_fields}
    wanted = [role] if role in ROLES else list(ROLES)
    found = [r for r in wanted if r in tables and head in fields[r]]
    if not found:
        known = sorted({*EncoderSpec.model_fields, *DecoderSpec.model_fields})
        raise ModelError(
            "a key of the signature, such as encoder.range", found=repr(key),
            next_step=f"use one of {', '.join(known)}, after encoder. or decoder.",
        )  # fmt: skip
    return found


def _put(table: dict[str, Any], key: str, value: object) -> None:
    head, _, name = key.partition(".")
    if head in TABLES and name:
        table[head] = {**table.get(head, {}), name: value}
        if head == "constants" and name in table.get("columns", {}):
            # A bundle gives an input its constant only where there is no label.
            table["columns"] = {key: v for key, v in table["columns"].items() if key != name}
    elif head in ("mean", "std") and isinstance(value, (int, float)):
        table[head] = [value]
    elif head == "codes" and isinstance(value, str):
        table[head] = {value: 0} if value else {}
    elif head == "further" and isinstance(value, str):
        table[head] = [value] if value else []
    else:
        table[head] = value


def _is_text(key: str) -> bool:
    """Whether a key takes a name as it is, even one that looks like a number."""
    parts = key.split(".")
    if "constants" in parts[:-1]:
        return False
    return parts[-1] in NAMES or "columns" in parts[:-1]


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
