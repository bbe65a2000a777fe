"""``latent-analyze encode``: encode a data set into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latent_analyze.cli.options import Device, Nonfinite, Output, Quiet, Trust
from latent_analyze.cli.progress import progress_bars

if TYPE_CHECKING:
    from latent_analyze.models.spec import Model


def encode(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Folder or file of the model, or package.module:name."
        ),
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Data set: digits, an .npz file, or a folder of images."
        ),
    ],
    nonfinite: Nonfinite = "refuse",
    device: Device = None,
    trust: Trust = False,
    output: Output = Path("latents.zarr"),
    quiet: Quiet = False,
) -> None:
    """Encode a data set into a latent store, or resume an interrupted encode."""
    from latent_analyze.errors import printable
    from latent_analyze.host.discovery import Host
    from latent_analyze.runs.opening import open_dataset, open_model
    from latent_analyze.store.encode import encode as encode_into_store

    host = Host()
    opened, ref = open_model(model, host, device=device, trust=trust)
    print_runtime_check(opened)
    dataset = open_dataset(data, host)
    with progress_bars(quiet) as progress:
        store = encode_into_store(
            opened, ref, dataset, output, nonfinite=nonfinite, progress=progress
        )
    typer.echo(printable(f"{store.count:,} z-points of {store.dim} dimensions: {output}"))
    for note in opened.spec.notes:
        typer.echo(printable(f"note: {note}"))


def print_runtime_check(model: Model) -> None:
    """Print how far the outputs are from those in training; raises ModelError if too far."""
    from latent_analyze.models.runtime_check import check_runtime

    found = check_runtime(model)
    if found:
        shown = ", ".join(f"{name} {difference:.1e}" for name, difference in found.items())
        typer.echo(f"same as in training: max |difference| / standard deviation {shown}")
