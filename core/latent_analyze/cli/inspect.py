"""``latent-analyze inspect``: inputs, outputs and inferred settings of a model; checks on data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from latent_analyze.cli.options import (
    BatchMode,
    Device,
    Json,
    StatedConstants,
    StatedSignature,
    Trust,
    stated_signature,
)

Data = Annotated[
    str | None, typer.Option("--data", metavar="DATA", help="Data set to check the model on.")
]
Write = Annotated[
    bool,
    typer.Option(
        "--write",
        help="Save the settings as model.toml next to the files; with --data, those that explain "
        "the data best. An existing model.toml is kept as model.toml.old.",
    ),
]


def inspect(
    path: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Folder or file of the model, or package.module:name."
        ),
    ],
    data: Data = None,
    write: Write = False,
    signature: StatedSignature = None,
    constant: StatedConstants = None,
    batch_mode: BatchMode = "eval",
    device: Device = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Show a model's inputs, outputs and inferred settings.

    With --data, also try on real rows what its files mean, and check it on them. The exit code is 1
    if a check finds a problem.
    """
    from latent_analyze.errors import printable
    from latent_analyze.host.discovery import Host
    from latent_analyze.runs.inspecting import inspect_model
    from latent_analyze.runs.result_files import dump_json

    stated = stated_signature(signature, constant, batch_mode)
    found = inspect_model(
        path, data, Host(), write=write, device=device, trust=trust, stated=stated
    )
    if as_json:
        typer.echo(dump_json(found.describe()), nl=False)
    else:
        _print_tree({key: value for key, value in found.describe().items() if key != "checks"})
        _print_tree({check.name: f"{check.severity}: {check.text}" for check in found.checks})
    if found.problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(printable(f"next: latent-analyze {found.next_step}"))


def _print_tree(values: Mapping[str, object], indent: str = "") -> None:
    from latent_analyze.errors import printable

    for key, entry in values.items():
        if isinstance(entry, dict) and entry:
            typer.echo(printable(f"{indent}{key}"))
            _print_tree(entry, indent + "  ")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            for i, part in enumerate(entry):
                typer.echo(printable(f"{indent}{key} {i}"))
                _print_tree(part, indent + "  ")
        elif isinstance(entry, (list, tuple)) and entry and isinstance(entry[0], str):
            typer.echo(printable(f"{indent}{key}"))
            for text in entry:
                typer.echo(printable(f"{indent}  {text}"))
        elif entry not in (None, {}, []):
            typer.echo(printable(f"{indent}{key}: {entry}"))
