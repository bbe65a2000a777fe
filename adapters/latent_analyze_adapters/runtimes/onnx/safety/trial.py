"""Tries out models in a separate process before this one loads them."""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.runtimes.onnx.files import OnnxFile, read_model_file
from latent_analyze_adapters.runtimes.onnx.rejections import rejected

if TYPE_CHECKING:
    from pathlib import Path

    from latent_analyze_adapters.runtimes.onnx.safety.trial_process import Request

SECONDS = 15.0
"""Time limit for loading a model and running one row."""

MEMORY = 1 << 30
"""Memory limit in bytes, on top of four times the size of the file and its weights (Linux only)."""

WEIGHT_COPIES = 4
START_SECONDS = 60.0
TRUST = "open it with --trust if you know who made it"


def vet_model_file(path: Path, *, trusted: bool = False) -> OnnxFile:
    """Read an .onnx file and, unless it is trusted, check it and try it out.

    Raises
    ------
    ModelError
        See `read_model_file` and `try_model`.
    """
    file = read_model_file(path, trusted=trusted)
    if not trusted:
        try_model(file)
    return file


def try_model(file: OnnxFile, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
    """Load a model and run it on zeros in another process, once per content.

    The same process serves all trials until a model makes it fail. It takes 0.2 to 0.4 s to start,
    and then milliseconds per model.

    Parameters
    ----------
    file
        The model, checked by `check_proto`.
    seconds
        Time limit.
    memory
        Memory limit in bytes, on top of four times the size of the model.

    Raises
    ------
    ModelError
        If the model is rejected, takes too much time or memory, or crashes the process.
    """
    with _LOCK:
        if file.sha256 in _PASSED:
            return
        weights = (file.path.parent / name for name in file.external_weights)
        external = sum(path.stat().st_size for path in weights)
        limit = memory + WEIGHT_COPIES * (file.size + external)
        answer = _ask({"path": str(file.path.absolute()), "seconds": seconds, "memory": limit})
        _judge(answer, file.path, (seconds, limit))
        _PASSED.add(file.sha256)


class _Child:
    """The process, its pipes and a thread that waits for its answers."""

    def __init__(self) -> None:
        # -P: nothing may be imported from the working folder, which may be the model's.
        self.process = subprocess.Popen(
            [
                sys.executable, "-P", "-m",
                "latent_analyze_adapters.runtimes.onnx.safety.trial_process",
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, encoding="utf-8",
        )  # fmt: skip
        self.owner = os.getpid()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, request: Request) -> None:
        """Send a request; if the process has ended, `answer` reports it."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def answer(self, seconds: float) -> dict[str, str]:
        """Return the next answer, or what happened instead: "late" or "ended"."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return {"late": ""}
        if not line:
            return {"ended": _ending(self.process.wait())}
        return dict(json.loads(line))

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._answers.put(line)
        self._answers.put("")


_LOCK = threading.Lock()
_PASSED: set[str] = set()
_CHILDREN: list[_Child] = []


def _ask(request: Request) -> dict[str, str]:
    used = bool(_CHILDREN)
    child = _child()
    child.ask(request)
    answer = child.answer(request["seconds"])
    if answer.keys() & {"late", "ended", "memory"}:
        close()
    # The crash may be the fault of an earlier model.
    if used and "ended" in answer:
        return _ask(request)
    return answer


def _child() -> _Child:
    # After a fork, the child still belongs to the parent, and so do its pipes.
    if _CHILDREN and _CHILDREN[0].owner != os.getpid():
        _CHILDREN.clear()
    if not _CHILDREN:
        _CHILDREN.append(_Child())
        started = _CHILDREN[0].answer(START_SECONDS)
        if started:
            close()
            raise ModelError(
                "a process to try out the model", found=started.get("ended", "none that starts"),
                next_step="check that `python -c 'import onnxruntime'` works",
            )  # fmt: skip
    return _CHILDREN[0]


@atexit.register
def close() -> None:
    """End the process that tries out models; the next trial starts another."""
    while _CHILDREN:
        child = _CHILDREN.pop()
        if child.owner == os.getpid():
            child.close()


def _judge(answer: dict[str, str], path: Path, limits: tuple[float, int]) -> None:
    seconds, memory = limits
    if "refused" in answer:
        raise rejected(path, answer["refused"])
    if "memory" in answer:
        raise ModelError(
            f"{path.name} to run on one row in {memory >> 20} MiB", found="that it needs more",
            next_step=TRUST,
        )  # fmt: skip
    if "late" in answer:
        raise ModelError(
            f"{path.name} to load and run one row in {seconds:g} s",
            found="that it takes longer",
            next_step=TRUST,
        )
    if "ended" in answer:
        raise ModelError(
            f"{path.name} to load and run one row", found=f"a crash ({answer['ended']})",
            next_step="export or download the model again",
        )  # fmt: skip


def _ending(code: int) -> str:
    with suppress(ValueError):
        if code < 0:
            return signal.Signals(-code).name
    return f"exit code {code}"
