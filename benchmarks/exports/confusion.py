"""Tables of what is true and what was found, one for each choice of a signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

CLOSE = 0.02
"""Value ranges whose ends differ by at most this share of their length are the same."""
NAMED = {"[0, 1]": (0.0, 1.0), "[-1, 1]": (-1.0, 1.0), "[0, 255]": (0.0, 255.0)}
Flat = Mapping[str, Any]


def flattened(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a bundle with keys as in model.toml, such as ``encoder.range``."""
    found = {}
    for half in ("encoder", "decoder"):
        found |= {f"{half}.{key}": value for key, value in (bundle.get(half) or {}).items()}
    return found


def ends(stated: Flat, half: str) -> np.ndarray[Any, Any]:
    """Return which values of a file stand for 0 and 1: shape (2, channels)."""
    low, high = stated.get(f"{half}.range") or (0.0, 1.0)
    mean, std = stated.get(f"{half}.mean") or [0.0], stated.get(f"{half}.std") or [1.0]
    found: np.ndarray[Any, Any] = (np.array([[low], [high]]) - np.array(mean)) / np.array(std)
    return found


def values(half: str) -> Callable[[Flat, Flat], str]:
    """Return what names the values that a half takes or gives."""

    def named(stated: Flat, true: Flat) -> str:
        found, right = ends(stated, half), ends(true, half)
        for name, bounds in NAMED.items():
            if close(found, np.array(bounds)[:, None]):
                return name
        if close(found, right):
            return "standardized"
        return "standardized with other numbers"

    return named


def close(found: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    """Whether two ranges are nearly the same."""
    if 1 not in (found.shape[1], right.shape[1]) and found.shape != right.shape:
        return False
    length = float(np.ptp(right, 0).min()) or 1.0
    return bool(np.abs(found - right).max() < CLOSE * length)


def role(name: str | None, true: Flat) -> str:
    """Return the role of an output of this name; without a name it is the first output."""
    outputs = true.get("outputs", {})
    if not name:
        return f"first output: {next(iter(outputs.values()), 'unknown')}"
    return str(outputs.get(name, "a tensor inside"))


def mean_output(stated: Flat, true: Flat) -> str:
    """Return the role of the output that is the mean."""
    found = role(stated.get("encoder.mu"), true)
    return found.removeprefix("first output: ")


def spread_kind(stated: Flat, true: Flat) -> str:
    """Return the kind of the spread, and its output if that is another."""
    name = stated.get("encoder.log_var")
    halved = stated.get("encoder.halves_axis") is not None or "encoder.mean_half" in true
    if name in (None, "", "none") and not (stated is not true and halved):
        return "none"
    kind = str(stated.get("encoder.spread", "log_var"))
    where = role(name, true) if name else "halves"
    if where == "a tensor inside":  # cut out of the graph, as a standard deviation or otherwise
        return where
    return kind if where in ("spread", "halves") else f"{kind}, of {where}"


def halves(stated: Flat, true: Flat) -> str:
    """Return the order of mean and spread in one output."""
    if stated is true:
        half = true.get("encoder.mean_half")
    else:
        half = stated.get("encoder.mean_half", 0)
        half = None if stated.get("encoder.halves_axis") is None else half
    return "none" if half is None else ("mean first", "spread first")[int(half)]


def latent_scale(stated: Flat, true: Flat) -> str:
    """Return the shift and scale before the decoder, as right or other numbers."""
    found = [float(stated.get(f"decoder.{key}", d)) for key, d in (("shift", 0), ("scale", 1))]
    right = [float(true.get(f"decoder.{key}", d)) for key, d in (("shift", 0), ("scale", 1))]
    if found == [0.0, 1.0]:
        return "none"
    same = np.allclose(found, right, rtol=0.01, atol=0.005)
    words = "shift and scale" if right[0] else "scale"
    return words if same else "other numbers"


def latent_order(stated: Flat, true: Flat) -> str:
    """Return whether the decoder takes the axes of z-points in another order."""
    found, right = (given.get("decoder.latent_axes") for given in (stated, true))
    if not found:
        return "as given"
    same = not right or moved_first(found) == moved_first(right)
    return (
        ("first axis last" if moved_first(found) else "last axis first") if same else "other order"
    )


def moved_first(axes: Sequence[int]) -> bool:
    """Whether the first axis is moved to the end; of two axes, both are the same."""
    return axes[-1] == 0


def plain(key: str, default: str) -> Callable[[Flat, Flat], str]:
    """Return what reads one entry."""
    return lambda stated, true: str(stated.get(key) or default)


def layout(stated: Flat, true: Flat) -> str:
    """Return the layout; HW is that of gray images only, where all layouts are one."""
    found = str(stated.get("encoder.layout") or "HWC")
    return str(true["encoder.layout"]) if found == "HW" else found


def columns(half: str) -> Callable[[Flat, Flat], str]:
    """Return what names the further inputs that get an array of the data."""

    def named(stated: Flat, true: Flat) -> str:
        right = true.get(f"{half}.columns") or {}
        found = stated.get(f"{half}.columns") or {}
        if not found:
            return "none"
        return "labels or arrays" if found.keys() == right.keys() else "other inputs"

    return named


CHOICES: dict[str, tuple[str, Callable[[Flat, Flat], str]]] = {
    "values in": ("encoder.range", values("encoder")),
    "values out": ("decoder.range", values("decoder")),
    "activation": ("decoder.activation", plain("decoder.activation", "none")),
    "layout in": ("encoder.layout", layout),
    "mean": ("encoder.mu", mean_output),
    "spread": ("encoder.spread", spread_kind),
    "halves": ("encoder.spread", halves),
    "latent scale": ("decoder.scale", latent_scale),
    "latent order": ("decoder.latent_axes", latent_order),
    "batch mode": ("encoder.batch_mode", plain("encoder.batch_mode", "eval")),
    "inputs of the encoder": ("encoder.columns", columns("encoder")),
    "inputs of the decoder": ("decoder.columns", columns("decoder")),
}
"""For each choice the entry that says that a case has it, and what reads it."""


def print_tables(answers: Mapping[str, Any], signatures: Mapping[str, Any]) -> None:
    """Print the confusion tables; cases that hold no signature count as such."""
    for choice, (key, read) in CHOICES.items():
        counts: Counter[tuple[str, str]] = Counter()
        for name, answer in answers.items():
            true = answer.get("signature", {})
            if key not in true:
                continue
            bundle = signatures[name].get("bundle")
            found = read(flattened(bundle), true) if bundle else "nothing stored"
            counts[read(true, true), found] += 1
        print(f"\n{choice}: true, found, cases")
        for (true_value, found), count in sorted(counts.items()):
            mark = (
                ""
                if true_value == found
                else "  <- nothing"
                if found == "nothing stored"
                else "  <- differs"
            )
            print(f"  {true_value:32s} {found:32s} {count:4d}{mark}")
