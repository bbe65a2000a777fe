"""The tables as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sampling.tables import Outcome


def show_outcome(title: str, outcome: Outcome) -> None:
    """Print the figures of one statistic, with their intervals and the ceiling."""
    print(f"\n### {title}\n\n| figure | statistic (95 %) | one judge under another |")
    print("| --- | --- | ---: |")
    for name, value in outcome.figures.items():
        low, high = outcome.intervals[name]
        ceiling = "" if name.endswith(" of all") else f"{outcome.ceiling[name]:.3f}"
        print(f"| {name} | {value:.3f} ({low:.3f} to {high:.3f}) | {ceiling} |")
    print("\n| source | called good | judge | ambiguous |\n| --- | ---: | ---: | ---: |")
    for name, values in outcome.rates.items():
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |")


def show_examination(found: Mapping[str, Any]) -> None:
    """Print what each member of a judge makes of real images and of junk."""
    passes, accuracy = found["pass"], found["accuracy"]
    print(f"| passes | {' | '.join(passes)} |\n| --- |{' ---: |' * len(passes)}")
    for kind in passes["all"]:
        print(f"| {kind} | {' | '.join(f'{of[kind]:.3f}' for of in passes.values())} |")
    print(f"| accuracy | {' | '.join(f'{value:.4f}' for value in accuracy.values())} |")
    shares = ", ".join(f"{kind} {share:.3f}" for kind, share in found["ambiguous"]["all"].items())
    print(f"\nAmbiguous to all together: {shares}.", flush=True)
