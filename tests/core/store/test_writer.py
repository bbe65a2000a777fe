import errno
import os
import shutil

import numpy as np
import pytest
from archive_store import archive_schema, archived_rows, write
from hypothesis import given, settings
from hypothesis import strategies as st
from store_fakes import tree

from latent_analyze import DatasetError, StoreError
from latent_analyze.store import Store, StoreWriter, disk, read_attributes


def block(start, stop):
    return {name: values[start:stop] for name, values in archived_rows().items()}


def begin(path, blocks):
    """Write the first `blocks` of two blocks, then stop."""
    with StoreWriter(path, archive_schema()) as writer:
        for start in range(0, 3 * blocks, 3):
            writer.append(block(start, start + 3))


def resume(path):
    """Write the remaining blocks, and return how many were already there."""
    with StoreWriter(path, archive_schema()) as writer:
        found = len(writer.records)
        for start in range(writer.next_row, 5, 3):
            writer.append(block(start, start + 3))
        writer.finish()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "s.zarr"
    write(path)
    return tree(path)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    path = tmp_path_factory.mktemp("interrupted") / "s.zarr"
    begin(path, 2)
    return path


def test_records_say_what_was_committed(tmp_path):
    with StoreWriter(tmp_path / "s", archive_schema()) as writer:
        assert (writer.count, writer.next_row) == (0, 0)
        writer.append({name: values[[0, 2, 4]] for name, values in archived_rows().items()})
        assert (writer.count, writer.next_row) == (3, 5)
        record = writer.records[0]
    assert (record.count, record.dropped, record.next_row) == (3, 2, 5)
    np.testing.assert_allclose(record.mean, [2.25, 1.5])
    assert set(record.crc32) == set(archived_rows())


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_an_interrupted_store_is_resumed(tmp_path, blocks, undisturbed):
    begin(tmp_path / "s", blocks)
    assert not read_attributes(tmp_path / "s").complete
    assert resume(tmp_path / "s") == blocks
    assert tree(tmp_path / "s") == undisturbed


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_damage_to_the_journal_ends_with_the_same_bytes(
    tmp_path_factory, data, interrupted, undisturbed
):
    path = tmp_path_factory.mktemp("torn") / "s"
    shutil.copytree(interrupted, path)
    journal = path / "journal.jsonl"
    content = bytearray(journal.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[position:]
    else:
        content[position] ^= data.draw(st.integers(1, 255))
    journal.write_bytes(content)
    assert resume(path) == bytes(content[:position]).count(b"\n")
    assert tree(path) == undisturbed


@pytest.mark.parametrize(
    ("name", "kept"), [("mu/c.0.0", 0), ("id/c.1", 1), ("thumbnail/c.1.0.0.0", 1)]
)
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_committed_block_that_was_damaged_is_written_again(
    tmp_path, name, kept, harm, undisturbed
):
    begin(tmp_path / "s", 2)
    path = tmp_path / "s" / name
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:] if harm == "flip" else content[:-1])
    if harm == "remove":
        path.unlink()
    assert resume(tmp_path / "s") == kept
    assert tree(tmp_path / "s") == undisturbed


def test_files_of_no_committed_block_are_removed(tmp_path, undisturbed):
    begin(tmp_path / "s", 1)
    (tmp_path / "s" / "mu" / "c.7.0").write_bytes(b"left by somebody else")
    resume(tmp_path / "s")
    assert tree(tmp_path / "s") == undisturbed


def refuse_writes(monkeypatch, after):
    """Simulate a disk that is full after `after` writes."""
    written, write_all = [], disk.write_all

    def full(stream, data):
        written.append(data)
        if len(written) > after:
            stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_all(stream, data)

    monkeypatch.setattr(disk, "write_all", full)
    monkeypatch.setattr("latent_analyze.store.journal.write_all", full)


# 9 files of an empty store, then 7 chunks and a line of the journal per block.
@pytest.mark.parametrize("after", [0, 5, 9, 12, 16])
def test_nothing_is_left_when_the_disk_is_full_before_the_first_block(tmp_path, monkeypatch, after):
    refuse_writes(monkeypatch, after)
    with pytest.raises(StoreError, match="No space left on device; make room"):
        resume(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", [17, 20, 24, 25, 30])
def test_committed_blocks_are_kept_when_the_disk_is_full(tmp_path, monkeypatch, after, undisturbed):
    with monkeypatch.context() as patch:
        refuse_writes(patch, after)
        with pytest.raises(StoreError, match="No space left on device; make room"):
            resume(tmp_path / "s")
    assert resume(tmp_path / "s") == (1 if after < 25 else 2)
    assert tree(tmp_path / "s") == undisturbed


def test_bad_input_leaves_nothing_half_written(tmp_path):
    def fail():
        with StoreWriter(tmp_path / "new" / "s", archive_schema()) as writer:
            writer.append(block(0, 3))
            raise DatasetError("good images")

    with pytest.raises(DatasetError):
        fail()
    assert not (tmp_path / "new" / "s").exists()


def test_bad_input_keeps_the_blocks_of_an_earlier_call(tmp_path):
    begin(tmp_path / "s", 1)
    with pytest.raises(DatasetError), StoreWriter(tmp_path / "s", archive_schema()):
        raise DatasetError("good images")
    assert resume(tmp_path / "s") == 1


def test_a_store_of_another_model_is_refused_and_left_alone(tmp_path):
    begin(tmp_path / "s", 1)
    before = tree(tmp_path)
    schema = archive_schema()
    model = schema.model.model_copy(update={"fingerprint": "0therm0del"})
    with pytest.raises(
        StoreError, match=r"another model: model archived .m{8}.*another -o"
    ) as caught:
        StoreWriter(tmp_path / "s", schema.model_copy(update={"model": model}))
    assert "0therm0d" in str(caught.value)
    assert tree(tmp_path) == before


def test_a_missing_journal_is_an_error(tmp_path):
    begin(tmp_path / "s", 1)
    (tmp_path / "s" / "journal.jsonl").unlink()
    with pytest.raises(StoreError, match=r"no journal\.jsonl"):
        StoreWriter(tmp_path / "s", archive_schema())


def test_a_second_writer_is_refused(tmp_path):
    pytest.importorskip("fcntl")
    with StoreWriter(tmp_path / "s", archive_schema()) as writer:
        writer.append(block(0, 3))
        with pytest.raises(StoreError, match="another process that encodes"):
            StoreWriter(tmp_path / "s", archive_schema())


def test_leftovers_of_a_killed_creation_are_removed(tmp_path, undisturbed):
    (tmp_path / ".s.new" / "mu").mkdir(parents=True)
    resume(tmp_path / "s")
    assert tree(tmp_path / "s") == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_the_fingerprint_does_not_depend_on_the_path(tmp_path):
    write(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert Store(tmp_path / "a").fingerprint == Store(tmp_path / "b").fingerprint
