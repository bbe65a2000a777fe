"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder to write to.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Hide progress bars.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of all random numbers.")]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Run the model on this device, such as cpu or cuda; default: a GPU if one works.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Let the model's code run, and skip the safety checks."),
]
Nonfinite = Annotated[
    Literal["refuse", "drop"],
    typer.Option(
        "--nonfinite", help="If rows contain NaN or infinity: stop with an error, or drop them."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME.KEY=VALUE", help="Set an option of a plugin; repeatable."),
]
StatedSignature = Annotated[
    list[str] | None,
    typer.Option(
        "--signature",
        metavar="KEY=VALUE",
        help="State what the model's files mean, as encoder.range=[-1,1]; repeatable.",
    ),
]
StatedConstants = Annotated[
    list[str] | None,
    typer.Option(
        "--constant",
        metavar="INPUT=VALUE",
        help="Value of a further input of the model, as label=7; repeatable.",
    ),
]
BatchMode = Annotated[
    Literal["eval", "keep"],
    typer.Option(
        "--batch-mode",
        help="Batch normalization and dropout exported in training mode: run as in evaluation, or "
        "keep them.",
    ),
]


def stated_signature(
    signature: list[str] | None, constants: list[str] | None, batch_mode: str = "eval"
) -> dict[str, str]:
    """Return what the user states about a model, key -> value.

    Raises
    ------
    OptionError
        If something is not KEY=VALUE.
    """
    from latent_analyze.errors import OptionError

    found = {"batch_mode": batch_mode} if batch_mode != "eval" else {}
    pairs = [(text, "") for text in signature or ()]
    pairs += [(text, "constants.") for text in constants or ()]
    for text, prefix in pairs:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise OptionError(
                "KEY=VALUE",
                found=repr(text),
                next_step="write --constant label=7"
                if prefix
                else "write --signature 'encoder.range=[-1,1]'",
            )
        found[prefix + key.strip()] = value.strip()
    return found
