"""Loads weights as people save them: state dicts, and checkpoints that contain one."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.messages import cause, typed_cause

if TYPE_CHECKING:
    import torch

INSIDE = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning prepend to the names of weights."""

MAX_NAMES = 3
"""Names of weights that a message lists."""


def load_weights(
    module: torch.nn.Module, content: object, *, entry: str, path: Path
) -> tuple[str, ...]:
    """Load the content of a file into a module; return notes about what was unwrapped.

    Raises
    ------
    ModelError
        If these are not the weights of such a module.
    """
    key, weights = _unwrapped(content)
    if not _is_state_dict(weights):
        raise ModelError(
            f"a state dict in {path}, or one under {' or '.join(map(repr, INSIDE))}",
            found=_describe(weights), next_step="save only model.state_dict() with torch.save",
        )  # fmt: skip
    wanted = set(module.state_dict())
    # `min` returns the first of the best, so names are shortened only if that helps.
    prefix = min(_prefixes(weights), key=lambda p: len(_without(weights, p).keys() ^ wanted))
    given = _without(weights, prefix)
    try:
        module.load_state_dict(given)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the weights of a {entry} in {path}", found=_difference(wanted, given, error),
            next_step="correct entry and arguments in model.toml, so that they make the same model "
            "as the one whose model.state_dict() was saved",
        ) from error  # fmt: skip
    notes = [f"weights of {path.name} taken from {key!r}"] if key else []
    return (*notes, *([f"{prefix!r} removed from the weights of {path.name}"] if prefix else []))


def load_pickled(path: Path, folder: Path) -> torch.nn.Module | None:
    """Unpickle a file, which can run code, and return the module in it, or None for mere weights.

    Its class is imported from the folder of the file or from what is installed.

    Raises
    ------
    ModelError
        If it is damaged, or its class cannot be imported.
    """
    import torch

    with suppress(Exception):
        torch.load(path, map_location="cpu", weights_only=True)
        return None
    place = str(folder.resolve())
    sys.path.append(place)
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
    except (AttributeError, ImportError) as error:
        raise ModelError(
            f"the class of the module in {path}, next to it or installed", found=typed_cause(error),
            next_step="put its file there; if a script or notebook defined it, save "
            "model.state_dict() and name the class as entry in model.toml",
        ) from error  # fmt: skip
    # Unpickling runs the code of classes, which can raise anything.
    except Exception as error:
        raise not_torch(path, error) from error
    finally:
        sys.path.remove(place)
    inside = [content, *(content.get(key) for key in INSIDE)] if _is_dict(content) else [content]
    module = next((value for value in inside if isinstance(value, torch.nn.Module)), None)
    # Its devices are those of the machine where it was saved.
    return module.module if isinstance(module, torch.nn.DataParallel) else module


def not_torch(path: Path, error: Exception) -> ModelError:
    """Return the error for a file that PyTorch cannot load."""
    found = cause(error)
    if isinstance(error, pickle.UnpicklingError):
        # PyTorch's own message recommends unpickling it anyway.
        what = re.search(r"Unsupported \w+: (?:GLOBAL )?(\S+)|GLOBAL (\S+)", str(error))
        name = f", {what[1] or what[2]}" if what else ""
        found = f"a pickled module, or objects other than weights{name}"
    return ModelError(
        f"a PyTorch model in {path}", found=found,
        next_step="save it again, model.state_dict() with torch.save or a program with "
        "torch.export.save, or export it to ONNX",
    )  # fmt: skip


def _unwrapped(content: object) -> tuple[str, object]:
    if not isinstance(content, Mapping) or _is_state_dict(content):
        return "", content
    found = [key for key in INSIDE if _is_state_dict(content.get(key))]
    return (found[0], content[found[0]]) if len(found) == 1 else ("", content)


def _is_dict(content: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(content, Mapping)


def _is_state_dict(content: object) -> TypeGuard[Mapping[str, object]]:
    import torch

    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        return False
    # Modules can store anything as "_extra_state".
    weights = [value for key, value in content.items() if not key.endswith("_extra_state")]
    return bool(weights) and all(isinstance(value, torch.Tensor) for value in weights)


def _prefixes(weights: Mapping[str, object]) -> Iterator[str]:
    """Yield an empty prefix, and those that all names share, such as ``module._orig_mod.``."""
    prefix: str | None = ""
    while prefix is not None:
        yield prefix
        longer = (prefix + more for more in PREFIXES)
        prefix = next((p for p in longer if all(key.startswith(p) for key in weights)), None)


def _without(weights: Mapping[str, object], prefix: str) -> dict[str, object]:
    return {key.removeprefix(prefix): value for key, value in weights.items()}


def _difference(wanted: set[str], given: dict[str, object], error: Exception) -> str:
    differences = {"missing": wanted - given.keys(), "unexpected": given.keys() - wanted}
    parts = [f"{name} {_some(keys)}" for name, keys in differences.items() if keys]
    if not parts:
        # The message begins with the name of the module, which is long and known.
        return cause(RuntimeError(str(error).split(":", 1)[-1]))
    return " and ".join(parts)


def _some(keys: set[str]) -> str:
    shown = ", ".join(map(repr, sorted(keys)[:MAX_NAMES]))
    return shown + (f" and {len(keys) - MAX_NAMES} more" if len(keys) > MAX_NAMES else "")


def _describe(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    return f"a dictionary with {_some(set(map(str, content)))}" if content else "an empty one"
