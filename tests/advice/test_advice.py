"""Advice that names a command, an option or a key is followed, and leads further."""

from __future__ import annotations

from pathlib import Path

import pytest
from advising import follow
from command_line import CommandLine
from rows_of_data import DATA
from rows_of_files import FILES, SLOW
from rows_of_models import MODELS
from rows_of_runs import RUNS

from latent_analyze.report import figures
from latent_analyze_adapters.runtimes.onnx import adapter
from latent_analyze_adapters.runtimes.onnx.files import ModelFile, read_model_file

TABLES = {"data": DATA, "files": FILES, "models": MODELS, "runs": RUNS}
ROWS = {f"{kind}: {name}": row for kind, table in TABLES.items() for name, row in table.items()}


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line in an empty folder, without what takes long and is not about advice."""

    def read(path: Path, *, trusted: bool) -> ModelFile:
        return read_model_file(path, trusted=trusted)

    # Trying untrusted files out in another process has tests of its own.
    monkeypatch.setattr(adapter, "vet_model_file", read)
    # So has drawing, which takes the most time.
    monkeypatch.setattr(figures, "_draw", lambda *_: ([], []))
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys)


@pytest.mark.parametrize("name", ROWS)
def test_it_leads_further(name: str, cli: CommandLine) -> None:
    follow(ROWS[name], cli)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_it_leads_further_in_heavy_runtimes(name: str, cli: CommandLine) -> None:
    follow(SLOW[name], cli)
