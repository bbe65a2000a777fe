"""Which columns of a table are values, and which are labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from latent_analyze_adapters.vectors.columns import Column, choose_values, is_named_label

FORMS = {"f": "float", "i": "integer", "b": "boolean", "t": "text", "o": "other"}


def chosen(text, integers="auto", labels=None, ids=None):
    """Choose among columns that are written as ``"f:age i:target"``."""
    parts = [part.split(":") for part in text.split()]
    columns = {name: Column(name, FORMS[form], FORMS[form]) for form, name in parts}
    return choose_values(columns, integers, labels, ids=ids, path=Path("p.parquet"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("i:age f:weight t:name b:smokes o:day", "age weight"),
        ("f:weight i:target i:rooms", "weight rooms"),
        ("f:z0 f:z1 f:z2 i:digit i:year", "z0 z1 z2"),
        ("f:z_0 i:z_1 f:z_2 i:year", "z_0 z_1 z_2"),
        ("f:0 f:1 i:year", "0 1"),
        ("f:area_1 f:area_2 f:price i:rooms", "area_1 area_2 price rooms"),
        ("f:x1 i:rooms", "x1 rooms"),
        ("i:label i:pixel0 i:pixel1", "pixel0 pixel1"),
        ("i:x i:y i:height", "x y height"),
        ("i:y i:height", "height"),
        ("i:id i:height", "height"),
        ("b:yes t:name i:target", ""),
    ],
)
def test_the_rule(text, values):
    assert chosen(text).values == tuple(values.split())


@pytest.mark.parametrize(
    "name",
    ["label", "Label_2", "labelQuality", "target", "true_class", "clusterId", "age_group", "split",
     "id", "index", "Unnamed: 0", "customer id", "y"],
)  # fmt: skip
def test_names_of_labels(name):
    assert is_named_label(name, {})


@pytest.mark.parametrize(
    "name",
    ["age", "classes_taken", "target_weight", "mass_index", "idle", "year", "y_position", "3"],
)
def test_names_of_values(name):
    assert not is_named_label(name, {})


def test_stated_labels_and_ids_are_no_values():
    text = "f:a f:b i:n i:m"
    assert chosen(text, labels=["b", "n"]).values == ("a", "m")
    assert chosen(text, ids="n").values == ("a", "b", "m")


def test_the_option_for_whole_numbers():
    text = "f:z0 f:z1 i:n i:target b:yes"
    assert chosen(text, "values").values == ("z0", "z1", "n", "yes")
    assert chosen(text, "labels").values == ("z0", "z1")
    assert not chosen(text, "values").notes


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("f:a f:b t:name", ""),
        ("f:a i:n", "n (whole numbers) is among the values. To change that: "
         "p.parquet:integers=labels, p.parquet:vectors=[...]"),
        ("f:a i:target", "target (whole numbers) is not among the values, but a label. To change "
         "that: p.parquet:vectors=[...]"),
        ("i:n i:m b:yes b:no", "n and m (whole numbers) are among the values; yes and no (booleans)"
         " are not, but labels. To change that: p.parquet:integers=labels, "
         "p.parquet:integers=values, p.parquet:vectors=[...]"),
    ],
)  # fmt: skip
def test_the_note_names_what_was_decided_and_how_to_change_it(text, note):
    assert chosen(text).notes == ((f"Columns: {note}",) if note else ())


def test_long_lists_are_cut():
    (note,) = chosen(" ".join(f"i:column_{letter}" for letter in "abcdefghijkl")).notes
    assert "column_h and 4 more (whole numbers) are among" in note
