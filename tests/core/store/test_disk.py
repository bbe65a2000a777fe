import errno
import os

import pytest

from latent_analyze import StoreError
from latent_analyze.store.disk import (
    lock,
    replace_durably,
    reporting_write_errors,
    write_all,
    write_durably,
)


def test_files_and_folders_are_written_and_synced(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def record(handle):
        synced.append(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    write_durably(tmp_path, {"a/x": b"1", "a/y": b"2", "z": b""})
    assert (tmp_path / "a" / "y").read_bytes() == b"2"
    written = [tmp_path / name for name in ("a/x", "a/y", "z")]
    assert synced[:3] == [path.stat().st_ino for path in written]
    assert {(tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino} == set(synced[3:])


def test_replace_overwrites_what_a_killed_process_left(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    (tmp_path / "f.tmp").write_bytes(b"half of a longer new")
    replace_durably(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert path.read_bytes() == b"new"


def test_short_writes_are_continued():
    class Short:
        data = b""

        def write(self, rest):
            self.data += bytes(rest[:2])
            return min(2, len(rest))

    stream = Short()
    write_all(stream, b"abcde")
    assert stream.data == b"abcde"


def test_a_full_disk_is_one_line(tmp_path):
    message = "No space left on device; make room"
    with pytest.raises(StoreError, match=message) as caught, reporting_write_errors(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "\n" not in str(caught.value)


def test_a_second_writer_is_refused(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "f"
    path.touch()
    with path.open("rb") as first, path.open("rb") as second:
        lock(first, tmp_path)
        with pytest.raises(StoreError, match="the only writer"):
            lock(second, tmp_path)
        first.close()
        lock(second, tmp_path)
