import mmap
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from archive_store import archived_rows, write
from hypothesis import given, settings
from hypothesis import strategies as st
from store_fakes import FakeDataset, FakeModel, encode_fakes

from latent_analyze import LatentAnalyzeError, StoreError
from latent_analyze.plugin import Source
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.sources.summary import SummaryAccumulator
from latent_analyze.sources.views import PosteriorSource, select
from latent_analyze.store import Store, open_store

ARCHIVES = sorted((Path(__file__).parents[1] / "data").glob("store-format-*.zarr"))
ALL = frozenset({"z", "mu", "log_var", "id", "label:digit", "label:split"})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return encode_fakes(tmp_path_factory.mktemp("store") / "s.zarr")


@pytest.fixture
def small(tmp_path):
    write(tmp_path / "s")
    return tmp_path / "s"


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_archived_stores_of_every_format_open(path):
    store, expected = open_store(path), archived_rows()
    batch = store.take(np.arange(store.count), ALL)
    np.testing.assert_array_equal(batch.z, expected["mu"])
    np.testing.assert_array_equal(batch.log_var, expected["log_var"])
    np.testing.assert_array_equal(batch.ids, expected["id"])
    np.testing.assert_array_equal(batch.labels["digit"], expected["label_digit"])
    np.testing.assert_array_equal(batch.labels["split"], expected["split"])
    np.testing.assert_array_equal(store.thumbnails(np.arange(5)), expected["thumbnail"])
    np.testing.assert_allclose(store.summary().covariance, np.cov(expected["mu"].T))


def test_there_is_an_archived_store_of_the_current_format(small):
    assert ARCHIVES
    assert (ARCHIVES[-1] / "zarr.json").read_bytes() == (small / "zarr.json").read_bytes()


def test_a_store_is_a_source(store):
    assert isinstance(store, Source)
    assert (store.count, store.dim, store.label) == (50, 4, "data")
    assert store.fields == ALL | {"label:Writer's name"}
    assert [block.size for block in store.blocks()] == [16, 16, 16, 2]
    assert store.has_thumbnails
    assert (store.spec.name, store.model_ref.path) == ("fake", "bundle")


def test_blocks_are_mapped_and_read_only(store):
    z = store.read(store.blocks()[1]).z
    assert z.dtype == np.float32
    assert z.flags.c_contiguous
    assert not z.flags.writeable
    owner = z
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)


def test_only_what_was_asked_for_is_read(store):
    batch = store.read(store.blocks()[0])
    assert (batch.mu, batch.log_var, batch.ids, batch.labels) == (None, None, None, {})
    batch = store.read(store.blocks()[3], store.fields)
    assert batch.z is batch.mu
    assert batch.ids.tolist() == ["imäge-48", "imäge-49"]
    assert batch.labels["digit"].tolist() == [8, 9]
    assert batch.labels["Writer's name"].tolist() == ["Åsa 0", "Åsa 1"]


def test_mapped_reads_equal_those_of_zarr(store):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(store.path, mode="r")
    for name, field in (("mu", "mu"), ("log_var", "log_var")):
        mapped = [getattr(store.read(block, ALL), field) for block in store.blocks()]
        np.testing.assert_array_equal(np.concatenate(mapped), group[name][:])


@pytest.mark.filterwarnings("error")
def test_xarray_opens_it_as_a_labeled_data_set(store):
    xarray = pytest.importorskip("xarray")
    with xarray.open_zarr(store.path) as data:
        assert data.mu.dims == ("sample", "latent")
        assert data.mu.shape == (50, 4)
        assert data.thumbnail.dims == ("sample", "height", "width", "channel")
        assert {"id", "row", "split", "label_digit"} <= set(data.mu.coords)
        assert data.split.values[:2].tolist() == ["test", "train"]
        assert data.label_digit.values.tolist() == [i % 10 for i in range(50)]
        np.testing.assert_array_equal(data.mu.values, store.take(np.arange(50)).z)
        assert data.attrs["complete"] is True


def test_subsets_and_posterior_draws_of_a_store(store):
    test = select(store, {"split": "test"}, "data[split=test]")
    np.testing.assert_array_equal(test.take(np.arange(10)).z, store.take(np.arange(0, 50, 5)).z)
    draws = PosteriorSource(store, 0, "data@posterior")
    assert draws.read(draws.blocks()[3]).z.shape == (2, 4)


def test_rows_and_thumbnails_come_in_the_order_asked_for(tmp_path):
    data = FakeDataset(bad=(2, 3))
    store = encode_fakes(tmp_path / "s", dataset=data, nonfinite="drop")
    rows = np.array([40, 2, 0, 2])
    assert store.rows_of(rows).tolist() == [42, 4, 0, 4]
    expected = np.rint(data.x[[42, 4, 0, 4]] * 255)
    np.testing.assert_array_equal(store.thumbnails(rows), expected)


def test_a_store_without_thumbnails_says_so(tmp_path):
    store = encode_fakes(tmp_path / "s", thumbnails=False)
    assert not store.has_thumbnails
    with pytest.raises(StoreError, match="a store with thumbnails"):
        store.thumbnails(np.arange(2))


def test_the_summary_is_that_of_the_rows(store):
    accumulator = SummaryAccumulator(4)
    for block in store.blocks():
        accumulator.add(store.read(block).z)
    expected, found = accumulator.result(), store.summary()
    for name in ("mean", "variance", "covariance", "min", "max"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (found.count, found.radius_min, found.radius_max, found.nonfinite) == (
        50, expected.radius_min, expected.radius_max, 0,
    )  # fmt: skip


def test_the_covariance_is_exact_for_a_mean_of_1000(tmp_path):
    data = FakeDataset(5000)
    plain = encode_fakes(tmp_path / "a", FakeModel(batch=256), data, block_rows=512)
    model = FakeModel(offset=1000, batch=256, fingerprint="off-center")
    shifted = encode_fakes(tmp_path / "b", model, data, block_rows=512)
    np.testing.assert_allclose(shifted.summary().mean, plain.summary().mean + 1000, rtol=1e-6)
    for store in (plain, shifted):
        z = store.take(np.arange(5000)).z.astype(np.float64)
        exact, found = np.cov(z.T), store.summary().covariance
        assert np.abs(found - exact).max() <= 1e-5 * np.abs(exact).max()


def test_fingerprints_depend_on_rows_and_on_no_path(tmp_path, store):
    moved = encode_fakes(tmp_path / "elsewhere")
    other = encode_fakes(tmp_path / "other", dataset=FakeDataset(49, fingerprint="data-b"))
    assert moved.fingerprint == store.fingerprint != other.fingerprint
    assert Store(moved.path, "another label").fingerprint == store.fingerprint


def test_a_pickled_store_is_opened_again(store, tmp_path, monkeypatch):
    monkeypatch.chdir(store.path.parent)
    data = pickle.dumps(Store(store.path.name, "relative"))
    assert len(data) < 500
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(data)
    assert (again.label, again.fingerprint) == ("relative", store.fingerprint)


def test_another_process_reads_the_same(store):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(Store.summary, store).result()
    np.testing.assert_array_equal(found.mean, store.summary().mean)


def test_samples_equal_those_of_an_array(store):
    z = store.take(np.arange(50)).z
    np.testing.assert_array_equal(store.sample(7, 3).z, ArraySource(z).sample(7, 3).z)


def test_a_missing_store_names_the_encode_command(tmp_path):
    with pytest.raises(StoreError, match="nothing there; make it with: latent-analyze encode"):
        open_store(tmp_path / "none.zarr")


@pytest.mark.parametrize("kind", ["file", "folder", "group"])
def test_other_paths_are_refused(tmp_path, kind):
    path = tmp_path / "s"
    if kind == "file":
        path.write_bytes(b"")
    else:
        path.mkdir()
    if kind == "group":
        (path / "zarr.json").write_text('{"attributes": {}, "node_type": "group"}')
    with pytest.raises(StoreError, match="expected a latent store at"):
        open_store(path)


def test_an_incomplete_store_asks_to_finish_it(small):
    metadata = small / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"complete": true', '"complete": false'))
    with pytest.raises(StoreError, match="run the same encode command again to finish it"):
        open_store(small)


@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("mu/c.1.0", "cut", r"mu/c\.1\.0 has 23 bytes instead of 24"),
        ("thumbnail/c.0.0.0.0", "grow", "13 bytes instead of 12"),
        ("row/c.0", "remove", r"row/c\.0 is missing"),
        ("id/c.0", "remove", r"id/c\.0 is missing"),
        ("journal.jsonl", "cut", "a changed journal"),
        ("journal.jsonl", "remove", r"no journal\.jsonl"),
        ("zarr.json", "cut", r"a zarr\.json that is not JSON"),
    ],
)
def test_damage_is_found_when_opening(small, name, harm, message):
    path = small / name
    content = path.read_bytes().rstrip(b"\n") if name == "zarr.json" else path.read_bytes()
    path.write_bytes(content[:-1] if harm == "cut" else content + b"0")
    if harm == "remove":
        path.unlink()
    with pytest.raises(StoreError, match=message):
        open_store(small)


def test_damaged_texts_are_found_when_reading(small):
    path = small / "id" / "c.0"
    path.write_bytes(path.read_bytes()[:-1])
    store = open_store(small)
    with pytest.raises(StoreError, match=r"chunk id/c\.0"):
        store.read(store.blocks()[0], ALL)


@pytest.mark.parametrize("name", ["zarr.json", "mean/c.0"])
def test_a_damaged_summary_is_found_when_asked_for(small, name):
    path = small / "summary" / name
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(StoreError, match="an undamaged store"):
        open_store(small).summary()


def problem_with(path):
    """Return the error of opening a store, empty if there is none; other errors are raised."""
    try:
        Store(path).summary()
    except LatentAnalyzeError as error:
        return str(error)
    return ""


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_metadata_is_a_one_line_error_or_nothing(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    if not path.exists():
        write(path)
    whole = (ARCHIVES[0] / "zarr.json").read_bytes()
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(content) // 4))] = data.draw(st.integers(0, 255))
    (path / "zarr.json").write_bytes(content)
    assert "\n" not in problem_with(path)
