"""``latent-analyze train``: a model on a data set, as a bundle of ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from latent_analyze.cli.options import Output, Quiet, Settings
from latent_analyze.cli.progress import progress_bars

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def train(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="Data set: digits, an .npz, a folder of images.")
    ] = "digits",
    model: Annotated[str, typer.Option("--model", help="Trainer: vae, ae, ...")] = "vae",
    settings: Settings = None,
    output: Output = Path("model"),
    quiet: Quiet = False,
) -> None:
    """Train a model and write it as a bundle: encoder.onnx, decoder.onnx, model.toml.

    Options of the model follow its name, for example --z-dim 16 --epochs 20 --kl-weight 0.1.
    All of them: latent-analyze plugins show vae
    """
    from latent_analyze.api import train as train_model
    from latent_analyze.errors import OptionError, printable
    from latent_analyze.host.options import parse_assignment

    options = parse_extra(context.args)
    for text in settings or []:
        place, value = parse_assignment(text, where="--set")
        name, _, key = place.partition(".")
        if name != model or not key:
            raise OptionError(f"--set {model}.key=value", found=repr(text))
        options[key] = value
    with progress_bars(quiet) as progress:
        folder = train_model(data, output, model=model, progress=progress, **options)
    typer.echo(printable(f"model: {folder}"))


def parse_extra(arguments: list[str]) -> dict[str, Any]:
    """Return ``--z-dim 16 --kl-weight=0.1`` as ``{"z_dim": 16, "kl_weight": 0.1}``.

    Raises
    ------
    OptionError
        If an option has no value, or a value stands alone.
    """
    from latent_analyze.errors import OptionError
    from latent_analyze.host.options import parse_value

    options: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            raise OptionError("options as --name value", found=repr(name))
        if not equals and not rest:
            raise OptionError(f"a value after {name}", found="none")
        options[name[2:].replace("-", "_")] = parse_value(value if equals else rest.pop(0))
    return options
