"""What JSON files next to a model state: numbers about z-points, and what is done to images."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

CONFIG, PREPROCESSOR, MAX_CONFIG = "config.json", "preprocessor_config.json", 1 << 20
NUMBERS = ("scaling_factor", "shift_factor", "latent_channels")
PLACES = (
    "vae_encoder", "encoder", "vae_decoder", "decoder", "vae", "feature_extractor",
    "image_processor", "",
)  # fmt: skip
"""Sub-folders that may hold these files; what is nearest to the model counts."""

OFFSETS = ("rescale_offset", "do_rescale_offset", "offset")
BYTES_TO_UNIT = 1 / 255


@dataclass(frozen=True)
class Normalization:
    """What black and white become, less `mean`, over `std`; one number each, or one per channel."""

    range: tuple[float, float]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


@dataclass(frozen=True)
class FolderConfig:
    """What the JSON files of a folder state.

    Attributes
    ----------
    numbers
        ``scaling_factor``, ``shift_factor`` and ``latent_channels`` of a config.json, as diffusers
        writes them.
    values
        What a preprocessor_config.json does to images, as transformers writes it.
    """

    numbers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    values: Normalization | None = None


def folder_config(folder: Path) -> FolderConfig:
    """Return what the JSON files of a folder and of its sub-folders state.

    Files that are missing, damaged or very large say nothing.
    """
    numbers: dict[str, float] = {}
    for content in _contents(folder, CONFIG):
        for key in NUMBERS:
            value = _number(content.get(key))
            if value is not None:
                numbers.setdefault(key, value)
    found = map(_normalization, _contents(folder, PREPROCESSOR))
    return FolderConfig(numbers, next((values for values in found if values), None))


def _normalization(content: Mapping[str, object]) -> Normalization | None:
    """Return what is done to bytes: a factor, perhaps less 1, then less a mean, over a std."""
    mean, std = (_numbers(content.get(key)) for key in ("image_mean", "image_std"))
    rescales, normalizes = (content.get(key) for key in ("do_rescale", "do_normalize"))
    is_normal = normalizes is not False and mean is not None and std is not None and min(std) > 0
    if not (is_normal or (normalizes is False and rescales is True)):
        return None
    factor = _number(content.get("rescale_factor", BYTES_TO_UNIT)) if rescales is not False else 1.0
    if factor is None or factor <= 0:
        return None
    low = -1.0 if rescales and any(content.get(key) is True for key in OFFSETS) else 0.0
    # 1 / 255 is written with few digits by some.
    high = low + (1.0 if math.isclose(factor, BYTES_TO_UNIT, rel_tol=1e-3) else 255 * factor)
    return Normalization((low, high), mean, std) if is_normal else Normalization((low, high))


def _contents(folder: Path, name: str) -> Iterator[Mapping[str, object]]:
    return (_json(folder / inner / name) for inner in PLACES)


def _numbers(value: object) -> tuple[float, ...] | None:
    """Return the numbers of a list, or one number if all are equal; None if it is no such list."""
    values = value if isinstance(value, list) else [value]
    found = [number for number in map(_number, values) if number is not None]
    if not found or len(found) < len(values):
        return None
    return tuple(found) if len(set(found)) > 1 else (found[0],)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None


def _json(path: Path) -> dict[str, object]:
    try:
        if not path.is_file() or path.stat().st_size > MAX_CONFIG:
            return {}
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
