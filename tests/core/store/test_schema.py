import pytest
from archive_store import archive_schema

from latent_analyze import StoreError
from latent_analyze.store.schema import StoreAttributes, label_arrays, parse_attributes


def metadata(**changes):
    attributes = StoreAttributes(**archive_schema().model_dump()).model_dump(mode="json")
    return {"attributes": {**attributes, **changes}}


def test_attributes_parse_back():
    schema = archive_schema()
    assert parse_attributes(metadata(), "s").differences(schema) == []
    assert parse_attributes(metadata(), "s").model_ref.fingerprint == schema.model.fingerprint


@pytest.mark.parametrize("content", [None, [], {}, {"attributes": 3}, {"attributes": {"a": 1}}])
def test_other_groups_are_refused(content):
    with pytest.raises(StoreError, match="a latent store at s, found a Zarr group of another"):
        parse_attributes(content, "s")


@pytest.mark.parametrize("version", [3, "1"])
def test_newer_formats_ask_for_an_upgrade(version):
    with pytest.raises(StoreError, match=f"found format {version}; run: pip install --upgrade"):
        parse_attributes(metadata(format=version), "s")


@pytest.mark.parametrize("change", [{"count": -5}, {"spec": 3}, {"encode": {}}, {"surprise": 1}])
def test_damaged_attributes_are_named(change):
    with pytest.raises(StoreError, match=f"attribute '{next(iter(change))}"):
        parse_attributes(metadata(**change), "s")


def test_label_arrays_cannot_leave_the_store():
    dataset = archive_schema().dataset.model_dump(mode="json")
    dataset["labels"][0]["array"] = "../../elsewhere"
    with pytest.raises(StoreError, match="an undamaged store"):
        parse_attributes(metadata(dataset=dataset), "s")


def test_differences_name_what_differs_but_no_paths():
    schema = archive_schema()
    model = schema.model.model_copy(update={"fingerprint": "other"})
    encoding = schema.encode.model_copy(update={"nonfinite": "drop"})
    moved = schema.model.model_copy(update={"path": "elsewhere"})
    assert schema.differences(schema.model_copy(update={"model": model})) == ["model"]
    assert schema.differences(schema.model_copy(update={"encode": encoding})) == ["options"]
    assert schema.differences(schema.model_copy(update={"model": moved})) == []


def test_label_arrays_are_safe_and_unique():
    names = ["digit", "Digit", "split", "a/b", "a b", "..", "Smiling"]
    arrays = label_arrays(names)
    assert arrays["digit"] == "label_digit"
    assert arrays["split"] == "split"
    assert arrays["Smiling"] == "label_Smiling"
    assert len({array.lower() for array in arrays.values()}) == len(names)
    assert not any(char in array for array in arrays.values() for char in "/\\ .:")
