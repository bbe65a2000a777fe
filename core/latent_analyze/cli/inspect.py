"""``latent-analyze inspect``: what a model takes and gives, and what was inferred about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from latent_analyze.cli.options import Device, Json, Trust

Data = Annotated[
    str | None, typer.Option("--data", help="Data set whose images the model is checked on.")
]
Write = Annotated[
    bool,
    typer.Option(
        "--write",
        help="Save model.toml beside the files, with --data the best reading; keep a former one.",
    ),
]


def inspect(
    path: Annotated[str, typer.Argument(help="Folder or file of the model, or module:name.")],
    data: Data = None,
    write: Write = False,
    device: Device = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Show what a model takes and gives, and what was inferred about it.

    Exit code 1 if a check on the data finds what keeps the model from being analyzed.
    """
    from latent_analyze.errors import printable
    from latent_analyze.host.discovery import Host
    from latent_analyze.runs.inspecting import inspect_model
    from latent_analyze.runs.result_files import dump_json

    found = inspect_model(path, data, Host(), write=write, device=device, trust=trust)
    if as_json:
        typer.echo(dump_json(found.describe()), nl=False)
    else:
        _show({key: value for key, value in found.describe().items() if key != "checks"})
        _show({check.name: f"{check.severity}: {check.text}" for check in found.checks})
    if found.problems:
        raise typer.Exit(1)
    if not as_json:
        typer.echo(printable(f"next: latent-analyze {found.next_step}"))


def _show(value: Any, indent: str = "") -> None:
    from latent_analyze.errors import printable

    for key, entry in value.items():
        if isinstance(entry, dict) and entry:
            typer.echo(printable(f"{indent}{key}"))
            _show(entry, indent + "  ")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            for i, part in enumerate(entry):
                typer.echo(printable(f"{indent}{key} {i}"))
                _show(part, indent + "  ")
        elif isinstance(entry, (list, tuple)) and entry and isinstance(entry[0], str):
            typer.echo(printable(f"{indent}{key}"))
            for text in entry:
                typer.echo(printable(f"{indent}  {text}"))
        elif entry not in (None, {}, []):
            typer.echo(printable(f"{indent}{key}: {entry}"))
