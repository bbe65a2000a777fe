"""Options, declared once as pydantic models; and the text form ``name:key=value``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from latent_analyze.errors import OptionError, unknown_name
from latent_analyze.files.toml import toml_text

OptionsT = TypeVar("OptionsT", bound="Options")

_OPEN, _CLOSE = "[({", "])}"
_SPECIAL = frozenset(_OPEN + _CLOSE + ":,\"'")

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
# A quote in the middle of a text, as in "it's", protects nothing.
_QUOTED_VALUE = re.compile(rf"(?:^|(?<=[=\[,]))\s*(?:{_QUOTED.pattern})")
_NUMBER = re.compile(r"true|false|[+-]?(?:inf|nan|\d[\w.+-]*)", re.ASCII)


class Options(BaseModel):
    """Base of every option model; unknown keys are errors, instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnalysisOptions(Options):
    """Base of the options of an analysis."""


class SamplerOptions(Options):
    """Options that every sampler has."""

    count: PositiveInt | None = Field(
        None, description="number of z-points; that of the reference if not given"
    )
    dim: PositiveInt | None = Field(
        None, description="latent dimensions, where there is no reference to take them from"
    )


@dataclass(frozen=True)
class PluginSpec:
    """A plugin's name and its options as given: ``radius:bin_width=0.05``."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The canonical text, which parses back to this spec."""
        return ":".join([self.name, *(f"{k}={_show(v)}" for k, v in self.options.items())])


def parse_specs(text: str) -> list[PluginSpec]:
    """Read ``radius:bin_width=0.05,slices``: plugins between commas, brackets protect lists."""
    return [parse_spec(part) for part in split_outside_brackets(text, ",") if part.strip()]


def parse_spec(text: str) -> PluginSpec:
    """Read one ``name:key=value:key=value``.

    Raises
    ------
    OptionError
        If an option is not of the form key=value, or is given twice.
    """
    name, *pairs = [part.strip() for part in split_outside_brackets(text.strip(), ":")]
    options: dict[str, Any] = {}
    for pair in pairs:
        key, value = parse_assignment(pair, where=text)
        if key in options:
            raise OptionError(f"option {key!r} once in {text!r}", found="it twice")
        options[key] = value
    if not name:
        raise OptionError("a name before the first colon", found=repr(text))
    return PluginSpec(name, options)


def parse_assignment(pair: str, *, where: str) -> tuple[str, Any]:
    """Read ``key=value``; the value as in TOML, and as plain text where it is no TOML."""
    key, equals, value = pair.partition("=")
    if not equals or not key.strip():
        raise OptionError(
            f"key=value in {where!r}", found=repr(pair), next_step="write it as name:key=value"
        )
    return key.strip(), parse_value(value.strip())


def parse_value(text: str) -> Any:
    """Read a number, boolean, quoted text or list as TOML does; anything else is text."""
    if text.startswith("[") and text.endswith("]"):
        parts = split_outside_brackets(text[1:-1], ",")
        return [parse_value(part.strip()) for part in parts if part.strip()]
    if not (_NUMBER.fullmatch(text) or _QUOTED.fullmatch(text)):
        return text
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except ValueError:
        return text
    return value if isinstance(value, (str, int, float)) else text


def split_outside_brackets(text: str, separator: str) -> list[str]:
    """Split `text` at `separator`, but not inside brackets or quoted values."""
    parts, depth, start = [], 0, 0
    for position, char in _unquoted(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth < 0:
            break
        if char == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    if depth != 0:
        raise OptionError("brackets that match", found=repr(text))
    return [*parts, text[start:]]


def _unquoted(text: str) -> Iterator[tuple[int, str]]:
    """Yield position and character of all that stands outside quoted values."""
    position = 0
    while position < len(text):
        quoted = _QUOTED_VALUE.match(text, position)
        if quoted:
            position = quoted.end()
        else:
            yield position, text[position]
            position += 1


def build_options(model: type[OptionsT], values: Mapping[str, Any], owner: str) -> OptionsT:
    """Validate `values` against an option model.

    Parameters
    ----------
    model
        The option model of a plugin.
    values
        Option names and values; texts are converted as pydantic does.
    owner
        Name of the plugin, for the message.

    Raises
    ------
    OptionError
        For an unknown option (with the nearest names) or a value that does not fit.
    """
    for key in values:
        if key not in model.model_fields:
            raise unknown_name(f"option of {owner}", key, model.model_fields)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise _as_option_error(error, owner) from None


def describe_options(model: type[Options]) -> list[dict[str, str]]:
    """Return name, type, default and description of every option, as text."""
    rows = []
    for name, info in model.model_fields.items():
        default = (
            "required" if info.is_required() else _show(info.get_default(call_default_factory=True))
        )
        rows.append(
            {
                "name": name,
                "type": _type_name(info.annotation, info.metadata),
                "default": default,
                "description": info.description or "",
            }
        )
    return rows


def _as_option_error(error: ValidationError, owner: str) -> OptionError:
    first = error.errors(include_url=False)[0]
    where = f"{owner}.{first['loc'][0]}" if first["loc"] else owner
    message = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
    missing = first["type"] == "missing"
    return OptionError(
        f"a value for {where}" + ("" if missing else f" that {message}"),
        found="none" if missing else repr(first["input"]),
        next_step=f"see: latent-analyze plugins show {owner}",
    )


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = value.isprintable() and not _SPECIAL & set(value)
        return (
            value if plain and value and parse_value(value.strip()) == value else toml_text(value)
        )
    if isinstance(value, Sequence):
        return "[" + ",".join(_show(v) for v in value) + "]"
    return str(value)


def _type_name(annotation: Any, bounds: Sequence[Any] = ()) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(inner[0], inner[1:])
    if origin in (Union, UnionType):
        return " | ".join(_type_name(part) for part in inner)
    if origin is Literal:
        return " | ".join(map(str, inner))
    name: str = getattr(origin or annotation, "__name__", str(annotation))
    if inner:
        name += "[" + ", ".join(_type_name(part) for part in inner) + "]"
    for sign, attribute in (">", "gt"), (">=", "ge"), ("<", "lt"), ("<=", "le"):
        for bound in bounds:
            limit = getattr(bound, attribute, None)
            name += "" if limit is None else f" {sign} {limit}"
    return name.replace("NoneType", "none").replace("Ellipsis", "...")
