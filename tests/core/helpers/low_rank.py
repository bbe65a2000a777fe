"""Images of four dimensions, and a model without model.toml that explains all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_bundle import write_tiny_bundle

SIDE, DIM = 8, 4


def basis() -> np.ndarray:
    """(64, 4), orthonormal; the first column is a constant bright image."""
    raw = np.sign(np.random.default_rng(7).standard_normal((SIDE * SIDE, DIM)))
    raw[:, 0] = 1
    found = np.linalg.qr(raw)[0]
    return found * np.sign(found[0, 0])


def write_model(folder: Path, *, decoder_seed: int | None = None, variational: bool = True) -> Path:
    """Write encoder.onnx and decoder.onnx, the decoder perhaps of another model."""
    write_tiny_bundle(folder, weights=basis(), variational=variational)
    (folder / "model.toml").unlink()
    if decoder_seed is not None:
        other = write_tiny_bundle(folder.with_name(f"{folder.name}-other"), seed=decoder_seed)
        (other / "decoder.onnx").replace(folder / "decoder.onnx")
    return folder


def low_rank_images(count: int = 240, seed: int = 0) -> np.ndarray:
    """Images (n, 8, 8) in [0, 1]."""
    codes = np.random.default_rng(seed).standard_normal((count, DIM)).clip(-2, 2) * 0.4
    codes[:, 0] += 4
    return (codes @ basis().T).reshape(count, SIDE, SIDE).astype(np.float32)


def write_images(path: Path, count: int = 240, *, as_bytes: bool = False, seed: int = 0) -> Path:
    x = low_rank_images(count, seed)
    x = np.rint(x * 255).astype(np.uint8) if as_bytes else x
    np.savez(path, x=x, y=np.arange(count) % 10)
    return path
