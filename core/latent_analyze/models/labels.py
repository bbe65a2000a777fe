"""Calling a model with the labels that it takes besides images and z-points."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.signature import Signature
    from latent_analyze.models.spec import Latents, Model

Labels = Mapping[str, "NDArray[Any]"]
"""Name of a label (or of a further array of the data set) -> values, (n, ...)."""

NO_LABELS: Labels = MappingProxyType({})


def taken_labels(model: Model) -> tuple[str, ...]:
    """Return the names of the labels that the encoder or the decoder takes."""
    return tuple(dict.fromkeys((*model.spec.columns, *model.spec.decode_columns)))


def encode(model: Model, x: NDArray[np.float32], labels: Labels = NO_LABELS) -> Latents:
    """Encode (n, *input) with those of the labels that the encoder takes, if it takes any."""
    return model.encode(x, *_given(model.spec.columns, labels))


def decode(model: Model, z: NDArray[Any], labels: Labels = NO_LABELS) -> NDArray[np.float32]:
    """Decode (n, dim) with those of the labels that the decoder takes, if it takes any.

    Whole numbers, which name codes, stay whole.
    """
    z = np.ascontiguousarray(z, z.dtype if z.dtype.kind in "iu" else np.float32)
    return np.asarray(model.decode(z, *_given(model.spec.decode_columns, labels)), np.float32)


def stated_constants(model: Model, half: Literal["encoder", "decoder"]) -> dict[str, str]:
    """Return the inputs that get the same value for every row because the user says so."""
    signature: Signature | None = getattr(model, "signature", None)
    if signature is None:
        return {}
    spec = signature.bundle.encoder if half == "encoder" else signature.bundle.decoder
    if spec is None:
        return {}
    found = {choice.key for choice in signature.choices if choice.known != "stated"}
    return {
        name: str(value)
        for name, value in spec.constants.items()
        if name not in spec.columns and f"{half}.constants.{name}" not in found
    }


def _given(names: tuple[str, ...], labels: Labels) -> tuple[Any, ...]:
    """Return the second argument of a half that takes labels; others need not have one."""
    return ({name: labels[name] for name in names if name in labels},) if names else ()
