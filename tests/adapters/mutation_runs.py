"""Runs mutants in worker processes and says what became of each; what all kinds of them share."""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

SECONDS = 15.0
MEMORY = 1536 << 20
"""Resident bytes that a worker may reach: its libraries and what one file may take."""

ROOM = 1 << 30
"""What one file may take in a process that holds much already, as one that ran other tests."""

CHUNK = 25
RIGHT = ("result", "error")


@dataclass(frozen=True)
class Subject:
    """What is mutated: its name, the kinds of mutants by turns, and how one is tried.

    `prepare` gets an empty folder, a seed and a number; it writes the file, and returns its path
    and what opens it: "result", "error", or what escaped.
    """

    name: str
    kinds: tuple[str, ...]
    prepare: Callable[[Path, int, int], tuple[Path, Callable[[], str]]]
    count: int


def verdict(error: Exception, name: str = "") -> str:
    """Return "error" if the message is one line that holds `name`, else what it is."""
    text = str(error)
    if not text.isprintable():
        return f"not one line: {error!r}"
    return "error" if name in text else f"does not name {name}: {text}"


def watch(attempt: Callable[[], str]) -> str:
    """Return what `attempt` returns, or what it raised, or the time or memory it took."""
    _reset_peak()
    allowed = max(MEMORY, _memory("VmRSS") + ROOM)
    # Ends a worker that hangs in native code.
    signal.alarm(int(3 * SECONDS))
    start = time.perf_counter()
    try:
        found = attempt()
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    took = time.perf_counter() - start
    signal.alarm(0)
    if took > SECONDS + 1:
        return f"hang of {took:.0f} s"
    peak = _memory("VmHWM")
    return f"{peak >> 20} MiB of memory" if peak > allowed else found


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _memory(key: str) -> int:
    """Return the resident size, or its largest since the last reset, in bytes; Linux only."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(key))


def _judge_chunk(subject: Subject, numbers: range, seed: int, folder: Path) -> list[str]:
    """Judge some mutants in a worker, each in a folder of its own that must stay as it is."""
    return [_judge(subject, number, seed, folder / str(number)) for number in numbers]


def _judge(subject: Subject, number: int, seed: int, home: Path) -> str:
    home.mkdir()
    path, attempt = subject.prepare(home, seed, number)
    os.chdir(home)
    found = watch(attempt)
    os.chdir(home.parent)
    written = {p.name for p in home.iterdir()} - {path.name}
    for name in (path.name, *written):
        (home / name).unlink()
    home.rmdir()
    return f"wrote {sorted(written)}" if written else found


def run(subject: Subject, count: int, *, seed: int, workers: int) -> Iterator[tuple[int, str]]:
    """Yield number and verdict of each mutant; a worker that dies is a verdict too."""
    with tempfile.TemporaryDirectory() as name:
        waiting = [range(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]
        folders = iter(range(10**9))
        while waiting:
            # A fork of a process that has run other threads, as of other tests, may hang.
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                jobs = []
                for numbers in waiting:
                    folder = Path(name) / str(next(folders))
                    folder.mkdir()
                    work = partial(_judge_chunk, subject, numbers, seed, folder)
                    jobs.append((numbers, pool.submit(work)))
                waiting = []
                for numbers, job in jobs:
                    try:
                        yield from zip(numbers, job.result(), strict=True)
                    except BrokenProcessPool:
                        # Once more, one by one, to tell which it is.
                        if len(numbers) == 1:
                            yield numbers[0], "crash or hang of our process"
                        else:
                            waiting += [range(n, n + 1) for n in numbers]


def command(subject: Subject, description: str) -> int:
    """Run as a command; 1 if anything escaped."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(f"--{subject.name}", type=int, default=subject.count, dest="count")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    for number, found in run(subject, given.count, seed=given.seed, workers=given.workers):
        counts[found if found in RIGHT else "escape"] += 1
        if found not in RIGHT:
            kind = subject.kinds[number % len(subject.kinds)]
            print(f"mutant {number} ({kind}): {found}", flush=True)
    print(f"{given.count} mutants, seed {given.seed}: {dict(counts)}")
    return int(bool(counts["escape"]))
