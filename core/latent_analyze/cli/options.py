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
