"""Options, declared once as pydantic models; and the text form ``name:key=value``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from latent_analyze.errors import OptionError, unknown_name

O = TypeVar("O", bound="Options")  # noqa: E741

_OPEN, _CLOSE = "[({", "])}"


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
        If an option is not of the form key=value, or stands twice.
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
    if "\n" in text or "\r" in text:
        return text
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        pass
    if text.startswith("[") and text.endswith("]"):
        return [
            parse_value(p.strip()) for p in split_outside_brackets(text[1:-1], ",") if p.strip()
        ]
    return text


def split_outside_brackets(text: str, separator: str) -> list[str]:
    """Split `text` at `separator`, but not inside brackets."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth < 0:
            break
        if char == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    if depth != 0:
        raise OptionError("brackets that match", found=repr(text))
    return [*parts, text[start:]]


def build_options(model: type[O], values: Mapping[str, Any], owner: str) -> O:
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
                "type": _type_name(info.annotation),
                "default": default,
                "description": info.description or "",
            }
        )
    return rows


def _as_option_error(error: ValidationError, owner: str) -> OptionError:
    first = error.errors(include_url=False)[0]
    where = f"{owner}.{first['loc'][0]}" if first["loc"] else owner
    message = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
    found = repr(first["input"]) if "input" in first else ""
    return OptionError(
        f"a value for {where} that {message}",
        found=found,
        next_step=f"see: latent-analyze plugins show {owner}",
    )


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "[" + ",".join(_show(v) for v in value) + "]"
    return str(value)


def _type_name(annotation: Any) -> str:
    text = getattr(annotation, "__name__", None) if isinstance(annotation, type) else None
    text = text or str(annotation)
    for noise in ("typing.", "Annotated", "annotated_types.", "collections.abc."):
        text = text.replace(noise, "")
    return text.replace("NoneType", "None")
