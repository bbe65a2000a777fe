"""Progress bars on stderr, with rate and remaining time; none if stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latent_analyze.errors import printable
from latent_analyze.host.contracts import Progress, no_progress

if TYPE_CHECKING:
    from rich.progress import ProgressColumn, Task


@contextmanager
def progress_bars(quiet: bool) -> Iterator[Progress]:
    """Yield a function that draws progress bars until the ``with`` block ends."""
    if quiet or not sys.stderr.isatty():
        yield no_progress
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        _rate_column(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, rich.TaskID] = {}

        def show(task: str, done: int, total: int) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(printable(task), total=total)
            bars.update(tasks[task], completed=done, total=total, visible=done < total)

        yield show


def _rate_column() -> ProgressColumn:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed and task.speed >= 10 else "")

    return RateColumn()
