"""JSON files next to a model: numbers about z-points, and what is done to images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latent_analyze_adapters.models.configs import (
    MAX_CONFIG,
    FolderConfig,
    Normalization,
    folder_config,
)

MEAN, STD = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]
NORMAL = {"do_normalize": True, "image_mean": MEAN, "image_std": STD}
UNIT = (0.0, 1.0)


def write(folder: Path, name: str = "config.json", **values: object) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(json.dumps(values))


def test_numbers(tmp_path: Path) -> None:
    assert folder_config(tmp_path) == FolderConfig()
    write(tmp_path, scaling_factor=2, latent_channels=True, shift_factor=None, other=3)
    assert folder_config(tmp_path).numbers == {"scaling_factor": 2.0}
    write(tmp_path / "vae", scaling_factor=0.18215, latent_channels=4)
    write(tmp_path / "vae_decoder", shift_factor=0.1)
    assert folder_config(tmp_path).numbers == {
        "scaling_factor": 0.18215, "latent_channels": 4.0, "shift_factor": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (NORMAL, Normalization(UNIT, tuple(MEAN), tuple(STD))),
        ({**NORMAL, "do_rescale": True, "rescale_factor": 0.00392156862745098},
         Normalization(UNIT, tuple(MEAN), tuple(STD))),
        ({**NORMAL, "rescale_factor": 0.00392}, Normalization(UNIT, tuple(MEAN), tuple(STD))),
        ({"image_mean": [0.5, 0.5, 0.5], "image_std": 0.5}, Normalization(UNIT, (0.5,), (0.5,))),
        ({**NORMAL, "do_rescale": False}, Normalization((0.0, 255.0), tuple(MEAN), tuple(STD))),
        ({"do_rescale": True, "do_normalize": False}, Normalization(UNIT)),
        ({"do_rescale": True, "do_normalize": False, "rescale_factor": 1 / 127.5,
          "rescale_offset": True}, Normalization((-1.0, 1.0))),
    ],
    ids=["moments", "factor", "few digits", "equal", "bytes", "unit", "signed"],
)  # fmt: skip
def test_what_is_done_to_images(
    tmp_path: Path, values: dict[str, object], expected: Normalization
) -> None:
    write(tmp_path, "preprocessor_config.json", **values)
    assert folder_config(tmp_path).values == expected


@pytest.mark.parametrize(
    "values",
    [
        {"feature_size": 80, "do_normalize": True},
        {"image_mean": MEAN},
        {**NORMAL, "image_std": [0, 1, 1]},
        {**NORMAL, "image_mean": ["a"]},
        {**NORMAL, "image_mean": []},
        {**NORMAL, "rescale_factor": 0},
        {**NORMAL, "rescale_factor": "a"},
        {"do_normalize": False, "image_mean": MEAN, "image_std": STD},
    ],
    ids=str,
)
def test_what_says_nothing_about_images(tmp_path: Path, values: dict[str, object]) -> None:
    write(tmp_path, "preprocessor_config.json", **values)
    assert folder_config(tmp_path).values is None


def test_what_is_nearest_to_the_model_counts(tmp_path: Path) -> None:
    write(tmp_path, "preprocessor_config.json", **NORMAL)
    write(tmp_path / "encoder", "preprocessor_config.json", **{**NORMAL, "image_mean": [0.1]})
    assert folder_config(tmp_path).values == Normalization(UNIT, (0.1,), tuple(STD))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[1]",
        b'"a"',
        b"\xff",
        b"[" * 100_000,
        b'{"scaling_factor": NaN}',
        b'{"scaling_factor": 1' + b"0" * 400 + b"}",
        b" " * (MAX_CONFIG + 1),
    ],
    ids=["cut", "list", "text", "bytes", "deep", "nan", "huge", "large"],
)
def test_damaged(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert folder_config(tmp_path) == FolderConfig()
