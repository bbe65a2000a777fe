"""The statistic of the product: the score behind the qualities of `random_decode`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from sampling.baselines import Score
from sampling.merit import Floats
from sampling.space import Space, Z

SUPPORT = 10_000
"""Rows of the reference, as in the product."""

CALIBRATION = 1000
"""Held-out rows, as in the product."""


def score(space: Space) -> Score:
    """Return the function that scores z-points as `random_decode` does, higher for better."""
    from latent_analyze_plugins.random_decode.passes import run_model
    from latent_analyze_plugins.random_decode.telling import make_parts

    context, values, data = calibrated(space)
    if values["cannot_say"]:
        print(f"the product: cannot say: {values['cannot_say']}")
    parts = make_parts(values, data, context)

    def scores(z: Z) -> Floats:
        batch = _batch(z)
        found = run_model(context, batch, task="score", examine=parts).examined
        measured = ~np.isnan(found).all(axis=1)
        values = np.full(len(z), -np.inf)
        values[measured] = -parts.standard.score(found[measured])
        return values

    return scores


def calibrated(space: Space) -> tuple[Any, dict[str, Any], Any]:
    """Return the context, the values of a frame, and the support set, as the product makes them."""
    from latent_analyze_plugins.random_decode.passes import run_model
    from latent_analyze_plugins.random_decode.scores import fit_support
    from latent_analyze_plugins.random_decode.telling import JUNK_ROWS, fit_telling

    context, data = _context(space), space.reference[:SUPPORT].astype(np.float32)
    held_out = _batch(space.calibration[:CALIBRATION])
    values = {"kind": "image", **fit_support(data, data.std(axis=0, dtype=np.float64), 5)}
    first = run_model(context, held_out, np.arange(JUNK_ROWS), task="decode")
    values |= fit_telling(values, held_out, data, first=first, context=context)
    return context, values, data


def _batch(z: Z) -> Any:
    from latent_analyze.plugin import Batch

    return Batch(z=z.astype(np.float32), rows=np.arange(len(z)))


def _context(space: Space) -> Any:
    """Return what the statistic asks of a context."""
    shape = space.images.x_train.shape[1:]
    image = SimpleNamespace(shape=shape)
    spec = SimpleNamespace(can_encode=True, input=image, output=image, batch=500)

    def encode(x: Any, labels: Any = None) -> Any:
        del labels
        return SimpleNamespace(mu=space.encode(x).astype(np.float32))

    def decode(z: Any, labels: Any = None) -> Any:
        del labels
        return space.decode(z).astype(np.float32)

    return SimpleNamespace(
        seed=space.seed, model=SimpleNamespace(spec=spec), encode=encode, decode=decode,
        model_labels=lambda rows: {}, progress=lambda *_: None,
    )  # fmt: skip
