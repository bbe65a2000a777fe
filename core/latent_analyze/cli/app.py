"""The program: registers the commands, and prints errors as one line with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from latent_analyze.cli import demo, encode, inspect, plugins, run, train
from latent_analyze.errors import LatentAnalyzeError, printable

# Recent releases of Typer contain Click, older ones depend on it. Either way, the class is a base
# of one that Typer exports.
_BASES = {base.__name__: base for base in typer.BadParameter.__mro__}
USAGE_ERROR: Any = _BASES["ClickException"]  # Any: a class without a stable import path

INTERRUPTED = 130
"""Exit code after Ctrl-C, by shell convention."""

app = typer.Typer(
    name="latent-analyze",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo", short_help="Train, encode and analyze a small VAE on digits.")(demo.demo)
app.command(
    "train",
    short_help="Train a model on a data set.",
    context_settings=train.ACCEPT_UNKNOWN_OPTIONS,
)(train.train)
app.command("inspect", short_help="Show a model's inputs and outputs; check it on data.")(
    inspect.inspect
)
app.command("encode", short_help="Encode a data set into a latent store.")(encode.encode)
app.command("run", short_help="Run analyses and write a report.")(run.run)
app.add_typer(
    plugins.app, name="plugins", short_help="List the installed plugins and their options."
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"latent-analyze {version('latent-analyze')}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Analyze the latent space of an autoencoder, VAE, GAN or embedding model.

    Every analysis compares your data with a null model: by default, Gaussian draws with the same
    mean and covariance.

    To get started, run: latent-analyze demo
    """
    del version


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; exits with 0 on success, 1 after a failure, 2 after bad input."""
    command = typer.main.get_command(app)
    try:
        code = command.main(
            args=None if arguments is None else list(arguments),
            prog_name="latent-analyze",
            standalone_mode=False,
        )
    except LatentAnalyzeError as error:
        _print_error(str(error))
        code = error.exit_code
    except USAGE_ERROR as error:
        context = getattr(error, "ctx", None)
        command_path = context.command_path if context else "latent-analyze"
        _print_error(f"{error.format_message().rstrip('.')}; see: {command_path} --help")
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    if code == INTERRUPTED:  # Recent releases of Typer return the code instead of raising.
        _print_error("interrupted; finished blocks and results are kept")
    sys.exit(code if isinstance(code, int) else 0)


def _print_error(message: str) -> None:
    typer.echo(f"latent-analyze: {printable(' '.join(message.split()))}", err=True)
