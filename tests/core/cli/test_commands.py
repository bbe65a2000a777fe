"""The smaller commands: encode, inspect, plugins, train's options, version, progress."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import CommandLine

from latent_analyze.cli.progress import progress_bars
from latent_analyze.cli.train import parse_extra
from latent_analyze.host.contracts import no_progress

Bring = Callable[..., None]


class TestProgram:
    def test_version(self, cli: CommandLine) -> None:
        assert cli.works("--version").out == f"latent-analyze {version('latent-analyze')}\n"

    def test_help_names_all_commands(self, cli: CommandLine) -> None:
        out = cli.works("--help").out
        for command in ("demo", "train", "inspect", "encode", "run", "plugins"):
            assert re.search(rf"^\s+{command}\s", out, re.MULTILINE)

    def test_without_a_command_it_helps(self, cli: CommandLine) -> None:
        assert "Usage: latent-analyze" in (ran := cli()).out + ran.err

    @pytest.mark.parametrize("command", ["encode", "run", "train", "inspect", "demo"])
    def test_help_of_a_command(self, cli: CommandLine, command: str) -> None:
        out = cli.works(command, "--help").out
        assert f"Usage: latent-analyze {command}" in out
        if command != "inspect":
            assert "--output" in out
            assert "--quiet" in out


class TestEncode:
    def test_what_it_prints(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model", "images.npz")
        ran = cli.works("encode", "model", "images.npz", "-o", "some/where.zarr")
        assert "240 z-points of 4 dimensions: some/where.zarr\nnote: " in ran.out
        assert ran.out.startswith("problem: No signature explains the data: ")
        assert "note: runs on CPUExecutionProvider" in ran.out
        assert (here / "some" / "where.zarr" / "zarr.json").is_file()

    def test_a_finished_store_is_left_alone(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model", "images.npz")
        first = cli.works("encode", "model", "images.npz")
        before = {p: p.stat().st_mtime_ns for p in (here / "latents.zarr").rglob("*")}
        assert cli.works("encode", "model", "images.npz").out == first.out
        assert {p: p.stat().st_mtime_ns for p in (here / "latents.zarr").rglob("*")} == before

    def test_a_bare_encoder(self, cli: CommandLine, bring: Bring, material: Path) -> None:
        bring("images.npz")
        encoder = material / "model" / "encoder.onnx"
        assert "240 z-points" in cli.works("encode", encoder, "images.npz").out


class TestInspect:
    def test_text_and_json_agree(self, cli: CommandLine, bring: Bring) -> None:
        bring("model")
        text = cli.works("inspect", "model").out
        found = cli.works("inspect", "model", "--json").json
        assert found["spec"]["latent"]["shape"] == [4]
        assert found["spec"]["variational"] is True
        assert f"fingerprint: {found['fingerprint']}" in text
        assert "adapter: onnx" in text
        assert "shape: [8, 8, 1]" in text

    def test_a_bare_file(self, cli: CommandLine, bring: Bring) -> None:
        bring("model")
        found = cli.works("inspect", "model/decoder.onnx", "--json").json
        assert found["spec"]["can_decode"] is True
        assert found["spec"]["can_encode"] is False


class TestPlugins:
    def test_list(self, cli: CommandLine) -> None:
        ran = cli.works("plugins", "list")
        assert ran.err == ""
        lines = ran.out.splitlines()
        rows = cli.works("plugins", "list", "--json").json
        assert rows["problems"] == []
        assert len(rows["plugins"]) == len(lines)
        for row, line in zip(rows["plugins"], lines, strict=True):
            assert line.split()[:2] == [row["kind"], row["name"]]
            assert row["description"] in line
        own = f"latent-analyze {version('latent-analyze')}"
        radius = next(row for row in rows["plugins"] if row["name"] == "radius")
        assert (radius["kind"], radius["distribution"]) == ("analysis", own)

    def test_a_broken_plugin_is_named(
        self, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        info = tmp_path / "site" / "broken-0.3.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 0.3\n")
        (info / "entry_points.txt").write_text("[latent_analyze]\nbroken = not_there_at_all\n")
        monkeypatch.syspath_prepend(tmp_path / "site")
        ran = cli.works("plugins", "list")
        assert "radius" in ran.out
        assert ran.err.startswith("problem: broken (broken 0.3): cannot be loaded: ")

    def test_show(self, cli: CommandLine) -> None:
        text = cli.works("plugins", "show", "radius").out
        (row,) = cli.works("plugins", "show", "radius", "--json").json
        assert (row["kind"], row["name"]) == ("analysis", "radius")
        (option,) = row["options"]
        assert option["name"] == "bin_width"
        assert f"bin_width = {option['default']}  [{option['type']}]" in text
        assert option["description"] in text

    def test_every_plugin_can_be_shown(self, cli: CommandLine) -> None:
        for row in cli.works("plugins", "list", "--json").json["plugins"]:
            assert row["description"] in cli.works("plugins", "show", row["name"]).out


class TestTrainOptions:
    def test_they_follow_the_name(self) -> None:
        arguments = ["--z-dim", "16", "--kl-weight=0.5", "--filters", "[8,16]"]
        assert parse_extra(arguments) == {"z_dim": 16, "kl_weight": 0.5, "filters": [8, 16]}


class TestProgress:
    def test_no_bars_without_a_terminal(self) -> None:
        with progress_bars(quiet=False) as progress:
            assert progress is no_progress

    def test_bars_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("COLUMNS", "120")
        with progress_bars(quiet=True) as progress:
            assert progress is no_progress
        with progress_bars(quiet=False) as progress:
            progress("encode", 0, 100)
            progress("encode", 40, 100)
            progress("null gaussian", 0, 20)
            progress("null of a[split=test] \x1b[2J", 0, 20)
        shown = terminal.getvalue()
        assert r"a[split=test] \x1b[2J" in shown
        assert "encode" in shown
        assert "40/100" in shown
        assert "null gaussian" in shown
