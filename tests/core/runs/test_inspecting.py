"""What `inspect --data` shows, and what `--write` keeps."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from low_rank import write_images, write_model

import latent_analyze as la
from latent_analyze.errors import ModelError
from latent_analyze.models.bundle import read_bundle


def test_the_table_of_what_was_tried(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli = CommandLine(capsys)
    out = cli.works("inspect", "model", "--data", "images.npz").out
    lines = out.splitlines()
    table = lines[lines.index("  tried") + 1 :]
    assert "1.000  values in [0, 1] in, values in [0, 1] out" in table[0]
    found = cli.works("inspect", "model", "--data", "images.npz", "--json").json
    assert found["signature"]["tried"][0] in out
    assert found["signature"]["explained"] > 0.99


def test_what_was_decided_is_written_and_gives_the_same(place: Path) -> None:
    first = la.encode("model", "images.npz", "a.zarr")
    la.inspect("model", "images.npz", write=True)
    assert (place / "model" / "model.toml").is_file()
    second = la.encode("model", "images.npz", "b.zarr")
    rows = np.arange(first.count)
    np.testing.assert_array_equal(first.take(rows).z, second.take(rows).z)
    assert first.schema.signature is not None
    assert second.schema.signature is not None
    assert first.schema.signature.fingerprint == second.schema.signature.fingerprint
    assert first.model_ref.fingerprint == second.model_ref.fingerprint


def test_what_is_assumed_is_left_out(place: Path) -> None:
    (place / "model" / "decoder.onnx").unlink()
    write_images(place / "bytes.npz", as_bytes=True)
    first = la.encode("model", "bytes.npz", "a.zarr")
    assert first.schema.signature is not None
    assert {c.key for c in first.schema.signature.assumed} == {"encoder.range"}
    la.inspect("model", "bytes.npz", write=True)
    written = tomllib.loads((place / "model" / "model.toml").read_text())
    assert "range" not in written["encoder"]
    assert written["encoder"]["mu"] == "mu"
    assert read_bundle(place / "model").encoder is not None
    second = la.encode("model", "bytes.npz", "b.zarr")
    rows = np.arange(first.count)
    np.testing.assert_array_equal(first.take(rows).z, second.take(rows).z)
    assert second.schema.signature is not None
    assert {c.key for c in second.schema.signature.assumed} == {"encoder.range"}


def test_nothing_is_written_where_nothing_explains(place: Path) -> None:
    write_model(place / "b", decoder_seed=2)
    with pytest.raises(ModelError, match="a signature that explains the data") as error:
        la.inspect("b", "images.npz", write=True)
    assert str(error.value).isprintable()
    assert not (place / "b" / "model.toml").exists()
    # Its table is still shown.
    found = la.inspect("b", "images.npz")
    assert found.signature is not None
    assert found.signature.candidates
