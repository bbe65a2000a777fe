"""What a run is told to do; written beside every report as ``run.toml``, which reruns it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from latent_analyze.errors import OptionError, unknown_name
from latent_analyze.files.toml import dump_toml
from latent_analyze.host.options import PluginSpec, parse_assignment

ALL, NO_NULL = "all", "none"


class PluginChoice(BaseModel):
    """An analysis to run, with the options given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """``name:key=value``."""
        return PluginSpec(self.name, self.options).text


class RunConfig(BaseModel):
    """Everything a run depends on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    sources: tuple[str, ...] = Field((), description="stores, files of vectors, samplers with dim=")
    labels: tuple[str, ...] = Field(
        (), alias="label", description="names of the cases in the report"
    )
    model: str | None = Field(None, description="model, where the store does not know it")
    data: str | None = Field(
        None,
        description="the store's data, if they were moved; without a store, data to encode with "
        "the model before the run",
    )
    plugins: tuple[PluginChoice, ...] = Field((), description="analyses; none: all light ones")
    shown: tuple[str, ...] = Field(
        (), alias="with", description="sources beside each case (--with)"
    )
    nulls: tuple[str, ...] = Field(("gaussian",), alias="null", description="null models (--null)")
    null_repeats: NonNegativeInt = Field(20, description="members of each null ensemble")
    calibrate: tuple[str, ...] = Field(
        (), description="heavy analyses to run over whole ensembles; all for all of them"
    )
    seed: int = Field(0, description="seed of everything that is drawn")
    cut: tuple[str, ...] = Field(
        (), description="what a budget cut, for the reader; changes nothing"
    )
    nonfinite: Literal["refuse", "drop"] = Field("refuse", description="rows with NaN or infinity")
    device: str | None = Field(None, description="device for the model: cpu, cuda")
    trust: bool = Field(False, description="open the model without the checks of untrusted ones")


def load_config(path: Path) -> dict[str, Any]:
    """Read the values of a ``run.toml``, all but `trust`, which whoever runs it has to say.

    Raises
    ------
    OptionError
        If the file is missing, no TOML, or holds an unknown key or a wrong value.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(
            f"a TOML file at {path}", found=error.strerror or str(error),
            next_step="name the run.toml of a report",
        ) from None  # fmt: skip
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(
            f"valid TOML in {path}", found=str(error),
            next_step="correct it, or name the run.toml of a report",
        ) from None  # fmt: skip
    make_config(values, where=str(path))
    # A file must not decide that a model may run code.
    return {key: value for key, value in values.items() if key != "trust"}


def make_config(values: dict[str, Any], *, where: str = "the command line") -> RunConfig:
    """Return validated values as a `RunConfig`; raises OptionError."""
    known = [field.alias or name for name, field in RunConfig.model_fields.items()]
    for key in values:
        if key not in {*known, *RunConfig.model_fields}:
            raise unknown_name(f"key of a run ({where})", key, known)
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise OptionError(
            f"a valid {key} in {where}", found=f"{first['input']!r}", next_step=first["msg"]
        ) from None


def apply_settings(
    plugins: tuple[PluginChoice, ...], settings: list[str]
) -> tuple[PluginChoice, ...]:
    """Return the choices with ``name.key=value`` settings applied to every plugin of that name.

    Raises
    ------
    OptionError
        If a setting has another form or names a plugin that is not in the run.
    """
    for text in settings:
        place, value = parse_assignment(text, where="--set")
        name, dot, key = place.partition(".")
        if not dot:
            raise OptionError(
                "--set name.key=value", found=repr(text), next_step="write the plugin's name first"
            )
        if not plugins:
            raise OptionError(
                "--plugins with --set", found="no plugin named", next_step=f"add --plugins {name}"
            )
        if name not in {choice.name for choice in plugins}:
            raise unknown_name("plugin of this run", name, {choice.name for choice in plugins})
        plugins = tuple(_with(c, key, value) if c.name == name else c for c in plugins)
    return plugins


def dump_config(config: RunConfig) -> str:
    """Return a config as TOML."""
    values = config.model_dump(mode="json", by_alias=True, exclude={"trust"})
    for plugin in values["plugins"]:
        if not plugin["options"]:
            del plugin["options"]
    return dump_toml(values)


def _with(choice: PluginChoice, key: str, value: Any) -> PluginChoice:
    return PluginChoice(name=choice.name, options={**choice.options, key: value})
