"""Labels of images from sub-folders and CSV files."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import everything, opener, refuser, write_images
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze_adapters.files.labels import parse_labels
from latent_analyze_adapters.images.folder import ImageFolder

opened = opener(ImageFolder)
refused = refuser(opened, everything)


class TestLabels:
    def test_sub_folders_are_classes(self, tmp_path):
        write_images(tmp_path, "cat/1.png", "cat/deep/2.png", "dog/1.png", "3.png")
        items = everything(opened(tmp_path))
        assert items.ids == ["3.png", "cat/1.png", "cat/deep/2.png", "dog/1.png"]
        assert items.labels["class"].tolist() == ["", "cat", "cat", "dog"]
        assert tuple(opened(tmp_path).label_names) == ("class",)

    def test_splits(self, tmp_path):
        write_images(tmp_path, "Train/cat/1.png", "test/dog/1.png", "validation/dog/1.png")
        labels = everything(opened(tmp_path)).labels
        assert labels["split"].tolist() == ["Train", "test", "validation"]
        assert labels["class"].tolist() == ["cat", "dog", "dog"]

    def test_splits_without_classes(self, tmp_path):
        write_images(tmp_path, "train/1.png", "test/1.png")
        assert tuple(opened(tmp_path).label_names) == ("split",)

    def test_train_beside_something_else_is_a_class(self, tmp_path):
        write_images(tmp_path, "train/1.png", "plane/1.png")
        assert tuple(opened(tmp_path).label_names) == ("class",)

    def test_no_labels(self, tmp_path):
        write_images(tmp_path, "1.png")
        assert tuple(opened(tmp_path).label_names) == ()

    def test_csv(self, tmp_path):
        write_images(tmp_path, "b.png", "a.png", "cat/c.png")
        table = tmp_path / "labels.csv"
        table.write_text(
            '\ufeffage,file,"full\tname",code\n3,./a.png,"x, y",007\n5,b.png,\x1b[2J,01\n'
            "7,cat\\c.png,ü,2\n9,gone.png,z,3\n",
            encoding="utf-8",
        )
        for where in (str(table), "labels.csv"):
            labels = everything(opened(tmp_path, labels=where)).labels
            assert labels["age"].tolist() == [3, 5, 7]
            assert labels["age"].dtype == np.int64
            assert labels["full\tname"].tolist() == ["x, y", "\x1b[2J", "ü"]
            assert labels["code"].tolist() == ["007", "01", "2"]
            assert labels["class"].tolist() == ["", "", "cat"]

    def test_csv_first_column_and_bare_names(self, tmp_path):
        write_images(tmp_path, "faces/1.png", "faces/2.png")
        (tmp_path / "t.csv").write_text("id,smiles\n2.png,-1\n1.png,1\n")
        assert everything(opened(tmp_path, labels="t.csv")).labels["smiles"].tolist() == [1, -1]

    @pytest.mark.parametrize(
        ("content", "expected", "found"),
        [
            (b"file,a\n1.png,3\n", "a row for each image", "none for 2.png"),
            (b"file,a\n1.png,3\n2.png,3\n1.png,4\n", "one row for each image", "1.png twice"),
            (b"file,a\n1.png,3\n2.png\n", "2 values in each row", "1 in row 3"),
            (b"file\n1.png\n2.png\n", "one of labels", "1 columns"),
            (b"", "one of labels", "0 columns"),
            (b"file,a,a\n1.png,3,4\n2.png,4,5\n", "different column names", "a twice"),
            (b"file,a\n1.png,\xff\n2.png,3\n", "a CSV file", "utf-8"),
            (None, "a CSV file", "No such file"),
        ],
    )
    def test_csv_refused(self, tmp_path, content, expected, found):
        write_images(tmp_path, "1.png", "2.png")
        if content is not None:
            (tmp_path / "t.csv").write_bytes(content)
        assert found in refused(tmp_path, expected, labels=str(tmp_path / "t.csv"))


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), min_size=1))
def test_whole_numbers_become_numbers(values):
    labels = parse_labels([str(v) for v in values])
    assert labels.dtype == np.int64
    assert labels.tolist() == values


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1))
def test_labels_keep_what_they_say(values):
    assert [str(v) for v in parse_labels(values).tolist()] == values
