"""What a model does with real images: is it deterministic, are its batches and ranges right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from latent_analyze.bundle import Bundle
from latent_analyze.errors import ModelError
from latent_analyze.latent_outputs import LatentOutputs
from latent_analyze.model import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from latent_analyze.model import Model

TOLERANCE = 1e-4
"""Largest difference between two encodings of a row, in standard deviations of the output."""
CLEARLY = 0.8
"""A candidate is better if its round-trip error is at most this share of the present one."""
FLAT = 0.1
"""Contrast of reconstructions, relative to that of the images, below which they show nothing."""
ALIKE, ROUNDING = 0.02, 1e-5
"""Relative and absolute difference of round-trip errors that says nothing."""
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))

Severity = Literal["note", "warning", "problem"]


@dataclass(frozen=True)
class Check:
    """What one check found; a problem is what keeps a model from being analyzed."""

    name: str
    severity: Severity
    text: str
    value: float | None = None


@dataclass(frozen=True)
class Candidate:
    """A reading of the model's files, and its round-trip error."""

    bundle: Bundle
    text: str
    error: float


def inspect_model(model: Model, images: NDArray[np.float32]) -> list[Check]:
    """Check a model on real images.

    Parameters
    ----------
    model
        The model; one without an encoder is decoded from normal z-points.
    images
        (n, *spec.input.shape), values in [0, 1]; some dozens are enough.

    Raises
    ------
    ModelError
        If the model fails on the images.
    """
    if model.spec.can_encode:
        return list(_check_encoder(model, images))
    z = np.random.default_rng(0).standard_normal((len(images), model.spec.dim)).astype(np.float32)
    return [_finite("decoded", model.decode(z)), _same("decoder", model.decode, z)]


def round_trip(model: Model, images: NDArray[np.float32]) -> float:
    """Return the mean absolute difference between images and their reconstructions, in [0, 1]."""
    return _error(model.decode(model.encode(images).mu), images)


def candidates(model: Any, images: NDArray[np.float32]) -> list[Candidate]:
    """Return the readings of the files that fit, best first; none if the adapter offers none.

    Of readings that are equally good the first is the one nearest to the present.

    The layout is tried for both halves together, the range for each half on its own, and for the
    decoder a sigmoid. What does not fit the files is left out.
    """
    if not hasattr(model, "with_bundle") or not (model.spec.can_encode and model.spec.can_decode):
        return []
    found = []
    for bundle, text in _readings(model.bundle):
        try:
            read = model.with_bundle(bundle)
            decoded = read.decode(read.encode(images).mu)
        except ModelError:
            continue
        error = _error(decoded, images)
        # Nothing but black or gray is near to many images, and reconstructs none.
        if np.isfinite(error) and decoded.std() > FLAT * images.std():
            found.append(Candidate(bundle, text, error))
    return _best_first(found)


def _best_first(found: list[Candidate]) -> list[Candidate]:
    ordered = sorted(found, key=lambda candidate: candidate.error)
    if not ordered:
        return []
    # A linear model reads [0, 1] and [0, 255] alike: of equals, the one nearest to the present.
    limit = ordered[0].error * (1 + ALIKE) + ROUNDING
    first = next(candidate for candidate in found if candidate.error <= limit)
    return [first, *(candidate for candidate in ordered if candidate is not first)]


def check_outputs(model: Any, found: LatentOutputs | None) -> list[Check]:
    """Say which outputs hold mu and log_var, and whether they are read as such."""
    if found is None:
        return []
    half = model.bundle.encoder
    stated = (half.mu, half.log_var, half.spread if half.log_var else found.spread)
    if stated == (found.mu, found.log_var, found.spread):
        return [Check("latents", "note", str(found), found.noise)]
    read = f"mu from {half.mu!r}" + (f", log_var from {half.log_var!r}" if half.log_var else "")
    return [Check("latents", "warning", f"{found}; read was {read}", found.noise)]


def compare_readings(error: float, found: Sequence[Candidate]) -> Check:
    """Say whether another reading than the present one has a clearly smaller round-trip error."""
    if found and found[0].error <= CLEARLY * error:
        best = found[0]
        text = f"round trip improves from {error:.3g} to {best.error:.3g} with {best.text}"
        return Check("round trip", "warning", text, error)
    text = f"mean |difference| {error:.3g} after encoding and decoding (values in [0, 1])"
    return Check("round trip", "note", text, error)


def _check_encoder(model: Model, images: NDArray[np.float32]) -> Iterator[Check]:
    latents = model.encode(images)
    yield _finite("mu", latents.mu)
    if latents.log_var is not None:
        yield _finite("log_var", latents.log_var)
    same = _same("encoder", lambda x: model.encode(x).mu, images)
    yield same
    if same.severity == "note":
        yield _batches(model, images, latents.mu)
    if model.spec.can_decode:
        yield _finite("decoded", model.decode(latents.mu))


def _error(decoded: NDArray[np.float32], images: NDArray[np.float32]) -> float:
    if decoded.shape != images.shape:
        return float("nan")
    return float(np.abs(decoded - images, dtype=np.float64).mean())


def _finite(name: str, values: NDArray[np.float32]) -> Check:
    share = 1 - float(np.isfinite(values).mean())
    if share:
        return Check(
            f"{name} finite", "problem", f"{share:.1%} of {name} is NaN or infinite", share
        )
    spread = f"{values.min():.3g} to {values.max():.3g}"
    return Check(f"{name} finite", "note", f"all values of {name} finite, {spread}", 0.0)


def _same(name: str, run: Any, rows: NDArray[np.float32]) -> Check:
    difference = _difference(run(rows), run(rows))
    if difference > TOLERANCE:
        text = (
            f"the {name} gives other values for the same rows ({difference:.3g} standard"
            " deviations): something in it is random"
        )
        return Check(f"{name} deterministic", "warning", text, difference)
    return Check(f"{name} deterministic", "note", f"the {name} is deterministic", difference)


def _batches(model: Model, images: NDArray[np.float32], mu: NDArray[np.float32]) -> Check:
    alone = np.concatenate([model.encode(image[None]).mu for image in images[:8]])
    difference = _difference(alone, mu[:8])
    if difference > TOLERANCE:
        text = (
            f"a row's latents depend on the other rows of its batch ({difference:.3g} standard"
            " deviations): state batch = 1 in model.toml"
        )
        return Check("batch invariant", "problem", text, difference)
    return Check("batch invariant", "note", "rows do not depend on their batch", difference)


def _difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    spread = max(float(np.nanstd(second.astype(np.float64))), 1e-12)
    return float(np.nan_to_num(np.abs(first - second)).max(initial=0.0)) / spread


def _readings(bundle: Bundle) -> Iterator[tuple[Bundle, str]]:
    assert bundle.encoder is not None
    assert bundle.decoder is not None
    layouts = dict.fromkeys((bundle.encoder.layout, *get_args(Layout)))
    ranges_in = dict.fromkeys((bundle.encoder.range, *RANGES))
    ranges_out = dict.fromkeys((bundle.decoder.range, *RANGES))
    for layout, given, taken, sigmoid in product(layouts, ranges_in, ranges_out, (False, True)):
        if sigmoid and taken != (0.0, 1.0):
            continue
        activation = "sigmoid" if sigmoid else None
        decoder = {"layout": layout, "range": taken, "activation": activation}
        yield (
            bundle.model_copy(
                update={
                    "encoder": bundle.encoder.model_copy(update={"layout": layout, "range": given}),
                    "decoder": bundle.decoder.model_copy(update=decoder),
                }
            ),
            _describe(layout, given, taken, sigmoid=sigmoid),
        )


def _describe(
    layout: str, given: tuple[float, float], taken: tuple[float, float], *, sigmoid: bool
) -> str:
    ranges = f"range [{given[0]:g}, {given[1]:g}]"
    if taken != given:
        ranges += f" in and [{taken[0]:g}, {taken[1]:g}] out"
    return f"{ranges}, layout {layout}" + (", a sigmoid behind the decoder" if sigmoid else "")
