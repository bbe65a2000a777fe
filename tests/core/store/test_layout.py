import json

import numpy as np
import pytest
from archive_store import archive_schema

from latent_analyze.store.layout import (
    ArrayLayout,
    consolidated,
    group_metadata,
    row_arrays,
    summary_arrays,
    to_json,
)

LAYOUTS = [
    ArrayLayout("a", ("sample", "latent"), "float32", 4, (3,)),
    ArrayLayout("a", ("latent",), "float64", 4),
    ArrayLayout("a", ("sample",), "int64", 4, (), {"unit": "none"}),
    ArrayLayout("a", ("sample", "h", "w", "c"), "uint8", 4, (2, 2, 3)),
    ArrayLayout("a", ("sample",), "string", 4),
]


def values_for(layout, n):
    if layout.dtype == "string":
        return np.array([f"é{i}" for i in range(n)], np.object_)
    return np.arange(n * np.prod(layout.inner, dtype=int)).reshape(n, *layout.inner)


def write(folder, layout, n=6):
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "zarr.json").write_bytes(to_json(layout.metadata(n)))
    values = values_for(layout, n)
    for index in range(2):
        chunk = layout.chunk(values[4 * index : 4 * index + 4])
        (folder / layout.chunk_file(index)).write_bytes(chunk)
        assert layout.chunk_bytes in (None, len(chunk))
    return values


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.dtype)
def test_zarr_reads_the_files(tmp_path, layout):
    zarr = pytest.importorskip("zarr")
    values = write(tmp_path, layout)
    array = zarr.open_array(tmp_path / "a", mode="r")
    assert array.metadata.dimension_names == layout.dims
    np.testing.assert_array_equal(np.asarray(array[:]).astype(values.dtype), values)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.dtype)
def test_metadata_is_what_zarr_itself_writes(tmp_path, layout):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(
        tmp_path, name="a", shape=(6, *layout.inner), chunks=(4, *layout.inner),
        dtype=str if layout.dtype == "string" else layout.dtype, compressors=None, zarr_format=3,
        fill_value=np.nan if layout.dtype.startswith("float") else layout.metadata(6)["fill_value"],
        chunk_key_encoding={"name": "default", "separator": "."},
        attributes=dict(layout.attributes), dimension_names=layout.dims,
    )  # fmt: skip
    assert json.loads((tmp_path / "a" / "zarr.json").read_bytes()) == layout.metadata(6)


def test_the_last_chunk_is_padded():
    chunk = ArrayLayout("a", ("x",), "float32", 4).chunk(np.ones(1))
    assert np.isnan(np.frombuffer(chunk, "<f4")).tolist() == [False, True, True, True]


def test_arrays_follow_the_schema():
    schema = archive_schema()
    assert list(row_arrays(schema)) == [
        "mu", "log_var", "id", "row", "label_digit", "split", "thumbnail",
    ]  # fmt: skip
    spec = schema.spec.model_copy(update={"variational": False})
    encoding = schema.encode.model_copy(update={"thumbnail": None})
    plain = schema.model_copy(update={"spec": spec, "encode": encoding})
    assert {"log_var", "thumbnail"}.isdisjoint(row_arrays(plain))


def test_no_covariance_above_4096_dimensions():
    assert "covariance" in summary_arrays(4096)
    assert "covariance" not in summary_arrays(4097)


def test_json_is_the_same_for_the_same_content_and_consolidation_keeps_it():
    group = group_metadata({"b": 1, "a": [2]})
    assert to_json(group) == to_json(dict(group))
    assert consolidated(group, {})["attributes"] == group["attributes"]
