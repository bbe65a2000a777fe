"""Whether a runtime gives what the trainer stored with the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.errors import ModelError

if TYPE_CHECKING:
    from latent_analyze.models.spec import Model

MAX_RUNTIME_DIFFERENCE = 1e-4
"""How far a runtime may differ from the one that trained, relative to the output's spread."""


def check_runtime(model: Model) -> dict[str, float] | None:
    """Compare the runtime with the samples that the trainer stored; None if there are none.

    Returns
    -------
    dict
        Output -> largest difference / standard deviation of the output.

    Raises
    ------
    ModelError
        If a difference is above `MAX_RUNTIME_DIFFERENCE`.
    """
    check = getattr(model, "check", None)
    found: dict[str, float] | None = check() if check is not None else None
    for name, difference in (found or {}).items():
        if not difference <= MAX_RUNTIME_DIFFERENCE:
            raise ModelError(
                f"{name} as in training to {MAX_RUNTIME_DIFFERENCE:g} standard deviations",
                found=f"a difference of {difference:.3g}",
                next_step="export the model again, or remove 'check' from its model.toml",
            )
    return found
