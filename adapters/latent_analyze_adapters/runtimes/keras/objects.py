"""Keras models that exist in Python."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from latent_analyze.plugin import Layout, content_hash
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.objects import ObjectOpener
from latent_analyze_adapters.models.session import ModelFile
from latent_analyze_adapters.runtimes.keras.parts import extract_network
from latent_analyze_adapters.runtimes.keras.session import KerasSession, on_device


@dataclass(frozen=True)
class KerasModelOpener(ObjectOpener):
    """Opens Keras models; see `Opener`."""

    name: ClassVar[str] = "keras"
    default_layout: ClassVar[Layout] = "HWC"

    def hash_of(self, owner: Any) -> str:
        """Hash weights and configuration."""
        try:
            config = owner.to_json()
        # A subclassed model need not have one.
        except Exception:
            config = type(owner).__qualname__
        return content_hash(config, [np.asarray(array) for array in owner.get_weights()])

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> KerasSession:
        """Return a session of a model, or of the sub-model that is the half."""
        half = self.half(spec)
        keep = spec.batch_mode == "keep"
        with on_device(self.device):
            model, inputs = extract_network(half.call, spec, Path(half.label), row_shape)
        return KerasSession(model, inputs, file.path.name, self.device, keep=keep)


def is_model(value: object) -> bool:
    """Whether this is a Keras model; without importing Keras, because then it is none."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(value, keras.Model)
