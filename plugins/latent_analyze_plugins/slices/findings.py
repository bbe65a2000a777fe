"""How many survive where, and where the origin lies, beside nulls and other sources."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latent_analyze.plotting import null_label
from latent_analyze.plugin import Finding, ResultSet


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield a note per pair, one over all pairs, and two about the origin."""
    data, b = results.data, f"(b = {results.frame['b']:.3g})"
    for index, (i, j) in enumerate(results.frame["pairs"].tolist()):
        survivors = data[f"survivors_{i}_{j}"]
        text = f"survive in the slice of axes {i} and {j} {b}"
        text = f"{survivors:,} of {data['n']:,} z-points {text}"
        if not survivors:
            text += f", the first does at b = {data['smallest_b'][index]:.3g}"
        yield _beside(results, f"survivor_share_{i}_{j}", text, scale=100)
    name = "survivor_share_all_pairs"
    text = f"{100 * data[name]:.3g} % of the z-points survive in a slice, mean over all pairs {b}"
    yield _beside(results, name, text, scale=100)
    name = "origin_mahalanobis_percentile"
    text = f"The origin lies farther from the mean than {data[name]:.3g} % of the z-points"
    yield _beside(results, name, f"{text} (Mahalanobis)")
    name = "origin_density_percentile"
    if name in data.scalars:
        text = f"Around the origin it is denser than around {data[name]:.3g} %"
        yield _beside(results, name, f"{text} of {data.sample_size:,} sampled z-points")


def _beside(results: ResultSet, name: str, text: str, *, scale: float = 1) -> Finding:
    """Return a note of `text` with the percentages of the nulls and of the sources beside it."""
    members = {null_label(null, len(of)): of for null, of in results.ensembles.items()}
    for label, sources in {**members, **{k: [r] for k, r in results.shown.items()}}.items():
        values = [scale * float(result[name]) for result in sources if name in result.scalars]
        low, high = (f"{end:.3g}" for end in np.quantile(values or [np.nan], [0.05, 0.95]))
        text += f"; {label}: {low if low == high else f'{low} to {high}'} %"
    return Finding("note", f"{text}.", {name: results.data[name]})
