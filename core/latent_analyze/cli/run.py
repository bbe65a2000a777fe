"""``latent-analyze run``: run analyses and write a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latent_analyze.cli.options import (
    Device,
    Json,
    Nonfinite,
    Output,
    Quiet,
    Seed,
    Settings,
    Trust,
)
from latent_analyze.cli.progress import progress_bars

if TYPE_CHECKING:
    from latent_analyze.report.report import Report
    from latent_analyze.runs.config import RunConfig


def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE", help="Stores or files of vectors; default: ./latents.zarr."
        ),
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            "--plugins",
            "-p",
            metavar="NAME,...",
            help="Analyses to run, such as radius,slices; default: all light ones.",
        ),
    ] = None,
    shown: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SOURCE,...",
            help="Sources to show next to the data, such as uniform:b=1.5.",
        ),
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option("--null", metavar="NAME,...", help="Null models, or none; default: gaussian."),
    ] = None,
    null_repeats: Annotated[
        int,
        typer.Option(
            "--null-repeats", metavar="N", min=0, help="Number of draws from each null model."
        ),
    ] = 20,
    calibrate: Annotated[
        list[str] | None,
        typer.Option(
            "--calibrate",
            metavar="NAME,...",
            help="Heavy analyses to run on all draws of the null models, or all.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="TEXT", help="Name in the report; repeat it for each source."
        ),
    ] = None,
    settings: Settings = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Options from a run.toml; the command line takes precedence.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="Model, if the store's was moved or the data has none."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help="The store's data, if they were moved; without a store, data for --model.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="TIME",
            help="Time limit, such as 60s or 2m; reduces samples and null draws to fit.",
        ),
    ] = None,
    seed: Seed = 0,
    nonfinite: Nonfinite = "refuse",
    device: Device = None,
    trust: Trust = False,
    output: Output = Path("latent-report"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run analyses on stores, files of vectors or samplers, and write a report.

    Separate names with commas, and put options after a colon: radius:bin_width=0.05,slices
    """
    from latent_analyze.api import run_config, split_texts

    values: dict[str, object] = {
        "sources": tuple(sources or ()),
        "with": split_texts(shown or ()),
        "null": split_texts(null or ("gaussian",)),
        "null_repeats": null_repeats,
        "calibrate": split_texts(calibrate or ()),
        "label": tuple(label or ()),
        "model": model,
        "data": data,
        "seed": seed,
        "nonfinite": nonfinite,
        "device": device,
        "trust": trust,
    }
    keys = {"shown": "with"}
    explicit = {keys.get(name, name) for name in context.params if _was_given(context, name)}
    resolved = _config(values, explicit, config, plugins=plugins or [], settings=settings or [])
    with progress_bars(quiet or as_json) as progress:
        report = run_config(resolved, output, budget=budget, progress=progress)
    _print_report(report, output, as_json)
    raise typer.Exit(1 if report.failed else 0)


def _config(
    options: dict[str, object],
    explicit: set[str],
    file: Path | None,
    *,
    plugins: list[str],
    settings: list[str],
) -> RunConfig:
    """Return the config: options given explicitly, then the file's, then the defaults."""
    from latent_analyze.api import choices
    from latent_analyze.runs.config import apply_settings, load_config, make_config

    values = load_config(file) if file is not None else {}
    values |= {key: v for key, v in options.items() if key in explicit or key not in values}
    if plugins:
        values["plugins"] = choices(plugins)
    config = make_config(values)
    return config.model_copy(update={"plugins": apply_settings(config.plugins, settings)})


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _print_report(report: Report, output: Path, as_json: bool) -> None:
    from latent_analyze.errors import printable
    from latent_analyze.runs.selection import by_reason

    if as_json:
        from latent_analyze.runs.outcome import describe
        from latent_analyze.runs.result_files import dump_json

        typer.echo(dump_json(describe(report.outcome)), nl=False)
        return
    if report.outcome.config.cut:
        typer.echo(printable(f"cut {'; '.join(report.outcome.config.cut)}"))
    for case in report.outcome.cases:
        typer.echo(printable(f"{case.reference.label}: {case.reference.size}"))
        for _, finding in case.findings:
            typer.echo(printable(f"  {finding.severity}: {finding.text}"))
        for entry in by_reason(case.left_out):
            typer.echo(printable(f"  left out: {entry.analysis} {entry.reason}"))
        for failure in case.failures:
            typer.echo(printable(f"  failed: {failure.analysis}: {failure.error}"), err=True)
    typer.echo(printable(f"report: {output / 'report.html'}"))
