"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Output = Annotated[Path, typer.Option("-o", "--output", help="Where to write.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON to stdout.")]
Device = Annotated[
    str | None,
    typer.Option("--device", help="Device for the model: cpu, cuda, or another of its runtime."),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Open a model that can run code, or without the checks of untrusted ones."
    ),
]
Nonfinite = Annotated[
    Literal["refuse", "drop"],
    typer.Option("--nonfinite", help="Rows with NaN or infinity: refuse or drop."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME.KEY=VALUE", help="Set an option of a plugin; repeatable."),
]
