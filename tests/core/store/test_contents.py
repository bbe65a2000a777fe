import json

import numpy as np
from archive_store import archive_schema, archived_rows

from latent_analyze.sources.summary import SummaryAccumulator
from latent_analyze.store.contents import complete_files, empty_files


def test_an_empty_store_says_that_it_is_incomplete():
    files = empty_files(archive_schema())
    assert files["journal.jsonl"] == b""
    assert json.loads(files["zarr.json"])["attributes"]["complete"] is False
    assert json.loads(files["mu/zarr.json"])["shape"] == [5, 2]


def test_a_complete_store_has_its_final_shapes_and_all_metadata_in_one_file():
    accumulator = SummaryAccumulator(2)
    accumulator.add(archived_rows()["mu"][:4])
    files, root = complete_files(archive_schema(), accumulator.result(), "hash")
    content = json.loads(root)
    attributes, members = content["attributes"], content["consolidated_metadata"]["metadata"]
    assert (attributes["complete"], attributes["count"], attributes["dropped"]) == (True, 4, 1)
    assert members["mu"]["shape"] == [4, 2]
    assert members["summary/covariance"]["shape"] == [2, 2]
    for name, metadata in members.items():
        assert json.loads(files[f"{name}/zarr.json"]) == metadata
    assert np.frombuffer(files["summary/mean/c.0"]).tolist() == [1.75, 1.0]
    assert "zarr.json" not in files
