"""Vectors in Parquet and Arrow files."""

from __future__ import annotations

import pickle
import sys
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adapter_testing import everything, first_row, opener, refuser
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from latent_analyze import DatasetError, MissingDependencyError, open_source
from latent_analyze.plugin import Host, Source, content_hash, file_sha256
from latent_analyze_adapters.vectors import arrow_files
from latent_analyze_adapters.vectors.tables import VectorTables, register_datasets

ROWS, CSV = 1000, (".csv", ".tsv")
SUFFIXES = [suffix for suffix in VectorTables.suffixes if suffix not in CSV]
GRID = pa.list_(pa.list_(pa.int64()))

opened = opener(VectorTables)
refused = refuser(opened, first_row)


def write(path, table, rows=300):
    """Write a table in chunks of so many rows, in the format of the suffix."""
    if path.suffix in (".parquet", ".pq"):
        pq.write_table(table, path, row_group_size=rows)
    elif path.suffix == ".feather":
        feather.write_feather(table, path, chunksize=rows)
    else:
        new = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
        with new(path, table.schema) as writer:
            writer.write_table(table, rows)
    return path


def lists(z, kind=None):
    return pa.array(list(z), kind or pa.list_(pa.float32()))


@pytest.fixture
def table(z):
    return pa.table({
        "id": [f"row {i}" for i in range(ROWS)],
        "embedding": lists(z),
        "digit": pa.array(np.arange(ROWS) % 10, pa.int8()),
        "who": pa.array(np.array(["a", "b"])[np.arange(ROWS) % 2]).dictionary_encode(),
        "good": np.arange(ROWS) % 2 == 0,
        "score": np.linspace(0, 1, ROWS),
    })  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format(tmp_path, z, table, suffix):
    dataset = opened(write(tmp_path / f"points{suffix}", table))
    rows = np.array([999, 0, 5, 300])
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, z[rows])
    assert items.x.dtype == np.float32
    assert items.ids == ["row 999", "row 0", "row 5", "row 300"]
    assert tuple(dataset.label_names) == ("digit", "who", "good")
    assert items.labels["digit"].tolist() == [9, 0, 5, 0]
    assert items.labels["who"].tolist() == ["b", "a", "b", "a"]
    assert items.labels["good"].tolist() == [0, 1, 0, 1]
    assert (dataset.kind, dataset.count, dataset.item.shape) == ("vectors", ROWS, (6,))
    assert register_datasets() == [VectorTables]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float64()), pa.large_list(pa.float16()), pa.list_(pa.float32(), 6),
        pa.list_(pa.int16()),
    ],
    ids=str,
)  # fmt: skip
def test_types_of_lists(tmp_path, z, kind):
    z = np.round(z * 4).astype(np.float16)
    path = write(tmp_path / "points.arrow", pa.table({"v": lists(z.tolist(), kind)}))
    np.testing.assert_array_equal(opened(path).read(np.arange(ROWS)).x, z)


class TestCsv:
    """Text files with a header, as people save them from other programs."""

    TEXT = "height,age,target,name,smokes\n1.5,30,0,anna,true\n1.7,,1,ben,false\n?,50,0,x,true\n"

    def test_types_are_found(self, tmp_path):
        (tmp_path / "p.csv").write_text(self.TEXT)
        dataset = opened(tmp_path / "p.csv")
        assert dataset.value_names == ("height", "age")
        assert dataset.label_names == ("target", "name", "smokes")
        items = everything(dataset)
        np.testing.assert_allclose(items.x, [[1.5, 30], [1.7, np.nan], [np.nan, 50]])
        assert items.labels["name"].tolist() == ["anna", "ben", "x"]
        assert items.labels["smokes"].tolist() == [1, 0, 1]
        assert "p.csv:integers=labels" in dataset.notes[0]

    @pytest.mark.parametrize(
        ("mark", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("\t", ","), ("|", ".")]
    )
    def test_other_marks(self, tmp_path, mark, decimal):
        cells = [["a, b", "c"], ["1.5", "2.25"], ["3.5", "x"]]
        lines = [mark.join(row).replace(".", decimal) for row in cells]
        (tmp_path / "p.tsv").write_text("\n".join(lines))
        dataset = opened(tmp_path / "p.tsv", labels=("c",))
        assert dataset.value_names == ("a, b",)
        np.testing.assert_array_equal(everything(dataset).x, [[1.5], [3.5]])

    @pytest.mark.parametrize("index", ["", "Unnamed: 0", "id"])
    def test_an_index_is_no_value(self, tmp_path, index):
        (tmp_path / "p.csv").write_text(f"{index},a\n7,1\n8,2\n")
        dataset = opened(tmp_path / "p.csv")
        assert dataset.value_names == ("a",)
        assert everything(dataset).ids == ["7", "8"]

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", "Empty CSV file"), (b"a,b\n1,2,3\n", "Expected 2 columns"),
            (b"a,a\n1,2\n", "found a"), (b"a,b\n", "a .null., b .null."),
            (b"name\nx\n", "name .string."), (b"a,\xff\n1,2\n", "."),
        ],
    )  # fmt: skip
    def test_damage_is_one_line(self, tmp_path, content, found):
        (tmp_path / "p.csv").write_bytes(content)
        refused(tmp_path / "p.csv", found)

    def test_chunks_and_limits(self, tmp_path, z, monkeypatch):
        monkeypatch.setattr(arrow_files, "chunk_bounds", lambda n, _: np.append(range(0, n, 7), n))
        lines = [",".join(map(str, row)) for row in z.tolist()]
        (tmp_path / "p.csv").write_text("\n".join(["a,b,c,d,e,f", *lines]))
        dataset, rows = opened(tmp_path / "p.csv", limit=500), np.array([3, 499, 7, 0])
        assert (dataset.count, len(dataset.bounds)) == (500, 73)
        np.testing.assert_array_equal(dataset.read(rows).x, z[rows])


def test_tensors(tmp_path, z):
    storage = lists(z, pa.list_(pa.float32(), 6))
    column = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (6,)), storage)
    path = write(tmp_path / "points.parquet", pa.table({"v": column}))
    np.testing.assert_array_equal(opened(path).read(np.arange(ROWS)).x, z)


def test_columns_of_components(tmp_path, z):
    columns = {f"z{i}": z[:, i] for i in range(6)}
    path = write(tmp_path / "p.parquet", pa.table({**columns, "n": np.arange(ROWS)}))
    everything = np.arange(ROWS)
    np.testing.assert_array_equal(opened(path).read(everything).x, z)
    two = opened(path, vectors=("z4", "z1")).read(everything)
    np.testing.assert_array_equal(two.x, z[:, [4, 1]])
    assert two.labels["n"].tolist() == everything.tolist()
    pattern = opened(path, vectors="z*", limit=400)
    np.testing.assert_array_equal(pattern.read(np.arange(400)).x, z[:400])
    assert pattern.count == len(pattern.read(np.arange(400)).labels["n"]) == 400


def test_options_choose(tmp_path, table):
    path = write(tmp_path / "p.parquet", table)
    dataset = opened(path, vectors="score", ids="id", labels=("digit", "score"))
    items = dataset.read(np.array([0, 1]))
    assert items.x.tolist() == np.float32([[0], [1 / 999]]).tolist()
    assert items.ids == ["row 0", "row 1"]
    assert list(items.labels) == ["digit", "score"]
    source = dataset.source("mine")
    assert source.fields >= {"label:digit", "label:score", "id"}


def test_missing_values(tmp_path):
    table = pa.table({
        "v": pa.array([[1, None], None, [3, 4]], pa.list_(pa.float32())),
        "n": pa.array([1, None, 3]), "t": pa.array(["x", None, "y"]),
    })  # fmt: skip
    path = write(tmp_path / "p.parquet", table)
    items = opened(path).read(np.arange(3))
    np.testing.assert_array_equal(items.x, [[1, np.nan], [np.nan, np.nan], [3, 4]])
    assert items.labels["n"].tolist() == ["1", "", "3"]
    assert items.labels["t"].tolist() == ["x", "", "y"]
    with pytest.raises(Exception, match="NaN or infinity in 2 of 3 rows"):
        open_source(str(path))


def test_ids(tmp_path, z):
    columns = {"v": lists(z), "index": np.arange(ROWS) + 7}
    one = opened(write(tmp_path / "one.parquet", pa.table(columns)))
    assert one.read(np.array([0, 999])).ids == ["7", "1006"]
    assert not one.label_names
    path = write(tmp_path / "two.parquet", pa.table({**columns, "index": np.arange(ROWS) % 3}))
    two = opened(path)
    assert two.read(np.array([4])).ids == ["4"]
    assert two.label_names == ("index",)
    with pytest.raises(DatasetError, match="unique ids in 'index'"):
        opened(path, ids="index").read(np.array([0]))


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_chunks_give_the_same_rows(tmp_path_factory, data):
    count = data.draw(st.integers(1, 60))
    z = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    suffix = data.draw(st.sampled_from(SUFFIXES))
    path = tmp_path_factory.mktemp("split") / f"p{suffix}"
    rows_per_chunk = data.draw(st.integers(1, 70))
    write(path, pa.table({"v": lists(z), "n": np.arange(count)}), rows_per_chunk)
    limit = data.draw(st.integers(1, count + 5))
    dataset = opened(path, limit=limit)
    assert dataset.count == min(limit, count)
    rows = np.array(data.draw(st.lists(st.integers(0, dataset.count - 1), min_size=1)))
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, z[rows])
    assert items.labels["n"].tolist() == rows.tolist()


def test_empty_chunks(tmp_path, z):
    table = pa.table({"v": lists(z[:5])})
    with pa.ipc.new_file(tmp_path / "p.arrow", table.schema) as writer:
        for part in (table[:0], table[:2], table[:0], table[2:], table[:0]):
            for batch in part.to_batches() or [pa.record_batch([lists(z[:0])], ["v"])]:
                writer.write_batch(batch)
    np.testing.assert_array_equal(opened(tmp_path / "p.arrow").read(np.arange(5)).x, z[:5])


def test_source(tmp_path, z, table):
    path = write(tmp_path / "p.parquet", table)
    source = opened(path).source("mine")
    assert isinstance(source, Source)
    assert (source.label, source.count, source.dim) == ("mine", ROWS, 6)
    fields = frozenset({"z", "mu", "id", "label:who"})
    batch = source.read(source.blocks()[0], fields)
    np.testing.assert_array_equal(batch.mu, z)
    assert batch.ids[7] == "row 7"
    assert batch.labels["who"].tolist() == ["a", "b"] * (ROWS // 2)
    np.testing.assert_allclose(source.summary().mean, z.mean(0), rtol=1e-5)
    content = pickle.dumps(source)
    copy = pickle.loads(content)
    assert len(content) < 5000
    assert (copy.label, copy.count, copy.fingerprint) == ("mine", ROWS, source.fingerprint)


def test_chunks_are_kept_but_not_all_of_them(tmp_path, z, monkeypatch):
    dataset = opened(write(tmp_path / "p.parquet", pa.table({"v": lists(z)}), rows=100))
    read, table = [], dataset._table
    monkeypatch.setattr(type(table), "read", _counting(type(table).read, read))
    dataset.source().read(dataset.source().blocks()[0])
    dataset.read(np.array([950, 960]))
    assert read == list(range(10))
    assert len(dataset._caches[""]._chunks) == 2


def _counting(function, calls):
    def counted(self, index, columns):
        calls.append(index)
        return function(self, index, columns)

    return counted


def test_fingerprint(tmp_path, table):
    path = write(tmp_path / "p.parquet", table)
    one = opened(path).fingerprint
    assert opened(path).fingerprint == one != opened(path, limit=7).fingerprint
    write(path, table.slice(1))
    assert opened(path).fingerprint != one


def test_exactly_one_data_set_recognizes_it(tmp_path, table):
    datasets = Host().datasets.values()
    for suffix in SUFFIXES:
        path = str(write(tmp_path / f"p{suffix}", table))
        assert [p.cls for p in datasets if p.cls.recognizes(path)] == [VectorTables]
    (tmp_path / "folder.parquet").mkdir()
    assert not VectorTables.recognizes(str(tmp_path / "folder.parquet"))
    assert not VectorTables.recognizes(str(tmp_path / "missing.parquet"))
    assert not VectorTables.recognizes("\0.parquet")


def test_two_columns_of_vectors(tmp_path, z):
    path = write(tmp_path / "p.parquet", pa.table({"mu": lists(z), "other": lists(z)}))
    text = refused(path, "one column of vectors")
    assert "found mu, other; choose one: " in text
    assert "p.parquet:vectors=mu" in text
    assert opened(path, vectors="other").item.shape == (6,)


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        ({"label": [1, 2]}, {}, "a column of lists of numbers, or columns of numbers"),
        ({"v": [[1.0, 2.0], [3.0]]}, {}, "lists of one length .* found 2 and 1 values; pad"),
        ({"v": [[[1.0, 2.0]], [[3.0]]]}, {}, "lists of one length .* found 2 and 1 values"),
        ({"n": [1, 1 << 30]}, {}, r"at most 16777216 in 'n' .*p.parquet:labels=\[n\]"),
        ({"v": pa.array([None, None], pa.list_(pa.float32()))}, {}, "found no row with one"),
        ({"v": pa.array([], pa.list_(pa.float32(), 3))}, {}, r"found shape \(0, 3\)"),
        ({"v": [[], []]}, {}, "."),
        ({"v": [1.0]}, {"vectors": "w"}, "'w' in .* found v"),
        ({"v": [1.0], "t": ["x"]}, {"vectors": ("v", "t")}, "numbers in the column 't'"),
        ({"v": [1.0]}, {"labels": ("w",)}, "'w' in .* found v"),
        ({"v": [1.0]}, {"ids": "w"}, "'w' in .* found v"),
    ],
)
def test_refused(tmp_path, columns, options, expected):
    refused(write(tmp_path / "p.parquet", pa.table(columns)), expected, **options)


def test_whole_numbers_are_values_by_name_and_neighbors(tmp_path):
    columns = {"age": [30, 40], "weight": [60.5, 70.5], "target": [0, 1], "smokes": [True, False]}
    path = write(tmp_path / "p.parquet", pa.table(columns))
    dataset = opened(path)
    assert dataset.value_names == ("age", "weight")
    assert dataset.label_names == ("target", "smokes")
    np.testing.assert_array_equal(everything(dataset).x, [[30, 60.5], [40, 70.5]])
    (note,) = dataset.notes
    assert note.startswith(
        "Columns: age (whole numbers) is among the values; target (whole numbers), "
    )
    assert "p.parquet:integers=labels" in note
    for options, names in {
        ("integers", "labels"): ("weight",), ("integers", "values"): ("age", "weight", "smokes"),
        ("labels", ("weight", "target")): ("age",), ("ids", "age"): ("weight",),
    }.items():  # fmt: skip
        assert opened(path, **{options[0]: options[1]}).value_names == names
    x = everything(opened(path, integers="values")).x
    np.testing.assert_array_equal(x, [[30, 60.5, 1], [40, 70.5, 0]])


def test_labels_of_other_columns_than_the_default(tmp_path):
    table = pa.table({"a": [1.5, 2.5], "n": [1, 2], "target": [0, 1], "t": ["x", "y"]})
    dataset = opened(write(tmp_path / "p.parquet", table), labels=("t", "n"))
    assert (dataset.value_names, dataset.label_names) == (("a",), ("t", "n"))
    assert dataset.input_names == ("target",)
    assert "labels" not in dataset.notes[0].partition(". ")[0]


def test_other_types_of_columns(tmp_path):
    table = pa.table({
        "price": pa.array([Decimal("1.5"), None]), "day": pa.array([0, 1], pa.date32()),
        "n": pa.array([3, None]), "yes": pa.array([True, None]),
    })  # fmt: skip
    dataset = opened(write(tmp_path / "p.parquet", table), integers="values")
    assert dataset.value_names == ("price", "n", "yes")
    np.testing.assert_array_equal(everything(dataset).x, [[1.5, 3, 1], [np.nan] * 3])
    assert dataset.notes == (
        "Columns that are left out, neither numbers nor texts: day (date32[day])",
    )


def test_columns_for_the_inputs_of_a_model(tmp_path):
    """Of several columns of lists one holds the rows, and all others may be further inputs."""
    table = pa.table({
        "small": lists(np.eye(4)), "big": lists(np.arange(20.0).reshape(4, 5)), "age": np.arange(4),
        "height": np.arange(4) / 2, "grid": lists(np.arange(24).reshape(4, 2, 3).tolist(), GRID),
    })  # fmt: skip
    path = write(tmp_path / "p.parquet", table, rows=3)
    text = refused(path, "one column of vectors")
    assert f"or take all as the inputs of a model: {path}:kind=arrays" in text
    dataset = opened(path, kind="arrays", vectors="big")
    assert (dataset.kind, dataset.array_name, dataset.item.shape) == ("arrays", "big", (5,))
    assert dataset.input_names == ("small", "height", "grid")
    assert (dataset.label_names, dataset.value_names) == (("age",), ())
    rows = np.array([3, 0, 2])
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, np.arange(20.0).reshape(4, 5)[rows])
    np.testing.assert_array_equal(items.inputs["small"], np.eye(4)[rows])
    assert items.inputs["small"].dtype == np.float32
    np.testing.assert_array_equal(items.inputs["height"], rows / 2)
    np.testing.assert_array_equal(items.inputs["grid"], np.arange(24).reshape(4, 2, 3)[rows])
    assert items.inputs["grid"].dtype == np.int64
    main = opened(path, kind="arrays")
    assert (main.array_name, main.item.shape) == ("grid", (2, 3))
    assert opened(path, vectors="grid").item.shape == (6,)


def test_tokens_and_their_mask(tmp_path):
    tokens = np.arange(12).reshape(3, 4)
    table = pa.table(
        {"attention_mask": (tokens > 0).astype(int).tolist(), "input_ids": list(tokens)}
    )
    dataset = opened(write(tmp_path / "p.parquet", table))
    assert (dataset.kind, dataset.array_name) == ("arrays", "input_ids")
    assert dataset.input_names == ("attention_mask",)
    np.testing.assert_array_equal(everything(dataset).x, tokens)


def test_missing_whole_numbers_of_one_chunk_only(tmp_path):
    table = pa.table({"v": lists(np.eye(4)), "n": pa.array([0, 1, None, 3])})
    dataset = opened(write(tmp_path / "p.parquet", table, rows=2), labels=())
    rows = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(dataset.read(rows).inputs["n"], [np.nan, 0, 3, 1])


def test_values_that_a_model_takes_otherwise(tmp_path):
    table = pa.table({"a": [1.5, 2.5], "b": [3.5, 4.5], "n": [5, 6]})
    dataset = opened(write(tmp_path / "p.parquet", table))
    assert dataset.without(["unknown"]) is dataset
    fewer = dataset.without(["b", "n"])
    assert (fewer.value_names, fewer.input_names, fewer.label_names) == (("a",), ("b",), ("n",))
    np.testing.assert_array_equal(everything(fewer).inputs["b"], [3.5, 4.5])
    again = VectorTables(fewer.location, VectorTables.Options(**fewer.options.model_dump()))
    assert again.fingerprint == fewer.fingerprint != dataset.fingerprint


def test_fingerprints_are_those_of_version_0_1_unless_columns_differ(tmp_path):
    plain = opened(write(tmp_path / "p.parquet", pa.table({"a": [1.5], "t": ["x"]})))
    options = '{"limit":null,"ids":null,"labels":null,"vectors":null}'
    old = content_hash("vector_tables", file_sha256(plain.path), options)
    assert plain.fingerprint == old
    path = write(tmp_path / "q.parquet", pa.table({"a": [1.5], "n": [1]}))
    old = content_hash("vector_tables", file_sha256(path), options)
    assert opened(path).fingerprint != old
    assert len({opened(path, integers=how).fingerprint for how in ("auto", "labels")}) == 2


def test_columns_of_one_name(tmp_path):
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], ["v", "v"])
    refused(write(tmp_path / "p.parquet", table), "columns of different names")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keep", [0, 3, 100, -9])
def test_damaged(tmp_path, table, suffix, keep):
    path = write(tmp_path / f"p{suffix}", table)
    path.write_bytes(path.read_bytes()[:keep])
    if suffix == ".arrows" and keep == -9:
        return  # all that is lost is the mark of the end
    refused(path, f"a readable {suffix} file")


def test_missing(tmp_path):
    refused(tmp_path / "p.parquet", "no such file")


def test_without_pyarrow(tmp_path, table, monkeypatch):
    path = write(tmp_path / "p.parquet", table)
    monkeypatch.delitem(sys.modules, "latent_analyze_adapters.vectors.arrow_files", raising=False)
    monkeypatch.delattr("latent_analyze_adapters.vectors.arrow_files", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'latent-analyze\[tables\]'"):
        opened(path)
