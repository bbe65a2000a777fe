"""Further outputs of an encoder in a store: codes, and latents that the decoder does not take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_fakes import DIM, FakeDataset, FakeModel, encode_fakes, tree

from latent_analyze import ModelError, StoreError
from latent_analyze.plugin import FurtherSpec, Latents
from latent_analyze.store import open_store, read_attributes
from latent_analyze.store.schema import output_arrays

Z2 = FurtherSpec(name="z2", shape=(3,))
INDICES = FurtherSpec(name="indices", shape=(2, 2), dtype="int64")


def values_of(output, mu):
    """Return what the fake model gives for a further output."""
    scale = 1 + sum(map(ord, output.name)) % 7
    rows = np.resize(scale * np.nan_to_num(mu), (output.size, len(mu))).T
    return np.rint(np.abs(rows)) if output.dtype == "int64" else rows


class FurtherModel(FakeModel):
    """The fake model with further outputs; it may be interrupted after some batches."""

    def __init__(self, *further, stop=None, **more):
        super().__init__(further=further, **more)
        self.stop = stop

    def encode(self, x):
        if self.stop is not None and len(self.batches) == self.stop:
            raise KeyboardInterrupt
        latents = super().encode(x)
        return latents._replace(
            further={o.name: values_of(o, latents.mu) for o in self.spec.further}
        )


def encode_further(output, *further, **options):
    return encode_fakes(output, FurtherModel(*further), **options)


def rows_of(store, *names):
    fields = frozenset(f"output:{name}" for name in names)
    return store.take(np.arange(store.count), fields).outputs


def test_round_trip(tmp_path):
    store = open_store(encode_further(tmp_path / "s.zarr", Z2, INDICES).path)
    assert store.fields >= {"output:z2", "output:indices"}
    assert store.spec.further == (Z2, INDICES)
    found, mu = rows_of(store, "z2", "indices"), store.take(np.arange(50)).z
    assert (found["z2"].dtype, found["indices"].dtype) == (np.float32, np.int64)
    batches = [slice(start, start + 8) for start in range(0, 50, 8)]
    for output in (Z2, INDICES):
        expected = np.concatenate([values_of(output, mu[rows]) for rows in batches])
        np.testing.assert_array_equal(found[output.name], expected.astype(output.dtype))


def test_only_the_requested_outputs_are_read(tmp_path):
    store = encode_further(tmp_path / "s", Z2, INDICES)
    block = store.blocks()[-1]
    assert store.read(block).outputs == {}
    batch = store.read(block, frozenset({"output:z2", "output:z9"}))
    assert {name: values.shape for name, values in batch.outputs.items()} == {"z2": (2, 3)}


def test_xarray_shows_them(tmp_path):
    xarray = pytest.importorskip("xarray")
    path = encode_further(tmp_path / "s.zarr", Z2, INDICES).path
    opened = xarray.open_zarr(path)
    assert opened.output_z2.dims == ("sample", "z2")
    assert opened.output_indices.dims == ("sample", "indices")
    assert opened.output_indices.shape == (50, 4)
    np.testing.assert_array_equal(opened.output_z2.values, rows_of(open_store(path), "z2")["z2"])
    assert opened.isel(sample=opened.split.values == "test").output_z2.shape == (10, 3)


@pytest.mark.parametrize(
    "name", ["latent", "id", "mu", "sample", "encoder/z2:0", "label_digit", "Ä"]
)
def test_names_that_arrays_and_dimensions_have(tmp_path, name):
    xarray = pytest.importorskip("xarray")
    output = FurtherSpec(name=name, shape=(DIM + 1,))
    path = encode_further(tmp_path / "s.zarr", output).path
    opened = xarray.open_zarr(path)
    (array,) = output_arrays([name]).values()
    assert opened[array].shape == (50, DIM + 1)
    assert opened.mu.shape == (50, DIM)
    assert rows_of(open_store(path), name)[name].shape == (50, DIM + 1)


names = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=3, unique=True)


@settings(max_examples=12, deadline=None)
@given(names=names, size=st.integers(1, 9), dtype=st.sampled_from(["float32", "int64"]))
def test_the_other_arrays_are_unchanged(tmp_path_factory, names, size, dtype):
    folder = tmp_path_factory.mktemp("stores")
    outputs = [FurtherSpec(name=name, shape=(size,), dtype=dtype) for name in names]
    options = {"dataset": FakeDataset(bad=(3, 17)), "nonfinite": "drop"}
    encode_fakes(folder / "without", **options)
    encode_fakes(folder / "with", FurtherModel(*outputs), **options)
    without, having = tree(folder / "without"), tree(folder / "with")
    changed = {"zarr.json", "journal.jsonl"}
    assert {k: having[k] for k in without if k not in changed} == {
        k: v for k, v in without.items() if k not in changed
    }
    added = {path.partition("/")[0] for path in having.keys() - without.keys()}
    assert added == set(output_arrays(names).values())


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_an_interrupted_store_gets_the_same_bytes(tmp_path, batches):
    whole = encode_further(tmp_path / "whole" / "s", Z2, INDICES)
    with pytest.raises(KeyboardInterrupt):
        encode_fakes(tmp_path / "cut" / "s", FurtherModel(Z2, INDICES, stop=batches))
    encode_further(tmp_path / "cut" / "s", Z2, INDICES)
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")
    assert whole.fingerprint == open_store(tmp_path / "cut" / "s").fingerprint


def test_a_damaged_chunk_is_encoded_again(tmp_path):
    encode_further(tmp_path / "whole" / "s", Z2)
    with pytest.raises(KeyboardInterrupt):
        encode_fakes(tmp_path / "cut" / "s", FurtherModel(Z2, stop=5))
    assert not read_attributes(tmp_path / "cut" / "s").complete
    chunk = tmp_path / "cut" / "s" / "output_z2" / "c.1.0"
    chunk.write_bytes(chunk.read_bytes()[::-1])
    encode_further(tmp_path / "cut" / "s", Z2)
    assert tree(tmp_path / "cut") == tree(tmp_path / "whole")


def test_a_missing_chunk_is_damage(tmp_path):
    path = encode_further(tmp_path / "s", Z2).path
    (path / "output_z2" / "c.0.0").unlink()
    with pytest.raises(StoreError, match=r"output_z2/c\.0\.0 is missing"):
        open_store(path)


def test_a_store_with_other_outputs_is_refused(tmp_path):
    encode_further(tmp_path / "s", Z2)
    with pytest.raises(StoreError, match="a store of another model"):
        encode_further(tmp_path / "s", Z2, INDICES)


def test_what_is_not_finite_drops_no_rows(tmp_path):
    class Infinite(FurtherModel):
        def encode(self, x):
            latents = super().encode(x)
            return latents._replace(further={"z2": np.full((len(x), 3), np.nan)})

    store = encode_fakes(tmp_path / "s", Infinite(Z2))
    assert store.count == 50
    assert np.isnan(rows_of(store, "z2")["z2"]).all()


@pytest.mark.parametrize(
    ("further", "found"),
    [(None, "none"), ({"z3": np.zeros((8, 3))}, "none"), ({"z2": np.zeros((8, 4))}, r"\(8, 4\)")],
)
def test_outputs_that_do_not_match_the_spec(tmp_path, further, found):
    class Wrong(FurtherModel):
        def encode(self, x):
            return super().encode(x)._replace(further=further)

    with pytest.raises(ModelError, match=rf"output 'z2' of shape \(8, 3\) from fake.*{found}"):
        encode_fakes(tmp_path / "s", Wrong(Z2))


def test_outputs_that_the_spec_does_not_list_are_not_kept(tmp_path):
    class More(FakeModel):
        def encode(self, x):
            return Latents(*super().encode(x)[:2], {"z2": np.zeros((len(x), 3))})

    assert not any(f.startswith("output:") for f in encode_fakes(tmp_path / "s", More()).fields)
