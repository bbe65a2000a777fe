"""``latent-analyze demo``: train, encode, analyze and report, on scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from latent_analyze.cli.options import Output, Quiet, Seed
from latent_analyze.cli.progress import progress_bars

PLUGINS = "radius,axis_density,slices,random_decode"
SHOWN = "uniform:b=1.5,normal"


def demo(
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="N", min=1, help="Number of training epochs.")
    ] = 60,
    seed: Seed = 0,
    output: Output = Path("latent-demo"),
    quiet: Quiet = False,
) -> None:
    """Train a small VAE on scikit-learn's digits, encode them, and write a report.

    Model, store and report go to the output folder. If it already contains a model, that model is
    used and nothing is trained.
    """
    from latent_analyze import api
    from latent_analyze.host.discovery import Host

    model, store, report = output / "model", output / "latents.zarr", output / "report"
    with progress_bars(quiet) as progress:
        if not (model / "model.toml").is_file():
            typer.echo(f"training a VAE on scikit-learn's digits ({epochs} epochs): {model}")
            api.train(
                "digits",
                model,
                model="vae",
                progress=progress,
                z_dim=8,
                kl_weight=0.2,
                epochs=epochs,
                seed=seed,
            )
        typer.echo(f"encoding the digits: {store}")
        host = Host()
        api.encode(model, "digits", store, host=host, progress=progress)
        typer.echo(f"running {PLUGINS}; shown for comparison: {SHOWN}; null model: gaussian")
        found = api.run(
            store, plugins=PLUGINS, shown=SHOWN, seed=seed, output=report, progress=progress,
            host=host,
        )  # fmt: skip
    for finding in found.findings:
        typer.echo(f"  {finding.severity}: {finding.text}")
    typer.echo(f"report: {report / 'report.html'}")
    raise typer.Exit(1 if found.failed else 0)
