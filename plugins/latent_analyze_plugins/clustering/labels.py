"""Whether clusters are the classes of a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Batch

MOST_CLASSES = 100


def classes_of(
    batch: Batch, finite: NDArray[np.bool_], most: int
) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """Return label -> class of each finite row, and notes on labels that cannot be compared.

    Parameters
    ----------
    most
        Largest number of clusters that the rows allow.
    """
    found, notes = {}, []
    for name, values in batch.labels.items():
        classes, index = np.unique(values[finite], return_inverse=True)
        if 2 <= len(classes) <= min(MOST_CLASSES, most):
            found[name] = index.astype(np.int64)
        else:
            notes.append(
                f"the label {name} is not compared: number of classes in the sample"
                f" {len(classes):,}, possible are 2 to {min(MOST_CLASSES, most)}"
            )
    return found, notes


def agreement(
    classes: Mapping[str, NDArray[Any]], clusters: Mapping[int, NDArray[Any]]
) -> dict[str, float]:
    """Return number of classes, adjusted Rand index and mutual information for each label.

    The Rand index is adjusted for chance as Hubert & Arabie (1985) do, so that 0 is what clusters
    get that have nothing to do with the classes; mutual information is divided by the mean of both
    entropies.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    found: dict[str, float] = {}
    for name, index in classes.items():
        count = int(index.max()) + 1
        found[f"classes_{name}"] = count
        found[f"ari_{name}"] = float(adjusted_rand_score(index, clusters[count]))
        found[f"nmi_{name}"] = float(normalized_mutual_info_score(index, clusters[count]))
    return found
