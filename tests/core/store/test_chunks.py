import importlib.util

import numpy as np
import pytest
from archive_store import archived_rows, write

from latent_analyze import MissingDependencyError, StoreError
from latent_analyze.store import is_store, open_store

HAS_FSSPEC = importlib.util.find_spec("fsspec") is not None


@pytest.fixture
def small(tmp_path):
    write(tmp_path / "s")
    return tmp_path / "s"


@pytest.mark.skipif(HAS_FSSPEC, reason="fsspec is installed")
def test_a_url_without_fsspec_names_the_package(small):
    with pytest.raises(MissingDependencyError, match="pip install fsspec"):
        open_store(small.as_uri())


@pytest.mark.skipif(not HAS_FSSPEC, reason="fsspec is not installed")
def test_remote_stores_read_like_local_ones(small):
    local, remote = open_store(small), open_store(small.as_uri())
    assert remote.fingerprint == local.fingerprint
    rows, fields = np.arange(5), local.fields
    for name in ("z", "log_var", "ids"):
        expected = getattr(local.take(rows, fields), name)
        np.testing.assert_array_equal(getattr(remote.take(rows, fields), name), expected)
    np.testing.assert_array_equal(remote.thumbnails(rows), archived_rows()["thumbnail"])
    np.testing.assert_array_equal(remote.summary().covariance, local.summary().covariance)


@pytest.mark.skipif(not HAS_FSSPEC, reason="fsspec is not installed")
def test_a_missing_store_at_a_url_names_the_encode_command(tmp_path):
    with pytest.raises(StoreError, match="nothing there"):
        open_store((tmp_path / "none").as_uri())


@pytest.mark.parametrize("content", ["", "[]", '{"node_type": "array"}', '{"attributes": {}}'])
def test_what_is_a_store(small, tmp_path, content):
    assert is_store(small)
    assert is_store("s3://bucket/s")
    assert not is_store(tmp_path)
    assert not is_store(tmp_path / "none")
    assert not is_store("\0")
    (small / "zarr.json").write_text(content)
    # Without metadata it may be a damaged store: the error says so.
    assert is_store(small) == (content == "")


def test_a_chunk_cut_after_opening_is_found_when_reading(small):
    store = open_store(small)
    (small / "mu" / "c.0.0").write_bytes(b"123")
    with pytest.raises(StoreError, match="has 3 bytes instead of 24"):
        store.read(store.blocks()[0])
    (small / "mu" / "c.0.0").unlink()
    with pytest.raises(StoreError, match=r"chunk mu/c\.0\.0"):
        store.read(store.blocks()[0])
