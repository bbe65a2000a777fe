"""What the reconstructions say, in sentences; no null applies, so all are notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

SURE = 3.0
"""Standard errors by which splits, or a rank correlation and 0, must differ to be named."""

LEAST = 0.15
"""Rank correlation below which a trend is not worth its name."""

PLACES = {"radius": "radius", "neighbor": "distance to the {k}th nearest neighbor"}


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield how large the errors are, whether splits differ, where they are large, and defects."""
    data = results.data
    options: Any = results.options
    yield _size(data)
    if len(split_names(data)) > 1:
        yield _splits(data)
    yield from _places(data, options.k)
    yield from _defects(data)


def split_names(data: Result) -> list[str]:
    """Return the splits of which there are errors with a standard error."""
    names = (name for name in data.scalars if name.startswith("mse_error["))
    return [name.removeprefix("mse_error[").removesuffix("]") for name in names]


def _size(data: Result) -> Finding:
    text = f"Mean squared error {data['mse']:.4g} per pixel over {data.sample_size:,} images"
    names = ["mse"]
    if "explained" in data.scalars:
        text += f", {100 * data['explained']:.3g} % of the variance of the images explained"
        names.append("explained")
    if "bce" in data.scalars:
        text += (
            f"; binary cross-entropy {data['bce_sum']:.4g} nats per image, {data['bce']:.3g} per"
            f" pixel (a perfect reconstruction has {data['bce_floor']:.3g})"
        )
        names += ["bce", "bce_sum", "bce_floor"]
    if "ssim" in data.scalars:
        text += f"; structural similarity {data['ssim']:.3g}"
        names.append("ssim")
    return Finding("note", text + ".", {name: data[name] for name in names})


def _splits(data: Result) -> Finding:
    names = split_names(data)
    values = {name: data[f"mse[{name}]"] for name in names}
    best, worst = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    noise = np.hypot(data[f"mse_error[{best}]"], data[f"mse_error[{worst}]"])
    each = ", ".join(
        f"{name} {value:.4g} ± {data[f'mse_error[{name}]']:.1g} ({data[f'images[{name}]']:,}"
        " images)"
        for name, value in values.items()
    )
    if values[worst] - values[best] > SURE * noise:
        more = 100 * (values[worst] / values[best] - 1) if values[best] > 0 else float("inf")
        verdict = f"{worst} is reconstructed worse than {best}, by {more:.2g} %"
    else:
        verdict = "the splits do not differ beyond sampling error"
    return Finding("note", f"Mean squared error by split: {each}; {verdict}.", values)


def _places(data: Result, k: int) -> Iterator[Finding]:
    least = SURE / np.sqrt(len(data["image_mse"]) - 1)
    for name, text in PLACES.items():
        value, what = data.scalars.get(f"rank_{name}"), text.format(k=k)
        if value is None:
            yield Finding("note", f"The error or the {what} does not vary: nothing to correlate.")
            continue
        rank = float(value.value)
        lows = data[f"mse_by_{name}"][[0, -1], 1]
        if abs(rank) <= max(least, LEAST):
            said = "hardly depends on"
        else:
            said = "grows with" if rank > 0 else "falls with"
        yield Finding(
            "note",
            f"The error {said} the {what}: rank correlation {rank:+.2f} (by chance hardly"
            f" beyond ±{least:.2g}); median {lows[0]:.3g} in the lowest and {lows[1]:.3g} in the"
            " highest tenth.",
            {f"rank_{name}": rank},
        )


def _defects(data: Result) -> Iterator[Finding]:
    if data["nonfinite"]:
        yield Finding(
            "note",
            f"The decoder gives NaN or infinity for {data['nonfinite']} of"
            f" {data['nonfinite'] + data.sample_size:,} z-points; they were left out.",
        )
    if "outside" in data.scalars and data["outside"] > 0:
        yield Finding(
            "note",
            f"{100 * data['outside']:.2g} % of the decoded values lie outside [0, 1]; they were"
            " clipped for cross-entropy and structural similarity.",
            {"outside": data["outside"]},
        )
