"""``latent-analyze plugins``: list the installed plugins, and show their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from latent_analyze.cli.options import Json

if TYPE_CHECKING:
    from latent_analyze.host.discovery import Host, Plugin

app = typer.Typer(help="List the installed plugins and their options.", no_args_is_help=True)


@app.command("list")
def list_plugins(as_json: Json = False) -> None:
    """List the installed plugins, and those that failed to load."""
    from latent_analyze.host.discovery import KINDS, Host
    from latent_analyze.runs.result_files import dump_json

    host = Host()
    rows = [_describe(kind, plugin) for kind in KINDS for plugin in _plugins_of(host, kind)]
    if as_json:
        problems = [vars(problem) for problem in host.problems]
        typer.echo(dump_json({"plugins": rows, "problems": problems}), nl=False)
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        kind, name = row["kind"].ljust(9), row["name"].ljust(width)
        typer.echo(f"{kind}{name}  {row['description']} ({row['distribution']})")
    for problem in host.problems:
        typer.echo(
            f"problem: {problem.plugin} ({problem.distribution}): {problem.message}", err=True
        )


@app.command("show")
def show_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the plugin.")],
    as_json: Json = False,
) -> None:
    """Show what a plugin does, its options, and what an analysis measures."""
    import inspect
    from contextlib import suppress

    from latent_analyze.errors import OptionError, unknown_name
    from latent_analyze.host.discovery import KINDS, Host
    from latent_analyze.host.measures import describe_measures
    from latent_analyze.host.options import describe_options
    from latent_analyze.runs.result_files import dump_json

    host = Host()
    found = {}
    for kind in KINDS:
        # One of that name that cannot be used is an error of its own.
        with suppress(OptionError):
            found[kind] = host.get(kind, name)
    if not found:
        names = {plugin.name for kind in KINDS for plugin in _plugins_of(host, kind)}
        raise unknown_name("plugin", name, sorted(names))
    shown = []
    for kind, plugin in found.items():
        options = describe_options(plugin.cls.Options) if hasattr(plugin.cls, "Options") else []
        row = _describe(kind, plugin) | {"requires": sorted(getattr(plugin.cls, "requires", ()))}
        measures = describe_measures(getattr(plugin.cls, "measures", ()))
        doc = inspect.getdoc(plugin.cls) or ""
        shown.append(row | {"doc": doc, "options": options, "measures": measures})
    if as_json:
        typer.echo(dump_json(shown), nl=False)
        return
    for row in shown:
        _print(row)


def _print(row: dict[str, Any]) -> None:  # Any: plain data, the same that --json prints
    typer.echo(f"{row['kind']} {row['name']} ({row['distribution']})\n\n{row['doc']}")
    if row["requires"]:
        typer.echo(f"\nrequires: {', '.join(row['requires'])}")
    if row["options"]:
        typer.echo("\noptions:")
    for option in row["options"]:
        typer.echo(f"  {option['name']} = {option['default']}  [{option['type']}]")
        typer.echo(f"      {option['description']}")
    if row["measures"]:
        typer.echo("\nmeasures:")
    for measure in row["measures"]:
        unit = ", ".join(filter(None, [measure["unit"], " x ".join(measure["dims"])]))
        effect = measure["minimum_effect"]
        tested = f"  calibrated (minimum effect: {effect})" if measure["calibrated"] else ""
        typer.echo(f"  {measure['name']}{f'  [{unit}]' if unit else ''}{tested}")
        typer.echo(f"      {measure['description']}")


def _plugins_of(host: Host, kind: str) -> list[Plugin[object]]:
    from operator import attrgetter

    plural = {"analysis": "analyses"}.get(kind, f"{kind}s")
    found: dict[str, Plugin[object]] = getattr(host, plural)
    return sorted(found.values(), key=attrgetter("name"))


def _describe(kind: str, plugin: Plugin[object]) -> dict[str, str]:
    return {
        "kind": kind,
        "name": plugin.name,
        "description": plugin.description,
        "distribution": plugin.distribution,
    }
