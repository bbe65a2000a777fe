"""``latent-analyze inspect``: what a model takes and gives, and what was inferred about it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from latent_analyze.cli.options import Device, Json


def inspect(
    path: Annotated[str, typer.Argument(help="Bundle folder or .onnx file.")],
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Show what a model takes and gives, and what was inferred about it."""
    from latent_analyze.api import check_runtime
    from latent_analyze.host import Host
    from latent_analyze.opening import open_model
    from latent_analyze.result_files import dump_json

    model, ref = open_model(path, Host(), device=device)
    found: dict[str, Any] = {
        "path": ref.path,
        "adapter": ref.adapter,
        "fingerprint": model.fingerprint,
        "spec": model.spec.model_dump(mode="json", exclude_none=True),
        "check": check_runtime(model),
    }
    describe = getattr(model, "describe", None)
    if describe is not None:
        found["files"] = describe()
    if as_json:
        typer.echo(dump_json(found), nl=False)
        return
    _show(found)


def _show(value: Any, indent: str = "") -> None:
    from latent_analyze.errors import printable

    for key, entry in value.items():
        if isinstance(entry, dict) and entry:
            typer.echo(f"{indent}{key}")
            _show(entry, indent + "  ")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            for i, part in enumerate(entry):
                typer.echo(f"{indent}{key} {i}")
                _show(part, indent + "  ")
        elif entry not in (None, {}, []):
            typer.echo(printable(f"{indent}{key}: {entry}"))
