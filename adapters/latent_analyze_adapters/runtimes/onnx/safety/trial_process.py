"""The program of a separate process that loads untrusted models and runs each of them once.

It reads requests from standard input, one line of JSON each, and answers each with a line. It does
not import latent_analyze, so that it starts as fast as ONNX Runtime.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypedDict

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, NodeArg

    Feeds = dict[str, NDArray[np.generic]]

FREE_AXIS = 32
"""Assumed length of a free axis that is not the first: most image models accept it."""

LARGEST_FEED = 1 << 30
OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate", "bfc_arena", "MemoryError")
CAUSE_LENGTH = 2000
DTYPES = {"float": "float32", "double": "float64"}


class Request(TypedDict):
    """A model to try out: path, and limits in seconds and bytes."""

    path: str
    seconds: float
    memory: int


def main() -> None:
    """Serve requests until standard input ends."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    answers = _silence()
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        request: Request = json.loads(line)
        _limit_time(request["seconds"])
        _limit_memory(request["memory"])
        print(json.dumps(_try(onnxruntime, request["path"])), file=answers, flush=True)
        _limit_time(0)


def _silence() -> TextIO:
    """Return the only stream that still leads to standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    return answers


def _limit_time(seconds: float) -> None:
    # The parent stops us when time is up; this is in case it was killed itself.
    if hasattr(signal, "alarm"):
        signal.alarm(int(2 * seconds) + 1 if seconds else 0)


def _limit_memory(more: int) -> None:
    """Allow this many bytes on top of what is mapped now, which only Linux reports."""
    if sys.platform != "linux":
        return
    import resource

    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    now = int(pages) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = now + more if hard == resource.RLIM_INFINITY else min(now + more, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _try(runtime: ModuleType, path: str) -> dict[str, str]:
    """Return what went wrong, "memory" or "refused" with the cause, or nothing."""
    try:
        session, feeds = _load(runtime, path)
    # ONNX Runtime has its own exceptions, and damaged names raise UnicodeDecodeError.
    except Exception as error:
        return _answer(error, "refused")
    if feeds is None:
        return {}
    try:
        session.run(None, feeds)
    except Exception as error:
        # The model may not accept zeros of guessed shapes: the real run will tell.
        return _answer(error, "")
    return {}


def _load(runtime: ModuleType, path: str) -> tuple[InferenceSession, Feeds | None]:
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    inputs, outputs = session.get_inputs(), session.get_outputs()
    # An output may fix the batch, too.
    batch = max(
        (_length(node.shape[0], 1) for node in (*inputs, *outputs) if node.shape), default=1
    )
    return session, _zeros(inputs, batch)


def _length(length: object, free: int) -> int:
    return length if isinstance(length, int) and length > 0 else free


def _zeros(inputs: list[NodeArg], batch: int) -> Feeds | None:
    """Return zeros for each input, or None if NumPy lacks its type or it is too large."""
    feeds: Feeds = {}
    for node in inputs:
        kind = str(node.type).removeprefix("tensor(").removesuffix(")")
        shape = [
            _length(length, FREE_AXIS if axis else batch) for axis, length in enumerate(node.shape)
        ]
        try:
            dtype = np.dtype(DTYPES.get(kind, kind))
        except TypeError:
            return None
        if float(np.prod(shape, dtype=float)) * dtype.itemsize > LARGEST_FEED:
            return None
        feeds[str(node.name)] = np.zeros(shape, dtype)
    return feeds


def _answer(error: Exception, kind: str) -> dict[str, str]:
    text = f"{error}" if str(error) else type(error).__name__
    if isinstance(error, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
        kind = "memory"
    return {kind: text[:CAUSE_LENGTH]} if kind else {}


if __name__ == "__main__":
    main()
