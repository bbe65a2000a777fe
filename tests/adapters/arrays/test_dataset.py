"""Rows of any shape in .npz and .npy files: the values of the file, and what goes with them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from adapter_testing import TRAPPED, Trap, everything, first_row, opener, pixels, refuser
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import DatasetError
from latent_analyze.plugin import Host, InMemoryDataset, Items
from latent_analyze.runs.opening import open_dataset, open_source
from latent_analyze_adapters.arrays.dataset import Arrays, register_datasets
from latent_analyze_adapters.images.arrays import ImageArrays
from latent_analyze_adapters.vectors.arrays import VectorArrays

opened = opener(Arrays)
refused = refuser(opened, first_row)

HOST = Host()

SEQUENCES = np.random.default_rng(0).normal(0, 2, (9, 30, 3)).astype(np.float32)
IDS = np.random.default_rng(1).integers(0, 100, (9, 12))
MASK = (IDS > 20).astype(np.int64)

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4)
DTYPES = st.sampled_from(["f4", "f8", ">f4", ">i2", "f2", "i1", "u1", "u2", "i4", "u8", "?"])


@pytest.fixture
def tokens(tmp_path):
    np.savez(tmp_path / "tokens.npz", input_ids=IDS, attention_mask=MASK)
    return tmp_path / "tokens.npz"


def test_sequences_are_rows_of_numbers(tmp_path):
    np.save(tmp_path / "a.npy", SEQUENCES)
    dataset = open_dataset(str(tmp_path / "a.npy"), HOST)
    assert (type(dataset), dataset.kind, dataset.count) == (Arrays, "arrays", 9)
    assert (dataset.item.shape, dataset.item.layout, dataset.item.range) == ((30, 3), "array", None)
    assert (dataset.stored_range, dataset.array_name) == (None, "")
    items = dataset.read(np.array([8, 0, 8]))
    np.testing.assert_array_equal(items.x, SEQUENCES[[8, 0, 8]])
    assert (items.ids, items.labels, items.inputs) == (["8", "0", "8"], {}, {})
    assert register_datasets() == [Arrays]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rows_of_any_file_are_its_rows(tmp_path_factory, data):
    shape = (data.draw(st.integers(1, 20)), *data.draw(SHAPES))
    dtype = np.dtype(data.draw(DTYPES))
    values = np.random.default_rng(0).normal(0, 40, shape).astype("i2").astype(dtype)
    values = np.asarray(values, order=data.draw(st.sampled_from("CF")))
    path = tmp_path_factory.mktemp("rows") / data.draw(st.sampled_from(["a.npy", "a.npz", "c.npz"]))
    if dtype.itemsize == 8 and dtype.kind == "u":
        values = values % 1000
    save = {"a.npy": np.save, "a.npz": np.savez, "c.npz": np.savez_compressed}[path.name]
    save(path, values)
    limit = data.draw(st.integers(1, 25))
    dataset = opened(path, limit=limit)
    assert dataset.count == min(limit, shape[0])
    rows = data.draw(st.lists(st.integers(0, dataset.count - 1), max_size=6))
    items = dataset.read(np.array(rows, np.int64))
    np.testing.assert_array_equal(items.x, values[rows].astype(np.float32))
    assert (items.x.dtype, items.x.shape[1:]) == (np.float32, dataset.item.shape)
    again = pickle.loads(pickle.dumps(dataset)).read(np.array(rows, np.int64))
    np.testing.assert_array_equal(again.x, items.x)


def test_tokens_and_their_mask(tokens):
    dataset = open_dataset(str(tokens), HOST)
    assert (dataset.kind, dataset.array_name) == ("arrays", "input_ids")
    assert (dataset.item.shape, dataset.input_names, dataset.label_names) == (
        (12,), ("attention_mask",), (),
    )  # fmt: skip
    items = dataset.read(np.array([3, 1]))
    np.testing.assert_array_equal(items.x, IDS[[3, 1]])
    np.testing.assert_array_equal(items.inputs["attention_mask"], MASK[[3, 1]])
    assert items.inputs["attention_mask"].dtype == np.int64


def test_labels_and_inputs(tmp_path):
    np.savez(
        tmp_path / "a.npz", x=SEQUENCES, mask=SEQUENCES[..., 0] > 0, age=np.arange(9.0),
        weight=np.arange(9.0)[:, None], y=np.arange(9.0), who=np.array(list("abcdefghi")),
        digit=np.arange(9, dtype=">i2"), column=np.arange(9)[:, None], other=np.zeros((4, 2)),
    )  # fmt: skip
    dataset = opened(tmp_path / "a.npz")
    assert dataset.array_name == "x"
    assert set(dataset.label_names) == {"label", "who", "digit", "column"}
    assert set(dataset.input_names) == {"mask", "age", "weight"}
    items = dataset.read(np.array([4, 2]))
    assert items.labels["label"].tolist() == items.labels["digit"].tolist() == [4, 2]
    assert items.inputs["age"].tolist() == [4, 2]
    assert items.inputs["weight"].shape == (2, 1)
    assert items.inputs["mask"].dtype == bool
    chosen = opened(tmp_path / "a.npz", labels=["label", "age"], ids="who")
    items = chosen.read(np.array([4, 2]))
    assert items.ids == ["e", "c"]
    assert {n: v.tolist() for n, v in items.labels.items()} == {"label": [4, 2], "age": [4, 2]}
    assert "who" not in opened(tmp_path / "a.npz", ids="who").label_names
    refused(tmp_path / "a.npz", "'none' in .* found age", ids="none")
    refused(tmp_path / "a.npz", "'none' in .* name one of these", labels=["none"])


@pytest.mark.parametrize(
    ("arrays", "name"),
    [
        ({"b": MASK, "a": SEQUENCES}, "a"),
        ({"a": SEQUENCES, "data": MASK}, "data"),
        ({"a": MASK, "b": IDS}, "a"),
        ({"y": np.arange(9), "a": SEQUENCES}, "a"),
    ],
)
def test_which_array_holds_the_rows(tmp_path, arrays, name):
    np.savez(tmp_path / "a.npz", **arrays)
    assert opened(tmp_path / "a.npz").array_name == name
    other = opened(tmp_path / "a.npz", x="a")
    np.testing.assert_array_equal(everything(other).x, arrays["a"].astype(np.float32))
    refused(tmp_path / "a.npz", "'gone' in .* found .*a", x="gone")


def test_keras_layout(tmp_path):
    np.savez(
        tmp_path / "a.npz", x_train=SEQUENCES[:6], y_train=np.arange(6), x_test=SEQUENCES[6:],
        y_test=np.arange(3) + 6,
    )  # fmt: skip
    dataset = open_dataset(f"{tmp_path}/a.npz:limit=8", HOST)
    items = everything(dataset)
    np.testing.assert_array_equal(items.x, SEQUENCES[:8])
    assert (dataset.kind, dataset.array_name) == ("arrays", "x")
    assert items.labels["label"].tolist() == list(range(8))
    assert items.labels["split"].tolist() == ["train"] * 6 + ["test"] * 2
    np.savez(tmp_path / "b.npz", x_train=SEQUENCES, x_test=SEQUENCES[:, :8])
    refused(tmp_path / "b.npz", "rows of one shape and dtype")


def test_what_is_not_compressed_is_mapped(tmp_path):
    np.savez(tmp_path / "a.npz", x=SEQUENCES, mask=SEQUENCES > 0)
    dataset = opened(tmp_path / "a.npz")
    everything(dataset)
    assert isinstance(dataset._rows.array("x"), np.memmap)
    assert isinstance(dataset._inputs["mask"].array("mask"), np.memmap)
    np.save(tmp_path / "big.npy", np.zeros((500, 40, 30, 2), np.float32))
    dataset = opened(tmp_path / "big.npy")
    everything(dataset)
    assert len(pickle.dumps(dataset)) < 10_000


def test_fingerprint(tmp_path, tokens):
    one = opened(tokens).fingerprint
    assert opened(tokens).fingerprint == one
    for options in ({"limit": 3}, {"x": "attention_mask"}, {"kind": "arrays"}, {"labels": []}):
        assert opened(tokens, **options).fingerprint != one
    np.savez(tokens, input_ids=IDS, attention_mask=1 - MASK)
    assert opened(tokens).fingerprint != one


def test_options_of_images_and_vectors(tmp_path, tokens):
    mel = np.linspace(0, 20, 4 * 8 * 6).reshape(4, 8, 6)
    np.save(tmp_path / "mel.npy", mel)
    images = open_dataset(f"{tmp_path}/mel.npy:range=[0,20]:limit=3", HOST)
    assert (type(images), images.kind, images.stored_range) == (ImageArrays, "images", (0, 20))
    np.testing.assert_allclose(everything(images).x[..., 0], mel[:3] / 20, atol=1e-6)
    again = HOST.get("dataset", images.name)
    copy = again.cls(images.location, again.options(images.options.model_dump(mode="json")))
    assert copy.fingerprint == images.fingerprint
    assert type(open_dataset(f"{tmp_path}/mel.npy:range=[0,20]:resize=4", HOST)) is ImageArrays
    with pytest.raises(DatasetError, match=r"range=\[0,20\], or read .* kind=arrays"):
        open_dataset(f"{tmp_path}/mel.npy:kind=images", HOST)
    with pytest.raises(DatasetError, match="the option range; leave it out"):
        open_dataset(f"{tmp_path}/mel.npy:kind=arrays:range=[0,20]", HOST)
    vectors = open_dataset(f"{tokens}:vectors=attention_mask:limit=4", HOST)
    assert (type(vectors), vectors.kind, vectors.count) == (VectorArrays, "vectors", 4)
    np.testing.assert_array_equal(vectors.source().read(vectors.source().blocks()[0]).z, MASK[:4])


def test_images_read_as_arrays(tmp_path):
    x = pixels(4, 8, 6)
    np.savez(tmp_path / "a.npz", images=x, scales=SEQUENCES[:4], y=np.arange(4))
    dataset = open_dataset(f"{tmp_path}/a.npz:kind=arrays", HOST)
    assert (dataset.kind, dataset.item.shape, dataset.stored_range) == ("arrays", (8, 6), None)
    np.testing.assert_array_equal(everything(dataset).x, x)
    np.testing.assert_array_equal(everything(dataset).inputs["scales"], SEQUENCES[:4])
    other = open_dataset(f"{tmp_path}/a.npz:x=scales", HOST)
    assert (other.kind, other.item.shape, other.array_name) == ("arrays", (30, 3), "scales")


def test_runs_say_that_rows_must_be_encoded(tokens):
    with pytest.raises(DatasetError, match=r"input of a model at .*latent-analyze encode MODEL"):
        open_source(str(tokens), HOST, label="data", seed=0)


def test_values_beyond_float32_are_not_rounded(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 3, 3), 1 << 24))
    assert (everything(opened(tmp_path / "a.npy")).x == 1 << 24).all()
    np.save(tmp_path / "b.npy", np.full((2, 3, 3), -(1 << 24) - 1))
    refused(tmp_path / "b.npy", "whole numbers of at most 16777216 .* found -16777217; scale them")


def test_values_that_are_no_numbers_are_kept(tmp_path):
    x = SEQUENCES.copy()
    x[0, 0], x[1, 0] = np.nan, np.inf
    np.save(tmp_path / "a.npy", x)
    np.testing.assert_array_equal(everything(opened(tmp_path / "a.npy")).x, x)


class TestRefused:
    def test_python_objects_are_never_unpickled(self, tmp_path):
        rows = np.empty(3, object)
        rows[:] = [np.zeros(4)] * 2 + [Trap()]
        np.save(tmp_path / "a.npy", rows, allow_pickle=True)
        text = refused(tmp_path / "a.npy", r"rows of numbers .* Python objects \(3,\)")
        assert "numpy.stack(rows)" in text
        assert not TRAPPED

    def test_complex_numbers(self, tmp_path):
        np.save(tmp_path / "a.npy", SEQUENCES * 1j)
        assert "a.imag" in refused(tmp_path / "a.npy", "real numbers")

    def test_no_rows(self, tmp_path):
        np.savez(tmp_path / "a.npz", a=np.zeros((0, 3, 2)))
        refused(tmp_path / "a.npz", "at least one row")
        np.savez(tmp_path / "b.npz", a=np.zeros(3))
        refused(tmp_path / "b.npz", "an array of rows of numbers")
        np.savez(tmp_path / "c.npz", a=SEQUENCES, y=np.arange(9))
        refused(tmp_path / "c.npz", "rows of numbers .* choose another", x="y")

    def test_labels(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=SEQUENCES, y=np.arange(3))
        refused(tmp_path / "a.npz", "9 labels in 'y'")
        np.savez(tmp_path / "b.npz", x=SEQUENCES, who=np.array(["a"] * 9))
        refused(tmp_path / "b.npz", "unique ids in 'who'", ids="who")
        np.savez(tmp_path / "c.npz", x=SEQUENCES, who=np.array([None] * 9))
        refused(tmp_path / "c.npz", "arrays of numbers or strings")

    def test_damage(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=SEQUENCES)
        content = bytearray((tmp_path / "a.npz").read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "a.npz").write_bytes(content)
        refused(tmp_path / "a.npz", r"a readable \.npz file")


class Recordings(InMemoryDataset):
    """Sequences in an .npy file."""

    name = "recordings"
    kind = "arrays"
    suffixes = (".npy",)

    def load(self) -> Items:
        x = np.load(self.path)
        return Items(x, labels={"n": np.arange(len(x))}, inputs={"first": x[:, 0]})


def test_a_data_set_of_arrays_in_memory(tmp_path):
    np.save(tmp_path / "a.npy", SEQUENCES * 100)
    dataset = Recordings(str(tmp_path / "a.npy"))
    items = dataset.read(np.array([5, 2]))
    assert (dataset.kind, dataset.item.shape, dataset.input_names) == (
        "arrays", (30, 3), ("first",),
    )  # fmt: skip
    np.testing.assert_array_equal(items.x, SEQUENCES[[5, 2]] * 100)
    np.testing.assert_array_equal(items.inputs["first"], SEQUENCES[[5, 2], 0] * 100)
