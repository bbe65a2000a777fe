"""``latent-analyze demo``: the whole way on scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from latent_analyze.cli.options import Output, Quiet
from latent_analyze.cli.progress import progress_bars

PLUGINS = "radius,axis_density,slices,random_decode"
SHOWN = "uniform:b=1.5,normal"


def demo(
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the digits.")] = 60,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything drawn.")] = 0,
    output: Output = Path("latent-demo"),
    quiet: Quiet = False,
) -> None:
    """Train a small VAE on scikit-learn's digits, encode them, and write a report.

    Model, store and report lie under the output folder; a model that is there is used again.
    """
    from latent_analyze import api
    from latent_analyze.host.discovery import Host

    model, store, report = output / "model", output / "latents.zarr", output / "report"
    with progress_bars(quiet) as progress:
        if not (model / "model.toml").is_file():
            _say(f"training a VAE on scikit-learn's digits ({epochs} epochs): {model}")
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
        _say(f"encoding the digits: {store}")
        host = Host()
        api.encode(model, "digits", store, host=host, progress=progress)
        _say(f"running {PLUGINS} with {SHOWN} beside them, against a Gaussian null")
        found = api.run(
            store, plugins=PLUGINS, shown=SHOWN, seed=seed, output=report, progress=progress,
            host=host,
        )  # fmt: skip
    for finding in found.findings:
        typer.echo(f"  {finding.severity}: {finding.text}")
    _say(f"report: {report / 'report.html'}")
    raise typer.Exit(1 if found.failed else 0)


def _say(text: str) -> None:
    typer.echo(text)
