"""``latent-analyze encode``: encode a data set into a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from latent_analyze.cli.options import (
    BatchMode,
    Device,
    Nonfinite,
    Output,
    Quiet,
    StatedConstants,
    StatedSignature,
    Trust,
    stated_signature,
)
from latent_analyze.cli.progress import progress_bars


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
            metavar="DATA",
            help="Data: digits, an .npz or .npy file, a table, or a folder of images.",
        ),
    ],
    signature: StatedSignature = None,
    constant: StatedConstants = None,
    batch_mode: BatchMode = "eval",
    nonfinite: Nonfinite = "refuse",
    device: Device = None,
    trust: Trust = False,
    output: Output = Path("latents.zarr"),
    quiet: Quiet = False,
) -> None:
    """Encode a data set into a latent store, or resume an interrupted encode.

    What the model's files mean (value range, which output is the mean, ...) is found by trying it
    on some rows, and is stored with the z-points.
    """
    from latent_analyze.errors import printable
    from latent_analyze.host.discovery import Host
    from latent_analyze.runs.encoding import open_encoding

    stated = stated_signature(signature, constant, batch_mode)
    encoding = open_encoding(model, data, output, Host(), device=device, trust=trust, stated=stated)
    print_runtime_check(encoding.runtime)
    if encoding.signature is not None:
        for line in encoding.signature.lines:
            typer.echo(printable(line))
    with progress_bars(quiet) as progress:
        store = encoding.write(nonfinite=nonfinite, progress=progress)
    typer.echo(printable(f"{store.count:,} z-points of {store.dim} dimensions: {output}"))
    for note in encoding.model.spec.notes:
        typer.echo(printable(f"note: {note}"))


def print_runtime_check(found: Mapping[str, float] | None) -> None:
    """Print how far the outputs are from those in training."""
    if found:
        shown = ", ".join(f"{name} {difference:.1e}" for name, difference in found.items())
        typer.echo(f"same as in training: max |difference| / standard deviation {shown}")
