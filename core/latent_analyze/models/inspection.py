"""What a model does with real images: is it deterministic, are its batches and ranges right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from latent_analyze.errors import ModelError
from latent_analyze.models.bundle import Bundle, DecoderSpec, EncoderSpec
from latent_analyze.models.latent_outputs import LatentOutputs
from latent_analyze.models.spec import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from latent_analyze.models.spec import Model

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

    Layout and range are tried for each half on its own, and for the decoder a sigmoid. What does
    not fit the files is left out.
    """
    if not hasattr(model, "with_bundle") or not (model.spec.can_encode and model.spec.can_decode):
        return []
    found = []
    latents = [(half, _encoded(model, half, images)) for half in _encoder_readings(model.bundle)]
    for decoder in _decoder_readings(model.bundle):
        try:
            read = model.with_bundle(model.bundle.model_copy(update={"decoder": decoder}))
        except ModelError:
            continue
        for encoder, mu in latents:
            decoded = None if mu is None else _decoded(read, mu)
            if decoded is None:
                continue
            error = _error(decoded, images)
            # Nothing but black or gray is near to many images, and reconstructs none.
            if np.isfinite(error) and decoded.std() > FLAT * images.std():
                halves = {"encoder": encoder, "decoder": decoder}
                bundle = model.bundle.model_copy(update=halves)
                found.append(Candidate(bundle, _describe(encoder, decoder), error))
    return _best_first(found, model.bundle)


def _best_first(found: list[Candidate], present: Bundle) -> list[Candidate]:
    ordered = sorted(found, key=lambda candidate: candidate.error)
    if not ordered:
        return []
    # A linear model reads [0, 1] and [0, 255] alike: of equals, the one nearest to the present.
    limit = ordered[0].error * (1 + ALIKE) + ROUNDING
    equals = [candidate for candidate in ordered if candidate.error <= limit]
    first = min(equals, key=lambda candidate: _changes(candidate, present))
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
    if found and found[0].error <= CLEARLY * error - ROUNDING:
        best = found[0]
        text = f"round trip improves from {error:.3g} to {best.error:.3g} with {best.text}"
        return Check("round trip", "warning", text, error)
    text = f"mean |difference| {error:.3g} after encoding and decoding (values in [0, 1])"
    return Check("round trip", "note", text, error)


def _check_encoder(model: Model, images: NDArray[np.float32]) -> Iterator[Check]:
    latents = model.encode(images)
    yield _finite("mu", latents.mu)
    if _alike(latents.mu):
        yield Check("mu differs", "problem", "all images get the same z-point")
    if latents.log_var is not None:
        yield _finite("log_var", latents.log_var)
    same = _same("encoder", lambda x: model.encode(x).mu, images)
    yield same
    if same.severity == "note" and np.isfinite(latents.mu).all():
        yield _batches(model, images, latents.mu)
    if model.spec.can_decode:
        yield _finite("decoded", model.decode(latents.mu))


def _error(decoded: NDArray[np.float32], images: NDArray[np.float32]) -> float:
    if decoded.shape != images.shape:
        return float("nan")
    # Image by image: many large ones are as much again in float64.
    pairs = zip(decoded, images, strict=True)
    return float(np.mean([np.abs(a - b).mean(dtype=np.float64) for a, b in pairs]))


def _finite(name: str, values: NDArray[np.float32]) -> Check:
    share = 1 - float(np.isfinite(values).mean())
    if share:
        return Check(
            f"{name} finite", "problem", f"{share:.1%} of {name} is NaN or infinite", share
        )
    spread = f"{values.min():.3g} to {values.max():.3g}"
    return Check(f"{name} finite", "note", f"all values of {name} finite, {spread}", 0.0)


def _alike(mu: NDArray[np.float32]) -> bool:
    """Whether rows differ by no more than rounding."""
    if len(mu) < 2 or not np.isfinite(mu).all():
        return False
    return bool(np.all(np.ptp(mu, axis=0) <= 1e-6 * np.abs(mu).max(initial=1e-30)))


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
    """Return the largest difference where both are finite, in standard deviations."""
    usable = np.isfinite(first) & np.isfinite(second)
    if not usable.any():
        return 0.0
    a, b = first[usable].astype(np.float64), second[usable].astype(np.float64)
    return float(np.abs(a - b).max()) / max(float(b.std()), 1e-12)


def _encoder_readings(bundle: Bundle) -> Iterator[EncoderSpec]:
    assert bundle.encoder is not None
    for layout, values in product(get_args(Layout), dict.fromkeys((bundle.encoder.range, *RANGES))):
        yield bundle.encoder.model_copy(update={"layout": layout, "range": values})


def _decoder_readings(bundle: Bundle) -> Iterator[DecoderSpec]:
    assert bundle.decoder is not None
    for layout, values in product(get_args(Layout), dict.fromkeys((bundle.decoder.range, *RANGES))):
        for activation in (None, "sigmoid") if values == (0.0, 1.0) else (None,):
            changes = {"layout": layout, "range": values, "activation": activation}
            yield bundle.decoder.model_copy(update=changes)


def _encoded(model: Any, half: EncoderSpec, images: NDArray[np.float32]) -> Any:
    """Return mu as this reading has it, None if it does not fit the files."""
    try:
        # Without the decoder, which need not fit.
        read = model.with_bundle(model.bundle.model_copy(update={"encoder": half, "decoder": None}))
        return read.encode(images).mu
    except ModelError:
        return None


def _decoded(model: Any, z: NDArray[np.float32]) -> Any:
    try:
        return model.decode(z)
    except ModelError:
        return None


def _changes(candidate: Candidate, bundle: Bundle) -> int:
    """Return in how many respects a candidate is another reading than the present one."""
    pairs = ((candidate.bundle.encoder, bundle.encoder), (candidate.bundle.decoder, bundle.decoder))
    names = ("layout", "range", "activation")
    return sum(getattr(a, n, None) != getattr(b, n, None) for a, b in pairs for n in names)


def _describe(encoder: EncoderSpec, decoder: DecoderSpec) -> str:
    (low, high), (low_out, high_out) = encoder.range, decoder.range
    text = f"range [{low:g}, {high:g}]"
    if decoder.range != encoder.range:
        text += f" in and [{low_out:g}, {high_out:g}] out"
    text += f", layout {encoder.layout}"
    if decoder.layout != encoder.layout:
        text += f" in and {decoder.layout} out"
    return text + (", a sigmoid behind the decoder" if decoder.activation else "")
