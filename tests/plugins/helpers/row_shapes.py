"""Worlds of rows of every shape: a known decoder, and the rows behind its z-points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from latent_analyze.plugin import (
    Analysis,
    ArraySource,
    Latents,
    ModelSpec,
    ResultSet,
    TensorSpec,
)
from latent_analyze.testing import figures_of, findings_of

COUNT, DIM = 300, 4

SHAPES: dict[str, tuple[int, ...]] = {
    "table": (10,), "vector": (90,), "signal": (1, 128), "sequence": (30, 3), "many": (12, 40),
    "channels first": (3, 50), "window": (76, 32, 1), "volume": (1, 12, 16, 10),
    "5-D": (2, 3, 2, 2, 2),
}  # fmt: skip
PICTURES = re.compile(r"pixel|image", re.IGNORECASE)


def smooth(z: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return rows that are smooth along their axes, and different for different z."""
    inner = [n for n in shape if n > 1]
    out = np.zeros((len(z), *inner))
    for axis in range(z.shape[1]):
        wave = np.ones(inner)
        for place, length in enumerate(inner):
            turns = 2 * np.pi * np.arange(length) / max(length, 8)
            wave = wave * np.cos((1 + axis) * turns + 0.7 * place).reshape(
                [-1 if n == place else 1 for n in range(len(inner))]
            )
        out += z[:, axis].reshape(-1, *[1] * len(inner)) * wave
    return (3 + 5 * out).reshape(len(z), *shape).astype(np.float32)


class World:
    """Rows that are functions of z, and a decoder whose error grows with the radius."""

    fingerprint = "world"

    def __init__(self, shape: tuple[int, ...], columns: Sequence[str] = (), **spec: Any) -> None:
        self.shape = shape
        self.z = np.random.default_rng(3).standard_normal((COUNT, DIM)).astype(np.float32)
        output = TensorSpec(shape=shape, layout="flat" if len(shape) == 1 else "array")
        self.spec = ModelSpec(**{
            "name": "world", "adapter": "test", "latent": TensorSpec(shape=(DIM,)),
            "output": output, "can_decode": True, "decode_columns": tuple(columns), **spec,
        })  # fmt: skip
        self.labels: dict[str, Any] = {
            "split": np.where(np.arange(COUNT) % 4 == 0, "test", "train"),
            "digit": np.arange(COUNT) % 3,
        }

    @property
    def source(self) -> ArraySource:
        return ArraySource(self.z, labels=self.labels)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        return smooth(self.z[rows], self.shape)

    def decode(self, z: np.ndarray) -> np.ndarray:
        noise = (
            0.3
            * np.sin(7 * smooth(z, self.shape))
            * np.linalg.norm(z, axis=1).reshape(-1, *[1] * len(self.shape))
        )
        return (smooth(z, self.shape) + noise).astype(np.float32)

    def encode(self, x: np.ndarray) -> Latents:
        return Latents(x.reshape(len(x), -1)[:, :DIM])


def texts_of(analysis: Analysis, results: ResultSet) -> list[str]:
    """Return everything that a report says: findings, captions, labels, descriptions, units."""
    found = [finding.text for finding in findings_of(analysis, results)]
    for result in (*results.results.values(), *(m for e in results.ensembles.values() for m in e)):
        found += result.notes
        for entry in (*result.scalars.values(), *result.arrays.values()):
            found += [entry.description, entry.unit]
    for figure in figures_of(analysis, results):
        found += [figure.caption, figure.alt, *drawn_texts(figure.figure)]
    return found


def drawn_texts(figure: Any) -> list[str]:
    """Return all texts in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


def assert_no_pictures(analysis: Analysis, results: ResultSet) -> None:
    """Check that nothing is called an image that is none."""
    wrong = [text for text in texts_of(analysis, results) if PICTURES.search(text)]
    assert not wrong, wrong
