"""``latent-analyze train``: train a model and save it as a bundle of ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from latent_analyze.cli.options import Output, Quiet, Settings
from latent_analyze.cli.progress import progress_bars

ACCEPT_UNKNOWN_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings for Click: each trainer has its own options, which Click does not know."""


def train(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Data set: digits, an .npz file, or a folder of images."
        ),
    ] = "digits",
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Type of model, such as vae or ae.")
    ] = "vae",
    settings: Settings = None,
    output: Output = Path("model"),
    quiet: Quiet = False,
) -> None:
    """Train a model on a data set and save it as a bundle of ONNX files.

    Options of the model are given by name, for example: --z-dim 16 --epochs 20. To list them, run:
    latent-analyze plugins show vae
    """
    from latent_analyze.api import train as train_model
    from latent_analyze.errors import OptionError, printable
    from latent_analyze.host.options import parse_assignment

    options = parse_extra(context.args)
    for text in settings or []:
        target, value = parse_assignment(text, where="--set")
        name, _, key = target.partition(".")
        if name != model or not key:
            raise OptionError(f"--set {model}.key=value", found=repr(text))
        options[key] = value
    with progress_bars(quiet) as progress:
        folder = train_model(data, output, model=model, progress=progress, **options)
    typer.echo(printable(f"model: {folder}"))


def parse_extra(arguments: list[str]) -> dict[str, Any]:  # Any: the trainer knows the types
    """Parse ``--z-dim 16 --kl-weight=0.1`` to ``{"z_dim": 16, "kl_weight": 0.1}``.

    Raises
    ------
    OptionError
        If an option has no value, or a value has no option.
    """
    from latent_analyze.errors import OptionError
    from latent_analyze.host.options import parse_value

    options: dict[str, object] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            raise OptionError("options as --name value", found=repr(name))
        if not equals and not rest:
            raise OptionError(f"a value after {name}", found="none")
        options[name[2:].replace("-", "_")] = parse_value(value if equals else rest.pop(0))
    return options
