"""What a data set gets from its base classes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from latent_analyze import DatasetError
from latent_analyze.host.contracts import dataset as dataset_module
from latent_analyze.plugin import (
    Adapter,
    Dataset,
    InMemoryDataset,
    Items,
    Options,
    TensorSpec,
)

X = np.random.default_rng(0).normal(size=(5, 3))


class Shift(Options):
    shift: float = 0.0


class Table(InMemoryDataset):
    """Vectors in a text file."""

    name = "table"
    kind = "vectors"
    suffixes = (".txt",)
    Options = Shift

    def load(self) -> Items:
        x = np.loadtxt(self.path, ndmin=2) + self.options.shift
        return Items(x, labels={"sign": (x[:, 0] > 0).astype(int)})


class Pictures(InMemoryDataset):
    """Images in a folder of .npy files."""

    name = "pictures"
    suffixes = (".npy",)
    reads_folders = True

    def load(self) -> Items:
        return Items(np.stack([np.load(f) for f in self.files]), [f.stem for f in self.files])


@pytest.fixture(name="path")
def _path(tmp_path):
    np.savetxt(tmp_path / "p.txt", X)
    return tmp_path / "p.txt"


@pytest.fixture(name="folder")
def _folder(tmp_path):
    for name in "ba":
        np.save(tmp_path / f"{name}.npy", np.full((2, 3, 1), ord(name) / 200))
    np.save(tmp_path / ".hidden.npy", np.zeros(9))
    (tmp_path / "notes.md").write_text("")
    return tmp_path


def test_vectors(path):
    table = Table(str(path), Shift(shift=1))
    rows = np.array([4, 0, 0])
    items = table.read(rows)
    np.testing.assert_allclose(items.x, X[rows] + 1, rtol=1e-6)
    assert (items.x.dtype, items.ids, table.label_names) == (np.float32, ["4", "0", "0"], ("sign",))
    assert items.labels["sign"].tolist() == (X[rows, 0] + 1 > 0).astype(int).tolist()
    assert (table.count, table.item.shape, table.location) == (5, (3,), str(path.resolve()))
    source = table.source("mine")
    assert (source.count, source.dim, source.label) == (5, 3, "mine")
    copy = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(copy.read(rows).x, items.x)


def test_images_of_a_folder(folder):
    pictures = Pictures(str(folder))
    assert pictures.read(np.arange(2)).ids == ["a", "b"]
    assert pictures.item.model_dump() == {
        "shape": (2, 3, 1), "dtype": "float32", "layout": "HWC", "range": (0.0, 1.0),
    }  # fmt: skip


def test_recognized_by_suffix(path, folder):
    assert Table.recognizes(str(path))
    assert not Table.recognizes(str(path.with_name("gone.txt")))
    assert not Table.recognizes(str(folder))
    assert not Table.recognizes("\0.txt")
    assert Pictures.recognizes(str(folder))
    assert not Pictures.recognizes(str(folder / "a.npy"))
    assert not Pictures.recognizes(str(folder / "gone"))
    assert not Pictures.recognizes("x" * 5000)


def test_fingerprint_covers_content_names_and_options(path, folder):
    first = Table(str(path)).fingerprint
    assert Table(str(path)).fingerprint == first != Table(str(path), Shift(shift=1)).fingerprint
    other = path.rename(path.with_name("q.txt"))
    assert Table(str(other)).fingerprint == first
    other.write_text("1 2 3\n")
    assert Table(str(other)).fingerprint != first
    first = Pictures(str(folder)).fingerprint
    (folder / "notes.md").write_text("not a file of the data set")
    assert Pictures(str(folder)).fingerprint == first
    (folder / "b.npy").rename(folder / "c.npy")
    assert Pictures(str(folder)).fingerprint != first


def test_a_file_that_is_gone(path):
    table = Table(str(path))
    path.unlink()
    with pytest.raises(DatasetError, match=r"readable files in .*No such file"):
        _ = table.fingerprint


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no\nnumbers"), "a data set table at .* found ValueError: no numbers; check"),
        (KeyError("x"), "found KeyError: 'x'"),
        (FileNotFoundError(2, "No such file"), "No such file"),
        (DatasetError("better"), "expected better"),
    ],
)
def test_errors_of_load(path, monkeypatch, error, expected):
    def fail(self):
        raise error

    monkeypatch.setattr(Table, "load", fail)
    with pytest.raises(DatasetError, match=expected) as found:
        Table(str(path))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (Items(np.zeros((2, 3, 4))), r"vectors \(n, dim\) from table .* found shape \(2, 3, 4\)"),
        (Items(np.zeros((0, 3))), r"found shape \(0, 3\)"),
        (Items(np.zeros((2, 3)), ["a"]), "2 ids, each different .* found 1 different ones"),
        (Items(np.zeros((2, 3)), ["a", "a"]), "2 ids, each different"),
        (Items(np.zeros((2, 3)), labels={"y": np.zeros(3)}), r"2 labels 'y' .* shape \(3,\)"),
    ],
)
def test_what_load_must_not_return(path, monkeypatch, items, expected):
    monkeypatch.setattr(Table, "load", lambda self: items)
    with pytest.raises(DatasetError, match=expected):
        Table(str(path))


@pytest.mark.parametrize("value", [-1.0, 1.5, np.nan])
def test_pixels_out_of_range(folder, value):
    np.save(folder / "b.npy", np.full((2, 3, 1), value))
    with pytest.raises(DatasetError, match=r"pixel values in \[0, 1\] from pictures"):
        Pictures(str(folder))


def test_what_must_be_written():
    assert InMemoryDataset.__abstractmethods__ == {"load"}
    assert Dataset.__abstractmethods__ == {"__init__", "read"}
    assert Adapter.__abstractmethods__ == {"open"}


def test_adapters_are_recognized_by_suffix(tmp_path):
    class Linear(Adapter):
        name = "linear"
        suffixes = (".npz",)

        def open(self, path, **options):
            raise NotImplementedError

    (tmp_path / "a.NPZ").touch()
    assert Linear.recognizes(tmp_path / "a.NPZ")
    assert not Linear.recognizes(tmp_path / "b.npz")
    assert not Linear.recognizes(tmp_path)


class Lazy(dict):
    """Arrays that say which of them were asked for."""

    asked: list[str]

    def __getitem__(self, name: str):
        self.asked.append(name)
        return super().__getitem__(name)


def test_only_columns_that_are_asked_for_are_read():
    inputs = Lazy(mask=np.ones(2), other=np.zeros(2), digit=np.zeros(2))
    inputs.asked = []
    items = Items(np.zeros((2, 3)), labels={"digit": np.array([4, 5])}, inputs=inputs)
    found = items.columns(["mask", "digit", "unknown"])
    assert {name: values.tolist() for name, values in found.items()} == {
        "mask": [1, 1], "digit": [4, 5],
    }  # fmt: skip
    assert inputs.asked == ["mask"]


class Plain(Dataset):
    """Rows whose values have names, read one block at a time."""

    name = "plain"
    kind = "vectors"
    value_names = ("a", "b", "c")

    def __init__(self, location: str = "", options: Options | None = None) -> None:
        self.location, self.options, self.count = location, options, 5
        self.item = TensorSpec(shape=(3,))

    def read(self, rows: np.ndarray) -> Items:
        texts = np.array(["x", "y", "", "x", "z"])
        return Items(X[rows], rows.astype(str).tolist(), {"kind": texts[rows]})


def test_labels_of_all_rows(path, monkeypatch):
    monkeypatch.setattr(dataset_module, "READ_VALUES", 6)
    assert Plain().label_values("kind").tolist() == ["x", "y", "", "x", "z"]
    table = Table(str(path))
    assert table.label_values("sign").tolist() == (X[:, 0] > 0).astype(int).tolist()


def test_values_that_cannot_be_left_out_are_one_line():
    plain = Plain()
    assert plain.without(["unknown"]) is plain
    with pytest.raises(DatasetError, match="rows of plain without b, which the model takes") as one:
        plain.without(["b", "unknown"])
    assert "\n" not in str(one.value)
