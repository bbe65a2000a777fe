"""What the z-points of a VAE say about the unit of its values, where reconstructions say little.

A network that is nearly linear reconstructs values in any unit; only its z-points grow with them.
But a trained VAE has z-points of one size: scaling them changes no reconstruction, if the decoder
undoes it, so the size is the one of the smallest divergence from the prior, where
mean(mu^2 + sigma^2) is 1 on every axis (Kingma & Welling 2014; Hoffman & Johnson 2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.models.network import to_log_var

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latent_analyze_adapters.models.signatures.spread import Found
    from latent_analyze_adapters.models.signatures.trial import Tried, Way

    SpreadOf = Callable[[Way], Found | None]

CLEARLY = 0.3
"""By how much nearer to 1 the size is, as a logarithm, if it decides (a factor of 1.35)."""


def by_prior(chosen: Tried, rivals: Sequence[Tried], spread_of: SpreadOf) -> Tried:
    """Return the choice, or a rival whose z-points have more nearly the right size.

    Parameters
    ----------
    chosen
        The simplest of those that are as good as the best.
    rivals
        Those that may explain as much, best first; of those in which values are nearly the same,
        the first counts.
    spread_of
        Returns the spread of the choice's mean; only one that is known without values counts.
    """
    first = {t.way.family: t for t in reversed(rivals) if t.way.family != chosen.way.family}
    best, far = chosen, _mismatch(chosen, spread_of) if first else None
    for rival in first.values():
        other = _mismatch(rival, spread_of)
        if far is not None and other is not None and far - other > CLEARLY:
            best, far = rival, other
    return best


def _mismatch(tried: Tried, spread_of: SpreadOf) -> float | None:
    """Return how far mean(mu^2 + sigma^2) is from 1, as a logarithm; of half of the axes."""
    spread = spread_of(tried.way)
    if spread is None or spread.known not in ("stated", "graph", "name"):
        return None
    mu = tried.mu.reshape(len(tried.mu), -1).astype(np.float64)
    is_whole = tried.mean.axis is None
    outputs = tried.way.outputs
    values = outputs.get(spread.output) if is_whole else tried.mean.other_half(outputs)
    if values is None or values.size != mu.size:
        return None
    log_var = to_log_var(np.asarray(values, np.float64).reshape(mu.shape), spread.kind)
    with np.errstate(all="ignore"):
        size = float(np.median((mu**2 + np.exp(log_var)).mean(axis=0)))
        found = abs(np.log(size))
    return float(found) if np.isfinite(found) else None
