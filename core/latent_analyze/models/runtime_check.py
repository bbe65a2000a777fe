"""Compares a runtime's outputs with those that the trainer stored in the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.errors import ModelError

if TYPE_CHECKING:
    from latent_analyze.models.spec import Model

MAX_RUNTIME_DIFFERENCE = 1e-4
"""Largest allowed difference between runtimes, in standard deviations of the output."""


def check_runtime(model: Model) -> dict[str, float] | None:
    """Compare the model's outputs with those that the trainer stored; None if it stored none.

    Returns
    -------
    dict
        Name of an output -> largest difference, in standard deviations of that output.

    Raises
    ------
    ModelError
        If a difference exceeds `MAX_RUNTIME_DIFFERENCE`.
    """
    check = getattr(model, "check", None)
    found: dict[str, float] | None = check() if check is not None else None
    for name, difference in (found or {}).items():
        if not difference <= MAX_RUNTIME_DIFFERENCE:
            raise ModelError(
                f"the same {name} as in training to {MAX_RUNTIME_DIFFERENCE:g} standard deviations",
                found=f"a difference of {difference:.3g}",
                next_step="export the model again, or remove 'check' from its model.toml",
            )
    return found
