"""Mixtures of normal distributions with as many components as held-out rows ask for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import keyed_rng

COMPONENTS = (1, 2, 5, 10, 20, 50, 100)
"""Numbers of components tried, until one more falls behind on rows held out."""

ROWS_EACH = 100
"""Fewest rows for each component, and two for each axis."""

TEST_SHARE, MOST_ROWS = 5, 8000
"""One row in so many tells how many components are right; most rows that these are tried on."""

REGULARIZATION = 1e-6
"""Added to the variances of standardized rows."""

TOLERANCE, EPOCHS = 1e-2, 60
"""Gain per row at which to stop when only the number is wanted, and most passes."""

Covariance = Literal["full", "diag"]


def fit_mixture(
    rows: NDArray[np.float64], seed: int, *, components: int, covariance: Covariance = "full",
    tolerance: float = TOLERANCE, epochs: int = EPOCHS,
) -> Any:  # fmt: skip
    """Return scikit-learn's mixture of standardized rows (n, dim).

    Fitted by expectation-maximization (Dempster, Laird & Rubin 1977) from a k-means++ start.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    # The other start, whole k-means, sums over threads in an order that differs between runs.
    mixture = GaussianMixture(
        components, covariance_type=covariance, reg_covar=REGULARIZATION, tol=tolerance,
        max_iter=epochs, init_params="k-means++", random_state=seed % 2**32,
    )  # fmt: skip
    # Products of one component are small: threads would mostly wait for each other.
    with warnings.catch_warnings(), threadpool_limits(1):
        # A mixture that could still gain a little likelihood is as good to draw from.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(rows)


def fit_best_mixture(
    rows: NDArray[np.float64], seed: int, *, covariance: Covariance = "full"
) -> Any:
    """Return the mixture with the highest likelihood on a fifth of the rows, which it has not seen.

    Numbers of components are tried in turn, until one falls behind.
    """
    order = keyed_rng(seed, "mixture").permutation(len(rows))
    part = max(len(rows) // TEST_SHARE, 1)
    fitted = rows[order[part:][:MOST_ROWS]] if len(rows) > TEST_SHARE else rows
    tested, best, highest = rows[order[:part]], None, -np.inf
    for k in COMPONENTS:
        if k > 1 and k * max(ROWS_EACH, 2 * rows.shape[1]) > len(fitted):
            break
        mixture = fit_mixture(fitted, seed, components=k, covariance=covariance)
        likelihood = float(mixture.score(tested))
        if best is not None and likelihood <= highest:
            break
        best, highest = mixture, likelihood
    return best
