"""From files of vectors to a report, through the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "core" / "helpers"))

from command_line import CommandLine  # noqa: E402

import latent_analyze as la  # noqa: E402


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


@pytest.fixture
def z() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)


def who(count: int) -> list[str]:
    return [("anna", "ben", "ben", "ben")[i % 4] for i in range(count)]


def runs(cli: CommandLine, text: str, z: np.ndarray) -> None:
    """Run radius over a source and over the rows of one label, and compare with numpy."""
    for source, rows in ((text, z), (f"{text}[who=anna]", z[::4])):
        (case,) = cli.cases(
            source, "--plugins", "radius", "--null-repeats", "2", "-o", f"report-{len(rows)}"
        )
        assert case["failures"] == []
        radius = np.linalg.norm(rows, axis=1).mean()
        scalars = case["analyses"]["radius"][case["reference"]]["scalars"]
        assert scalars["count"] == len(rows)
        assert scalars["mean"] == pytest.approx(radius, 1e-5)
    assert {"label:who", "id"} <= la.open_source(text).fields


def test_parquet(cli: CommandLine, z: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"mu": list(z), "who": who(len(z))}), "points.parquet")
    runs(cli, "points.parquet", z)
    assert Path("report-400", "report.html").exists()
    ran = cli("run", "points.parquet:vectors=nothing", "--plugins", "radius")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "found mu, who" in ran.err


def test_hdf5(cli: CommandLine, z: np.ndarray) -> None:
    import h5py

    with h5py.File("points.h5", "w") as file:
        file["mu"], file["copy"] = z, -z
        file.create_dataset("who", data=who(len(z)), dtype=h5py.string_dtype())
    runs(cli, "points.h5:vectors=mu", z)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(cli: CommandLine, z: np.ndarray, save: Any) -> None:
    save("points.npz", mu=z, copy=-z, who=np.array(who(len(z))))
    runs(cli, "points.npz:vectors=mu", z)


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("version", [2, 3])
def test_zarr(cli: CommandLine, z: np.ndarray, version: int) -> None:
    import zarr

    group = zarr.open_group("points.zarr", mode="w", zarr_format=version)
    group.create_array("mu", data=z, chunks=(64, 5))
    group.create_array("copy", data=-z)
    group.create_array("who", data=np.array(who(len(z))))
    runs(cli, "points.zarr:vectors=mu", z)
    ran = cli("run", "points.zarr", "--plugins", "radius")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "points.zarr:vectors=" in ran.err
