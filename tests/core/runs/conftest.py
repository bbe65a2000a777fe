"""A model and images of it in the current folder, and a switch that forbids trials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from low_rank import write_images, write_model

from latent_analyze_adapters.models.signatures.find import Search
from latent_analyze_adapters.runtimes.onnx import adapter
from latent_analyze_adapters.runtimes.onnx.files import ModelFile, read_model_file


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with model/ and images.npz of 600 rows."""

    def read(path: Path, *, trusted: bool) -> ModelFile:
        del trusted
        return read_model_file(path, trusted=True)

    # The check of untrusted files in another process has tests of its own.
    monkeypatch.setattr(adapter, "vet_model_file", read)
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model")
    write_images(tmp_path / "images.npz", 600)
    return tmp_path


@pytest.fixture
def no_trial(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on a trial fails."""

    def forbid() -> None:
        def never(search: Search) -> None:
            raise AssertionError(f"a trial of {search.bundle.name}")

        monkeypatch.setattr(Search, "signature", never)

    return forbid
