"""Weights of PyTorch as people save them: state dicts, and checkpoints with one inside."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.session import cause

INSIDE = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before the names of weights."""

NAMED = 3


def load_weights(module: Any, content: Any, *, entry: str, path: Path) -> tuple[str, ...]:
    """Load what a file holds into a module; return what was unwrapped, for people.

    Raises
    ------
    ModelError
        If these are not the weights of such a module.
    """
    key, weights = _unwrapped(content)
    if not _is_state_dict(weights):
        raise ModelError(
            f"a state dict in {path}, or one under {' or '.join(map(repr, INSIDE))}",
            found=_described(weights), next_step="save model.state_dict() alone with torch.save",
        )  # fmt: skip
    wanted = set(module.state_dict())
    # The first of the best: names are shortened only if that helps.
    prefix = min(_prefixes(weights), key=lambda p: len(_without(weights, p).keys() ^ wanted))
    given = _without(weights, prefix)
    try:
        module.load_state_dict(given)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the weights of a {entry} in {path}", found=_difference(wanted, given, error),
            next_step="correct entry and arguments in model.toml, so that the class is made as it "
            "was when model.state_dict() was saved",
        ) from error  # fmt: skip
    notes = [f"weights of {path.name} are those under {key!r}"] if key else []
    return (*notes, *([f"weights of {path.name} read without {prefix!r}"] if prefix else []))


def refusal(path: Path, error: Exception) -> ModelError:
    """Return the error for a file that PyTorch does not load."""
    found = cause(error)
    if isinstance(error, pickle.UnpicklingError):
        # PyTorch's own message recommends to unpickle it all the same.
        what = re.search(r"Unsupported \w+: (?:GLOBAL )?(\S+)|GLOBAL (\S+)", str(error))
        name = f", {what[1] or what[2]}" if what else ""
        found = f"a pickled module or other objects besides weights{name}"
    return ModelError(
        f"a PyTorch model in {path}", found=found,
        next_step="save it again, model.state_dict() with torch.save or a program with "
        "torch.export.save, or export it to ONNX",
    )  # fmt: skip


def _unwrapped(content: Any) -> tuple[str, Any]:
    if not isinstance(content, Mapping) or _is_state_dict(content):
        return "", content
    found = [key for key in INSIDE if _is_state_dict(content.get(key))]
    return (found[0], content[found[0]]) if len(found) == 1 else ("", content)


def _is_state_dict(content: Any) -> bool:
    import torch

    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        return False
    # Modules can keep anything as "_extra_state".
    weights = [value for key, value in content.items() if not key.endswith("_extra_state")]
    return bool(weights) and all(isinstance(value, torch.Tensor) for value in weights)


def _prefixes(weights: Mapping[str, Any]) -> Iterator[str]:
    """Yield no prefix, and those that all names have in common, such as ``module._orig_mod.``."""
    prefix: str | None = ""
    while prefix is not None:
        yield prefix
        longer = (prefix + more for more in PREFIXES)
        prefix = next((p for p in longer if all(key.startswith(p) for key in weights)), None)


def _without(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in weights.items()}


def _difference(wanted: set[str], given: dict[str, Any], error: Exception) -> str:
    sides = {"missing": wanted - given.keys(), "unexpected": given.keys() - wanted}
    parts = [f"{name} {_some(keys)}" for name, keys in sides.items() if keys]
    if not parts:
        # The module's name in front is long and known.
        return cause(RuntimeError(str(error).split(":", 1)[-1]))
    return " and ".join(parts)


def _some(keys: set[str]) -> str:
    shown = ", ".join(map(repr, sorted(keys)[:NAMED]))
    return shown + (f" and {len(keys) - NAMED} more" if len(keys) > NAMED else "")


def _described(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    return f"a dictionary with {_some(set(map(str, content)))}" if content else "an empty one"
