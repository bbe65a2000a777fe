import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.store.journal import (
    BlockRecord,
    JournalWriter,
    moments,
    parse_line,
    read_records,
    to_line,
)


def record(block, count=4):
    mu = np.random.default_rng(block).normal(size=(count, 3)).astype(np.float32)
    return BlockRecord(
        block=block, start=4 * block, count=count, next_row=4 * block + count + 1, dropped=1,
        crc32={"mu": 123 + block}, **moments(mu),
    )  # fmt: skip


RECORDS = [record(i) for i in range(5)]
CONTENT = b"".join(to_line(r) for r in RECORDS)


def assert_prefix(content, at_least):
    records, ends = read_records(content)
    assert records == RECORDS[: len(records)]
    assert len(records) >= at_least
    assert ends == [len(b"".join(to_line(r) for r in RECORDS[: i + 1])) for i in range(len(ends))]


def whole_lines(position):
    return CONTENT[:position].count(b"\n")


def test_moments_are_those_of_the_block():
    mu = np.random.default_rng(0).normal(1000, 1, (64, 3)).astype(np.float32)
    found, exact = moments(mu), mu.astype(np.float64)
    np.testing.assert_allclose(found["mean"], exact.mean(axis=0))
    np.testing.assert_allclose(found["squares"], 64 * exact.var(axis=0))
    assert found["min"] == mu.min(axis=0).tolist()
    assert found["max"] == mu.max(axis=0).tolist()


def test_lines_parse_back_to_the_last_bit():
    assert parse_line(to_line(RECORDS[2])) == RECORDS[2]
    assert read_records(CONTENT)[0] == RECORDS


@given(st.integers(0, len(CONTENT)))
def test_a_torn_tail_is_a_prefix(position):
    assert_prefix(CONTENT[:position], whole_lines(position))
    assert len(read_records(CONTENT[:position])[0]) == whole_lines(position)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_changed_byte_is_a_prefix(position, bits):
    content = bytearray(CONTENT)
    content[position] ^= bits
    assert_prefix(bytes(content), whole_lines(position))


@given(st.integers(0, len(CONTENT)), st.binary(max_size=300))
def test_garbage_behind_a_torn_tail_is_a_prefix(position, garbage):
    content = CONTENT[:position] + garbage
    records, _ = read_records(content)
    assert records == RECORDS[: len(records)]


def test_records_out_of_order_end_the_journal():
    assert read_records(to_line(RECORDS[1]))[0] == []
    assert read_records(to_line(RECORDS[0]) * 2)[0] == RECORDS[:1]


@given(st.integers(0, len(CONTENT)), st.integers(0, 5))
def test_a_writer_truncates_the_tail_and_continues(tmp_path_factory, position, blocks):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    path.write_bytes(CONTENT[:position])
    writer = JournalWriter(path)
    writer.truncate(blocks)
    for missing in RECORDS[len(writer.records) :]:
        writer.append(missing)
    writer.close()
    assert path.read_bytes() == CONTENT
