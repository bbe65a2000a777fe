import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from store_fakes import SHAPE, FakeDataset, FakeModel, encode_fakes, interrupt_encode, tree

from latent_analyze import DatasetError, ModelError, StoreError
from latent_analyze.store import open_store, read_attributes

HELPERS = Path(__file__).parents[1] / "helpers"


def test_round_trip(tmp_path):
    data, model = FakeDataset(), FakeModel()
    store = encode_fakes(tmp_path / "deep" / "s.zarr", model, data)
    batch = store.take(np.arange(50), store.fields)
    expected = [FakeModel().encode(data.x[i : i + 8]) for i in range(0, 50, 8)]
    np.testing.assert_array_equal(batch.z, np.concatenate([part.mu for part in expected]))
    np.testing.assert_array_equal(batch.log_var, np.concatenate([p.log_var for p in expected]))
    items = data.read(np.arange(50))
    assert batch.ids.tolist() == items.ids
    for name, values in items.labels.items():
        np.testing.assert_array_equal(batch.labels[name], values)
    np.testing.assert_array_equal(store.thumbnails(np.arange(50)), np.rint(data.x * 255))
    assert open_store(store.path).fingerprint == store.fingerprint


def test_the_attributes_describe_model_and_data(tmp_path):
    schema = encode_fakes(tmp_path / "s").schema
    assert schema.model.model_dump() == {
        "path": "bundle", "fingerprint": "model-a", "adapter": "fake",
    }  # fmt: skip
    data = schema.dataset
    assert (data.name, data.location, data.count, data.kind) == ("fakes", "fakes", 50, "images")
    assert data.item.shape == SHAPE
    assert [label.name for label in data.labels] == ["digit", "Writer's name", "split"]
    assert (schema.encode.nonfinite, schema.encode.batch, schema.dropped) == ("refuse", 8, 0)


def test_a_plain_autoencoder_has_no_log_var(tmp_path):
    store = encode_fakes(tmp_path / "s", FakeModel(variational=False))
    assert "log_var" not in store.fields
    assert not (store.path / "log_var").exists()


def test_spatial_latents_are_flattened(tmp_path):
    store = encode_fakes(tmp_path / "s", FakeModel(latent=(2, 3, 3)))
    assert (store.dim, store.read(store.blocks()[0]).z.shape) == (18, (16, 18))


def test_rows_that_are_no_images_have_no_thumbnails(tmp_path):
    data = FakeDataset()
    data.kind = "arrays"
    store = encode_fakes(tmp_path / "s", dataset=data)
    assert store.schema.encode.thumbnail is None
    assert store.schema.dataset.kind == "arrays"


def test_two_runs_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        encode_fakes(tmp_path / name)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


@pytest.mark.parametrize(
    ("thumbnails", "shape"), [(4, (4, 3, 1)), (True, (8, 6, 1)), (False, None)]
)
def test_thumbnails_by_option(tmp_path, thumbnails, shape):
    assert encode_fakes(tmp_path / "s", thumbnails=thumbnails).schema.encode.thumbnail == shape


def test_blocks_are_no_larger_than_the_data_set(tmp_path):
    assert encode_fakes(tmp_path / "s", block_rows=None).block_rows == 50


def test_a_complete_store_is_opened_as_it_is(tmp_path):
    first = encode_fakes(tmp_path / "s")
    before, model = tree(tmp_path), FakeModel()
    again = encode_fakes(tmp_path / "s", model)
    assert model.batches == []
    assert (again.fingerprint, tree(tmp_path)) == (first.fingerprint, before)


def test_progress_counts_rows(tmp_path):
    seen = []
    encode_fakes(tmp_path / "s", progress=lambda *step: seen.append(step))
    assert seen[0] == ("encode", 8, 50)
    assert seen[-1] == ("encode", 50, 50)


def test_nonfinite_rows_are_counted_named_and_refused(tmp_path):
    data = FakeDataset(bad=(33, 35, 36, 38))
    with pytest.raises(
        ModelError,
        match=r"NaN or infinity in 4 of the rows 32 to 39: 'imäge-33', 'imäge-35', 'imäge-36', "
        r"\.\.\.; check the model .* --nonfinite drop",
    ):
        encode_fakes(tmp_path / "s", dataset=data)
    assert list(tmp_path.iterdir()) == []


def test_refused_rows_leave_the_blocks_of_an_earlier_call(tmp_path):
    data = FakeDataset(bad=(20,))
    interrupt_encode(tmp_path / "s", 2, dataset=data)
    before = tree(tmp_path)
    with pytest.raises(ModelError, match="'imäge-20'"):
        encode_fakes(tmp_path / "s", dataset=data)
    assert tree(tmp_path) == before


def test_an_interruption_before_the_first_block_leaves_nothing(tmp_path):
    interrupt_encode(tmp_path / "s", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [(0,), (3, 17, 49), tuple(range(20)), tuple(range(16, 50))])
def test_dropped_rows_are_left_out_and_counted(tmp_path, bad):
    store = encode_fakes(tmp_path / "s", dataset=FakeDataset(bad=bad), nonfinite="drop")
    kept = [row for row in range(50) if row not in bad]
    assert store.rows_of(np.arange(store.count)).tolist() == kept
    assert (store.schema.count, store.schema.dropped) == (len(kept), len(bad))
    batch = store.take(np.arange(store.count), frozenset({"z", "id"}))
    assert batch.ids.tolist() == [f"imäge-{row}" for row in kept]
    assert np.isfinite(batch.z).all()
    assert store.summary().count == len(kept)


@pytest.mark.parametrize("batches", [3, 5, 6])
@pytest.mark.parametrize("bad", [(3, 17, 49), tuple(range(12, 50))])
def test_dropping_resumes_after_an_interruption(tmp_path, batches, bad):
    options = {"dataset": FakeDataset(bad=bad), "nonfinite": "drop", "block_rows": 10}
    encode_fakes(tmp_path / "whole", **options)
    interrupt_encode(tmp_path / "s", batches, **options)
    encode_fakes(tmp_path / "s", **options)
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")


def test_nothing_finite_is_an_error(tmp_path):
    data = FakeDataset(bad=range(50))
    with pytest.raises(ModelError, match="NaN or infinity in all 50 rows"):
        encode_fakes(tmp_path / "s", dataset=data, nonfinite="drop")
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_model_is_refused(tmp_path):
    encode_fakes(tmp_path / "s")
    with pytest.raises(
        StoreError, match=r"a store of another model: .*choose another -o, or remove"
    ):
        encode_fakes(tmp_path / "s", FakeModel(fingerprint="model-b"))


def test_an_interrupted_store_of_other_data_or_options_is_refused(tmp_path):
    interrupt_encode(tmp_path / "s", 3)
    before = tree(tmp_path)
    for changed, name in [
        ({"dataset": FakeDataset(fingerprint="data-b")}, "data set"),
        ({"nonfinite": "drop"}, "options"),
        ({"block_rows": 8}, "options"),
    ]:
        with pytest.raises(StoreError, match=f"a store of another {name}: "):
            encode_fakes(tmp_path / "s", **changed)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_that_is_not_a_store_is_left_alone(tmp_path, kind):
    path = tmp_path / "s"
    if kind == "file":
        path.write_text("precious")
    else:
        (path / "precious").mkdir(parents=True)
    before = tree(tmp_path)
    with pytest.raises(StoreError, match="choose another -o"):
        encode_fakes(path)
    assert tree(tmp_path) == before


def test_an_empty_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="at least one row, found none in fakes"):
        encode_fakes(tmp_path / "s", dataset=FakeDataset(0))


def test_images_of_another_shape_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"8 x 6 x 1.*found 9 x 6 x 3.*resize= and crop="):
        encode_fakes(tmp_path / "s", dataset=FakeDataset(shape=(9, 6, 3)))


def test_vectors_are_rows_of_a_model_of_vectors(tmp_path):
    data = FakeDataset()
    data.kind = "vectors"
    assert encode_fakes(tmp_path / "s", dataset=data).count == data.count


def test_a_model_without_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="a model with an encoder"):
        encode_fakes(tmp_path / "s", FakeModel(can_encode=False))
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
from store_fakes import encode_fakes
from latent_analyze import StoreError
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
try:
    encode_fakes(sys.argv[1], block_rows=4)
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs RLIMIT_FSIZE")
def test_a_refused_write_keeps_the_committed_blocks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "s"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(HELPERS)}, timeout=60, check=False,
    )  # fmt: skip
    assert "found File too large; make room or choose another place with -o" in done.stdout, done
    assert not read_attributes(tmp_path / "s").complete
    model = FakeModel()
    encode_fakes(tmp_path / "s", model, block_rows=4)
    assert 1 <= len(model.batches) < 7
    encode_fakes(tmp_path / "whole", block_rows=4)
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")


def test_importing_loads_neither_zarr_nor_xarray():
    code = (
        "import sys, latent_analyze.store.encode, latent_analyze.store; "
        "print({'zarr', 'xarray', 'fsspec', 'PIL', 'numcodecs'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
