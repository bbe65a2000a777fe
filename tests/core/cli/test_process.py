"""Tests that need a process: exit codes, closed pipes, terminals, full disks."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, Ran, assert_one_line, files_here
from tiny_bundle import write_images, write_tiny_bundle

Bring = Callable[..., None]

PROGRAM = [sys.executable, "-m", "latent_analyze"]
QUICK = ("--plugins", "radius", "--null", "none")

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")


def start(*arguments: str, largest_file: int | None = None) -> Ran:
    """Run the program; no file may grow beyond `largest_file` bytes, as on a full disk."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file or 0, largest_file or 0))

    preparation: Any = {} if largest_file is None else {"preexec_fn": limit}
    done = subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False,
        **preparation,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.usefixtures("here")
class TestExitCodes:
    def test_success_is_quiet_without_a_terminal(self, bring: Bring) -> None:
        bring("model", "images.npz")
        ran = start("encode", "model", "images.npz")
        assert (ran.code, ran.err) == (0, "")
        assert "240 z-points of 4 dimensions: latents.zarr\n" in ran.out

    def test_bad_input(self) -> None:
        assert_one_line(start("run"), saying=("none given",))
        assert_one_line(start("--nonsense"), saying=("No such option", "--help"))

    def test_a_closed_pipe(self, bring: Bring) -> None:
        bring("points.npy")
        process = subprocess.Popen(
            [*PROGRAM, "run", "points.npy", *QUICK, "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


def test_an_interruption_is_one_line(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("latent_analyze.api.run_config", interrupted)
    ran = cli("run", "points.npy")
    assert ran == Ran(
        130, "", "latent-analyze: interrupted; finished blocks and results are kept\n"
    )


@posix_only
class TestFullDisk:
    def test_an_encode_leaves_nothing(self, here: Path, bring: Bring) -> None:
        bring("model", "images.npz")
        before = files_here()
        ran = start("encode", "model", "images.npz", largest_file=1000)
        assert_one_line(ran, saying=("to write latents.zarr", "File too large", "-o"))
        assert files_here() == before

    def test_a_report_is_whole_or_not_there(
        self, here: Path, bring: Bring, cli: CommandLine
    ) -> None:
        bring("points.npy")
        run = ("run", "points.npy", *QUICK)
        cli.works(*run, "-o", "whole")  # compiled code is in its cache from now on
        report = here / "latent-report"
        for too_large in ("figures/*.png", "report.html"):
            (file,) = (here / "whole").glob(too_large)
            ran = start(*run, largest_file=file.stat().st_size - 1)
            saying = ("to write latent-report", "File too large", "make room", "-o")
            assert_one_line(ran, saying=saying)
            left = [path for path in report.rglob("*") if path.is_file()]
            assert not any(path.name.startswith(".") for path in left), "no temporary files"
            assert not (report / "report.html").exists()
            for path in left:
                assert _whole(path) == _whole(here / "whole" / path.relative_to(report))
        cli.works(*run)
        for name in ("results.json", "run.toml"):
            assert (report / name).read_bytes() == (here / "whole" / name).read_bytes()

    def test_an_encode_resumes_once_there_is_space(
        self, cli: CommandLine, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from latent_analyze.store import writer

        write_tiny_bundle(here / "model", side=4)
        write_images(here / "images.npz", 20_000, side=4)
        encode = ("encode", "model", "images.npz", "-o")
        cli.works(*encode, "whole.zarr")
        real, calls = writer.write_durably, []

        def full(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) == 4:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(writer, "write_durably", full)
            ran = cli(*encode, "latents.zarr")
        saying = ("to write latents.zarr", "No space left on device", "make room", "-o")
        # The rows before were encoded, so what the model means was said.
        assert_one_line(Ran(ran.code, "", ran.err), saying=saying)
        assert len((here / "latents.zarr" / "journal.jsonl").read_text().splitlines()) == 2
        cli.refuses("run", saying=("a complete store", "interrupted", "encode command again"))
        cli.works(*encode, "latents.zarr")
        assert _content(here / "latents.zarr") == _content(here / "whole.zarr")


@posix_only
class TestTerminal:
    def test_progress_is_shown_unless_asked_not_to(self, bring: Bring, here: Path) -> None:
        bring("model", "images.npz")
        shown = _on_terminal("encode", "model", "images.npz", "-o", "a.zarr")
        assert "encode" in shown
        assert _on_terminal("encode", "model", "images.npz", "-o", "b.zarr", "--quiet") == ""


def _on_terminal(*arguments: str) -> str:
    """Return what the program prints on stderr if stderr is a terminal."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(slave)
    said = b""
    try:
        while part := os.read(master, 4096):
            said += part
    except OSError as error:  # Linux ends a terminal whose other side is closed with EIO.
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(master)
    assert process.wait(60) == 0
    return said.decode()


def _whole(path: Path) -> object:
    """Return the content of a file; of a cached result without its key, which hashes the code."""
    if path.suffix != ".json":
        return path.read_bytes()
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "key"}


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
