"""Checks a model on real rows: finite outputs, determinism, and batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from latent_analyze.models.labels import NO_LABELS, Labels, decode
from latent_analyze.models.labels import encode as encode_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from latent_analyze.models.spec import Latents, Model

TOLERANCE = 1e-4
"""Largest difference between two encodings of a row, in standard deviations of the output."""

Severity = Literal["note", "warning", "problem"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check; with a problem, the model cannot be analyzed."""

    name: str
    severity: Severity
    text: str
    value: float | None = None


def inspect_model(
    model: Model, rows: NDArray[np.float32], columns: Labels = NO_LABELS
) -> list[Check]:
    """Check a model on real rows.

    Parameters
    ----------
    model
        The model. Without an encoder, the decoder is checked on normal z-points.
    rows
        Shape (n, *spec.input.shape); a few dozen are enough.
    columns
        Labels and arrays that the model takes besides, (n, ...) each.

    Raises
    ------
    ModelError
        If the model fails on the rows.
    """
    if model.spec.can_encode:
        return list(_check_encoder(model, rows, columns))
    z = np.random.default_rng(0).standard_normal((len(rows), model.spec.dim)).astype(np.float32)
    return [_check_finite("decoded", model.decode(z)), _check_repeat("decoder", model.decode, z)]


def _check_encoder(model: Model, rows: NDArray[np.float32], columns: Labels) -> Iterator[Check]:
    def encode(some: slice = slice(None)) -> Latents:
        return encode_rows(model, rows[some], {name: v[some] for name, v in columns.items()})

    latents = encode()
    yield _check_finite("mu", latents.mu)
    if _rows_equal(latents.mu):
        yield Check("mu differs", "problem", "all rows get the same z-point")
    if latents.log_var is not None:
        yield _check_finite("log_var", latents.log_var)
    repeat = _check_repeat("encoder", lambda _: encode().mu, rows)
    yield repeat
    if repeat.severity == "note" and np.isfinite(latents.mu).all():
        yield _check_batches(lambda i: encode(slice(i, i + 1)).mu, latents.mu)
    if model.spec.can_decode:
        yield _check_finite("decoded", decode(model, latents.mu, columns))


def _check_finite(name: str, values: NDArray[np.float32]) -> Check:
    share = 1 - float(np.isfinite(values).mean())
    if share:
        return Check(
            f"{name} finite", "problem", f"{share:.1%} of {name} is NaN or infinite", share
        )
    extent = f"{values.min():.3g} to {values.max():.3g}"
    return Check(f"{name} finite", "note", f"all values of {name} are finite: {extent}", 0.0)


def _rows_equal(mu: NDArray[np.float32]) -> bool:
    """Whether all rows are equal up to rounding."""
    if len(mu) < 2 or not np.isfinite(mu).all():
        return False
    return bool(np.all(np.ptp(mu, axis=0) <= 1e-6 * np.abs(mu).max(initial=1e-30)))


def _check_repeat(
    name: str,
    function: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    rows: NDArray[np.float32],
) -> Check:
    difference = _difference(function(rows), function(rows))
    if difference > TOLERANCE:
        text = (
            f"the {name} is random: two runs on the same rows differ by {difference:.3g} standard"
            " deviations"
        )
        return Check(f"{name} deterministic", "warning", text, difference)
    return Check(f"{name} deterministic", "note", f"the {name} is deterministic", difference)


def _check_batches(
    encode_one: Callable[[int], NDArray[np.float32]], mu: NDArray[np.float32]
) -> Check:
    alone = np.concatenate([encode_one(i) for i in range(min(8, len(mu)))])
    difference = _difference(alone, mu[:8])
    if difference > TOLERANCE:
        text = (
            "the latents of a row depend on the other rows in its batch (by"
            f" {difference:.3g} standard deviations): state it, --signature encoder.batch=1"
        )
        return Check("batch invariant", "problem", text, difference)
    text = "the latents of a row do not depend on its batch"
    return Check("batch invariant", "note", text, difference)


def _difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the largest difference between finite values, in standard deviations."""
    usable = np.isfinite(first) & np.isfinite(second)
    if not usable.any():
        return 0.0
    a, b = first[usable].astype(np.float64), second[usable].astype(np.float64)
    return float(np.abs(a - b).max()) / max(float(b.std()), 1e-12)
