"""Encodes the fake data set in child processes that die at a chosen system call.

Run as ``python killed_encode.py FOLDER MOMENT...``: for each moment a store is encoded in a child
that kills itself there, then again in one that does not; `FOLDER/<moment>` is what results. A
moment is a number of the event to die at, with ``t`` behind it to tear the file first. Without
moments the number of events is printed.
"""

import os
import signal
import sys
from pathlib import Path

from store_fakes import FakeDataset, FakeModel, encode_fakes

WATCHED = {"open", "os.rename", "os.mkdir", "os.truncate", "os.remove"}


class Killer:
    """Counts what is done to files under a folder, before and after; dies at one of the events."""

    def __init__(self, folder, moment=0, torn=False):
        self.folder, self.moment, self.torn, self.events = str(folder), moment, torn, 0
        self.fsync = os.fsync
        os.fsync = self.counted_fsync
        sys.addaudithook(self.audit)

    def audit(self, event, arguments):
        if event in WATCHED and str(arguments[0]).startswith(self.folder):
            self.count()

    def counted_fsync(self, handle):
        self.count(handle)
        self.fsync(handle)
        self.count()

    def count(self, handle=None):
        self.events += 1
        if self.events == self.moment:
            if self.torn and handle is not None and Path(f"/proc/self/fd/{handle}").is_file():
                os.ftruncate(handle, os.fstat(handle).st_size * 2 // 3)
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(work):
    """Run `work` in a forked child; return how it ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def encode_whole(output):
    encode_fakes(output, FakeModel(), FakeDataset(bad=(3, 17, 49)), nonfinite="drop")


def count_events(output):
    killer = Killer(output.parent)
    encode_whole(output)
    print(killer.events)


def kill_and_resume(output, moment):
    def killed():
        Killer(output.parent, int(moment.rstrip("t")), torn=moment.endswith("t"))
        encode_whole(output)

    status = in_child(killed)
    assert os.WIFSIGNALED(status), f"{moment}: not killed but {status}"
    assert in_child(lambda: encode_whole(output)) == 0, moment


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if not sys.argv[2:]:
        count_events(folder / "counted")
    for chosen in sys.argv[2:]:
        kill_and_resume(folder / f"kill-{chosen}" / "s.zarr", chosen)
