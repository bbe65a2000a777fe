"""The tables as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampling.tables import Outcome


def show_outcomes(title: str, outcomes: Mapping[str, Outcome]) -> None:
    """Print what came out for one model and one judge, one column per statistic.

    Figures have their 95 % intervals. The last column is one member of the judge under another,
    the ceiling; it is the same for all statistics.
    """
    names, first = list(outcomes), next(iter(outcomes.values()))
    print(f"\n### {title}\n")
    show_head(["figure", *names, "one judge under another"])
    for figure, ceiling in first.ceiling.items():
        cells = [_with_interval(outcomes[name], figure) for name in names]
        show_row([figure, *cells, f"{ceiling:.2f}"])
    print()
    show_head(["called good", *names, "judge", "ambiguous"])
    for source, (_, judged, ambiguous) in first.rates.items():
        called = [f"{outcomes[name].rates[source][0]:.2f}" for name in names]
        show_row([source, *called, f"{judged:.2f}", f"{ambiguous:.2f}"])


def _with_interval(outcome: Outcome, figure: str) -> str:
    low, high = outcome.intervals[figure]
    return f"{outcome.figures[figure]:.2f} ({low:.2f} to {high:.2f})"


def show_examination(found: Mapping[str, Any]) -> None:
    """Print what each member of a judge makes of real images and of junk."""
    passes, accuracy = found["pass"], found["accuracy"]
    show_head(["passes", *passes, "ambiguous"])
    for kind in passes["all"]:
        shares = [of[kind] for of in (*passes.values(), found["ambiguous"]["all"])]
        show_row([kind, *(f"{share:.3f}" for share in shares)])
    show_row(["accuracy", *(f"{value:.4f}" for value in accuracy.values()), ""])


def show_head(cells: list[str]) -> None:
    """Print the head of a Markdown table."""
    show_row(cells)
    show_row(["---", *["---:"] * (len(cells) - 1)])


def show_row(cells: list[str]) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(cells)} |", flush=True)
