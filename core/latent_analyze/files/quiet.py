"""Keeping the start-up log of a library off the terminal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def quiet_stderr(noise: re.Pattern[bytes]) -> Iterator[None]:
    """Drop the lines of standard error that begin with `noise`, unless the block fails.

    Everything written to the file descriptor is held back until the block ends, so this also
    catches what native libraries print. If the block raises, all lines are shown.

    Parameters
    ----------
    noise
        Matched against the beginning of each line.
    """
    _flush()
    try:
        descriptor = os.dup(STDERR)
    except OSError:
        # A daemon may have closed it: there is nothing to keep quiet.
        yield
        return
    dropped: re.Pattern[bytes] | None = None
    with tempfile.TemporaryFile() as held, os.fdopen(descriptor, "wb") as stderr:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
            dropped = noise
        finally:
            _flush()
            os.dup2(stderr.fileno(), STDERR)
            held.seek(0)
            stderr.writelines(line for line in held if not (dropped and dropped.match(line)))


def _flush() -> None:
    # It is None in a program without a console.
    if sys.stderr is not None:
        sys.stderr.flush()
