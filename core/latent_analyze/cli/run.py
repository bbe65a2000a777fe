"""``latent-analyze run``: analyses over stores, vectors and artificial points; writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latent_analyze.cli.options import Device, Json, Nonfinite, Output, Quiet, Settings, Trust
from latent_analyze.cli.progress import progress_bars

if TYPE_CHECKING:
    from latent_analyze.report.report import Report
    from latent_analyze.runs.config import RunConfig

_MANY = "between commas, or repeated"


def run(
    context: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Stores or files of vectors; ./latents.zarr if none is given."),
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option("--plugins", "-p", help=f"Analyses, {_MANY}: radius:bin_width=0.05,slices."),
    ] = None,
    shown: Annotated[
        list[str] | None,
        typer.Option("--with", help=f"Sources beside each case, {_MANY}: uniform:b=1.5."),
    ] = None,
    null: Annotated[
        list[str] | None, typer.Option("--null", help="Null models; none for no null.")
    ] = None,
    null_repeats: Annotated[
        int, typer.Option("--null-repeats", min=0, help="Members of each null ensemble.")
    ] = 20,
    calibrate: Annotated[
        list[str] | None,
        typer.Option("--calibrate", help="Heavy analyses to run over whole ensembles; or all."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Name of a case, one per source.")
    ] = None,
    settings: Settings = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="A run.toml; options given here win.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Bundle or .onnx file.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Data to encode with --model before the run.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", help="Time the run may take (60s, 2m): cuts counts to fit, once."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything drawn.")] = 0,
    nonfinite: Nonfinite = "refuse",
    device: Device = None,
    trust: Trust = False,
    output: Output = Path("latent-report"),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run analyses over stores, files of vectors or artificial points, and write a report."""
    from latent_analyze.api import run_config, split_texts

    given: dict[str, Any] = {
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
    names = {"shown": "with"}
    asked = {names.get(name, name) for name in context.params if _was_given(context, name)}
    chosen = _config(given, asked, config, plugins=plugins or [], settings=settings or [])
    with progress_bars(quiet or as_json) as progress:
        report = run_config(chosen, output, budget=budget, progress=progress)
    _print_report(report, output, as_json)
    raise typer.Exit(1 if report.failed else 0)


def _config(
    given: dict[str, Any],
    asked: set[str],
    file: Path | None,
    *,
    plugins: list[str],
    settings: list[str],
) -> RunConfig:
    from latent_analyze.api import choices
    from latent_analyze.runs.config import apply_settings, load_config, make_config

    values = load_config(file) if file is not None else {}
    values |= {key: v for key, v in given.items() if key in asked or key not in values}
    if plugins:
        values["plugins"] = choices(plugins)
    config = make_config(values)
    return config.model_copy(update={"plugins": apply_settings(config.plugins, settings)})


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _print_report(report: Report, output: Path, as_json: bool) -> None:
    from latent_analyze.errors import printable

    if as_json:
        from latent_analyze.runs.outcome import describe
        from latent_analyze.runs.result_files import dump_json

        typer.echo(dump_json(describe(report.outcome)), nl=False)
        return
    if report.outcome.config.cut:
        typer.echo(printable(f"cut {'; '.join(report.outcome.config.cut)}"))
    for case in report.outcome.cases:
        head = f"{case.reference.label}: {case.reference.count:,} z-points"
        typer.echo(printable(f"{head}, {case.reference.dim} dimensions"))
        for _, finding in case.findings:
            typer.echo(printable(f"  {finding.severity}: {finding.text}"))
        for entry in case.left_out:
            typer.echo(printable(f"  left out: {entry.analysis} {entry.reason}"))
        for failure in case.failures:
            typer.echo(printable(f"  failed: {failure.analysis}: {failure.error}"), err=True)
    typer.echo(printable(f"report: {output / 'report.html'}"))
