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
    from latent_analyze.sources.codes import size_in_words

    stated = stated_signature(signature, constant, batch_mode)
    encoding = open_encoding(model, data, output, Host(), device=device, trust=trust, stated=stated)
    print_runtime_check(encoding.runtime)
    said = _Once(encoding.signature.lines if encoding.signature is not None else [])
    with progress_bars(quiet) as progress:

        def first_say(task: str, done: int, total: int) -> None:
            said()
            progress(task, done, total)

        store = encoding.write(nonfinite=nonfinite, progress=first_say)
    said()
    typer.echo(printable(f"{size_in_words(store.count, store.dim, store.codes)}: {output}"))
    for note in (*encoding.model.spec.notes, *encoding.dataset.notes):
        typer.echo(printable(f"note: {note}"))


class _Once:
    """Prints lines when it is first called: once rows are encoded, and not before an error."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def __call__(self) -> None:
        from latent_analyze.errors import printable

        while self.lines:
            typer.echo(printable(self.lines.pop(0)))


def print_runtime_check(found: Mapping[str, float] | None) -> None:
    """Print how far the outputs are from those in training."""
    if found:
        shown = ", ".join(f"{name} {difference:.1e}" for name, difference in found.items())
        typer.echo(f"same as in training: max |difference| / standard deviation {shown}")
