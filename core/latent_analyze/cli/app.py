"""The program: its commands, and errors as one line with the right exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from latent_analyze.cli import demo, encode, inspect, plugins, run, train
from latent_analyze.errors import LatentAnalyzeError, printable

# Newer releases of Typer carry Click inside, older ones import it: the class is found through one
# that Typer exports.
USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="latent-analyze",
    help="What a latent space looks like, in numbers that carry their own null model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("train", context_settings=train.CONTEXT)(train.train)
app.command("inspect")(inspect.inspect)
app.command("encode")(encode.encode)
app.command("run")(run.run)
app.add_typer(plugins.app, name="plugins")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"latent-analyze {version('latent-analyze')}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """What a latent space looks like, in numbers that carry their own null model."""
    del version


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; exits 0, 2 for bad input, 1 for a failure."""
    command = typer.main.get_command(app)
    try:
        code = command.main(
            args=None if arguments is None else list(arguments),
            prog_name="latent-analyze",
            standalone_mode=False,
        )
    except LatentAnalyzeError as error:
        _say(str(error))
        code = error.exit_code
    except USAGE_ERROR as error:
        context = getattr(error, "ctx", None)
        place = context.command_path if context else "latent-analyze"
        _say(f"{error.format_message().rstrip('.')}; see: {place} --help")
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    if code == INTERRUPTED:  # Newer releases of Typer return it instead of raising.
        _say("interrupted; what was committed is kept")
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str) -> None:
    print(f"latent-analyze: {printable(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201
