"""A process of its own that loads models which nobody vouches for, and runs each once.

It reads one request per line, JSON, from its standard input, and answers each with a line. It
imports nothing of latent_analyze, so that it starts in the time that ONNX Runtime needs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FREE_AXIS = 32
"""Length taken for a free axis that is not the first: most image models accept it."""

LARGEST_FEED = 1 << 30
OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate", "bfc_arena", "MemoryError")
CAUSE_LENGTH = 2000
DTYPES = {"float": "float32", "double": "float64"}


def main() -> None:
    """Serve requests until the standard input ends."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    answers = _silence()
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        _limit_time(request["seconds"])
        _limit_memory(request["memory"])
        print(json.dumps(_try(onnxruntime, request["path"])), file=answers, flush=True)
        _limit_time(0)


def _silence() -> TextIO:
    """Return a stream on the standard output, which is shut for all others."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    return answers


def _limit_time(seconds: float) -> None:
    # The parent stops us when time is up; this is for a parent that was itself killed.
    if hasattr(signal, "alarm"):
        signal.alarm(int(2 * seconds) + 1 if seconds else 0)


def _limit_memory(more: int) -> None:
    """Allow so many bytes on top of what is mapped now; only Linux tells how much that is."""
    if sys.platform != "linux":
        return
    import resource

    pages = Path("/proc/self/statm").read_text("ascii").split()[0]
    now = int(pages) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = now + more if hard == resource.RLIM_INFINITY else min(now + more, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _try(runtime: Any, path: str) -> dict[str, str]:
    """Return what went wrong: "memory", "refused" with the cause, or nothing."""
    try:
        session, feeds = _load(runtime, path)
    # ONNX Runtime has errors of its own, and damaged names raise UnicodeDecodeError.
    except Exception as error:
        return _answer(error, "refused")
    if feeds is None:
        return {}
    try:
        session.run(None, feeds)
    except Exception as error:
        # Zeros of guessed shapes need not suit the model: the real run tells.
        return _answer(error, "")
    return {}


def _load(runtime: Any, path: str) -> tuple[Any, dict[str, NDArray[Any]] | None]:
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = runtime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    inputs, outputs = session.get_inputs(), session.get_outputs()
    # An output that fixes the batch fixes how many rows the model will be given.
    batch = max(
        (_length(node.shape[0], 1) for node in (*inputs, *outputs) if node.shape), default=1
    )
    return session, _zeros(inputs, batch)


def _length(length: Any, free: int) -> int:
    return length if isinstance(length, int) and length > 0 else free


def _zeros(inputs: list[Any], batch: int) -> dict[str, NDArray[Any]] | None:
    """Return zeros for each input, or None if there are none of its type or size."""
    feeds = {}
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
