"""Layers that a Keras model calls in training mode, as the configuration in its file says.

Keras runs them as in evaluation when it predicts, with the running statistics in the file.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

CONFIG, MAX_CONFIG = "config.json", 1 << 26
BATCH_NORM, DROPOUT = "batch normalization", "dropout"
NAMES = {"BatchNormalization": BATCH_NORM, "Dropout": DROPOUT}


def training_layers(path: Path) -> tuple[str, ...]:
    """Return the kinds of layers that a ``.keras`` or ``.h5`` file calls with training=True."""
    return tuple(dict.fromkeys(_called(_config(path))))


def training_note(layers: tuple[str, ...], keep: bool) -> tuple[str, ...]:
    """Return the note about layers that are called in training mode, if there are any."""
    if not layers:
        return ()
    found = ", ".join(layers)
    if keep:
        return (
            f"run in training mode ({found}), where the outputs are not those of the trained model",
        )
    how = ", with the running statistics in the file" if BATCH_NORM in layers else ""
    return (
        f"saved with training=True ({found}), but run as in evaluation{how}: --batch-mode "
        "keep runs it as it was saved",
    )


def _config(path: Path) -> object:
    """Return the configuration in a file; None if it is missing or damaged."""
    try:
        if path.is_dir():
            return None
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(CONFIG).file_size > MAX_CONFIG:
                    return None
                return json.loads(archive.read(CONFIG))
        import h5py

        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    # Loading the file says what is wrong with it.
    except Exception:
        return None


def _called(config: object) -> Iterator[str]:
    """Yield the kinds of layers with a call in training mode, in a nested configuration."""
    if isinstance(config, list):
        for item in config:
            yield from _called(item)
    elif isinstance(config, dict):
        if _has_training(config.get("inbound_nodes")):
            name = str(config.get("class_name"))
            yield NAMES.get(name, name)
        for value in config.values():
            yield from _called(value)


def _has_training(calls: object) -> bool:
    if isinstance(calls, list):
        return any(map(_has_training, calls))
    if isinstance(calls, dict):
        return calls.get("training") is True or any(map(_has_training, calls.values()))
    return False
