"""Checks a model on real images: finite outputs, determinism, batches, and value ranges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from latent_analyze.errors import ModelError
from latent_analyze.models.bundle import Bundle, DecoderSpec, EncoderSpec
from latent_analyze.models.configurable import ConfigurableModel
from latent_analyze.models.latent_outputs import LatentOutputs
from latent_analyze.models.spec import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from latent_analyze.models.spec import Model

TOLERANCE = 1e-4
"""Largest difference between two encodings of a row, in standard deviations of the output."""

MAX_ERROR_RATIO = 0.8
"""Other settings are better if their round-trip error is at most this share of the current one."""

MIN_CONTRAST = 0.1
"""Smallest standard deviation of useful reconstructions, as a share of that of the images."""

EQUAL_RELATIVE, EQUAL_ABSOLUTE = 0.02, 1e-5
"""Round-trip errors that differ by less count as equal."""

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))

Severity = Literal["note", "warning", "problem"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check; with a problem, the model cannot be analyzed."""

    name: str
    severity: Severity
    text: str
    value: float | None = None


@dataclass(frozen=True)
class Candidate:
    """Settings of ``model.toml`` that fit the model's files, and their round-trip error."""

    bundle: Bundle
    text: str
    error: float


def inspect_model(model: Model, images: NDArray[np.float32]) -> list[Check]:
    """Check a model on real images.

    Parameters
    ----------
    model
        The model. Without an encoder, the decoder is checked on normal z-points.
    images
        Shape (n, *spec.input.shape), values in [0, 1]; a few dozen are enough.

    Raises
    ------
    ModelError
        If the model fails on the images.
    """
    if model.spec.can_encode:
        return list(_check_encoder(model, images))
    z = np.random.default_rng(0).standard_normal((len(images), model.spec.dim)).astype(np.float32)
    return [_check_finite("decoded", model.decode(z)), _check_repeat("decoder", model.decode, z)]


def round_trip(model: Model, images: NDArray[np.float32]) -> float:
    """Return the mean absolute difference between images and their reconstructions, in [0, 1]."""
    return _error(model.decode(model.encode(images).mu), images)


def candidates(model: Model, images: NDArray[np.float32]) -> list[Candidate]:
    """Return the settings that fit the files, best first; empty if the model has a fixed format.

    Every layout and value range is tried, for encoder and decoder separately, and a sigmoid after
    the decoder. Among equally good settings, those closest to the current ones come first.
    """
    if not (model.spec.can_encode and model.spec.can_decode):
        return []
    if not isinstance(model, ConfigurableModel):
        return []
    found = []
    latents = [(encoder, _encode(model, encoder, images)) for encoder in _encoders(model.bundle)]
    for decoder in _decoders(model.bundle):
        try:
            changed = model.with_bundle(model.bundle.model_copy(update={"decoder": decoder}))
        except ModelError:
            continue
        for encoder, mu in latents:
            decoded = None if mu is None else _decode(changed, mu)
            if decoded is None:
                continue
            error = _error(decoded, images)
            # A constant black or gray image is close to many images without showing any of them.
            if np.isfinite(error) and decoded.std() > MIN_CONTRAST * images.std():
                components = {"encoder": encoder, "decoder": decoder}
                bundle = model.bundle.model_copy(update=components)
                found.append(Candidate(bundle, _describe(encoder, decoder), error))
    return _best_first(found, model.bundle)


def _best_first(found: list[Candidate], current: Bundle) -> list[Candidate]:
    ordered = sorted(found, key=lambda candidate: candidate.error)
    if not ordered:
        return []
    # A linear model is as good with [0, 1] as with [0, 255]: prefer what needs the fewest changes.
    limit = ordered[0].error * (1 + EQUAL_RELATIVE) + EQUAL_ABSOLUTE
    equal = [candidate for candidate in ordered if candidate.error <= limit]
    first = min(equal, key=lambda candidate: _count_changes(candidate, current))
    return [first, *(candidate for candidate in ordered if candidate is not first)]


def check_outputs(model: object, found: LatentOutputs | None) -> list[Check]:
    """Report which outputs are mu and log_var, and warn if the model uses others."""
    if found is None or not isinstance(model, ConfigurableModel):
        return []
    encoder = model.bundle.encoder
    assert encoder is not None
    used = (encoder.mu, encoder.log_var, encoder.spread if encoder.log_var else found.spread)
    if used == (found.mu, found.log_var, found.spread):
        return [Check("latents", "note", str(found), found.noise)]
    text = f"{found}; now in use: {encoder.mu!r} as mu"
    text += f", {encoder.log_var!r} as log_var" if encoder.log_var else ""
    return [Check("latents", "warning", text, found.noise)]


def compare_candidates(error: float, found: Sequence[Candidate]) -> Check:
    """Report whether other settings have a clearly smaller round-trip error than the current."""
    if found and found[0].error <= MAX_ERROR_RATIO * error - EQUAL_ABSOLUTE:
        best = found[0]
        text = f"round trip improves from {error:.3g} to {best.error:.3g} with {best.text}"
        return Check("round trip", "warning", text, error)
    text = f"mean |difference| {error:.3g} after encoding and decoding (values in [0, 1])"
    return Check("round trip", "note", text, error)


def _check_encoder(model: Model, images: NDArray[np.float32]) -> Iterator[Check]:
    latents = model.encode(images)
    yield _check_finite("mu", latents.mu)
    if _rows_equal(latents.mu):
        yield Check("mu differs", "problem", "all images get the same z-point")
    if latents.log_var is not None:
        yield _check_finite("log_var", latents.log_var)
    repeat = _check_repeat("encoder", lambda x: model.encode(x).mu, images)
    yield repeat
    if repeat.severity == "note" and np.isfinite(latents.mu).all():
        yield _check_batches(model, images, latents.mu)
    if model.spec.can_decode:
        yield _check_finite("decoded", model.decode(latents.mu))


def _error(decoded: NDArray[np.float32], images: NDArray[np.float32]) -> float:
    if decoded.shape != images.shape:
        return float("nan")
    # One image at a time: a float64 copy of many large images would double the memory.
    pairs = zip(decoded, images, strict=True)
    return float(np.mean([np.abs(a - b).mean(dtype=np.float64) for a, b in pairs]))


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


def _check_batches(model: Model, images: NDArray[np.float32], mu: NDArray[np.float32]) -> Check:
    alone = np.concatenate([model.encode(image[None]).mu for image in images[:8]])
    difference = _difference(alone, mu[:8])
    if difference > TOLERANCE:
        text = (
            "the latents of a row depend on the other rows in its batch (by"
            f" {difference:.3g} standard deviations): set batch = 1 in model.toml"
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


def _encoders(bundle: Bundle) -> Iterator[EncoderSpec]:
    """Yield the encoder with every layout and value range."""
    assert bundle.encoder is not None
    for layout, values in product(get_args(Layout), dict.fromkeys((bundle.encoder.range, *RANGES))):
        yield bundle.encoder.model_copy(update={"layout": layout, "range": values})


def _decoders(bundle: Bundle) -> Iterator[DecoderSpec]:
    """Yield the decoder with every layout, value range and activation."""
    assert bundle.decoder is not None
    for layout, values in product(get_args(Layout), dict.fromkeys((bundle.decoder.range, *RANGES))):
        for activation in (None, "sigmoid") if values == (0.0, 1.0) else (None,):
            changes = {"layout": layout, "range": values, "activation": activation}
            yield bundle.decoder.model_copy(update=changes)


def _encode(
    model: ConfigurableModel, encoder: EncoderSpec, images: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return mu with these settings; None if they do not fit the files."""
    # Without the decoder, whose current settings may not fit.
    bundle = model.bundle.model_copy(update={"encoder": encoder, "decoder": None})
    try:
        return model.with_bundle(bundle).encode(images).mu
    except ModelError:
        return None


def _decode(model: ConfigurableModel, z: NDArray[np.float32]) -> NDArray[np.float32] | None:
    try:
        return model.decode(z)
    except ModelError:
        return None


def _count_changes(candidate: Candidate, bundle: Bundle) -> int:
    """Return how many settings of a candidate differ from the bundle's."""
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
    return text + (", a sigmoid after the decoder" if decoder.activation else "")
