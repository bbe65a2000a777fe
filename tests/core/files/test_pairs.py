from __future__ import annotations

from pathlib import Path

import pytest

from latent_analyze.files.pairs import all_exist, missing_part, resolved, split_pair


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.onnx", "b+c.onnx", "sub/d.onnx"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.onnx+sub/d.onnx", ["a.onnx", "sub/d.onnx"]),
        ("a.onnx+b+c.onnx", ["a.onnx", "b+c.onnx"]),
        ("b+c.onnx+a.onnx", ["b+c.onnx", "a.onnx"]),
        ("b+c.onnx", ["b+c.onnx"]),
        ("a.onnx+gone.onnx", ["a.onnx+gone.onnx"]),
        ("+a.onnx", ["+a.onnx"]),
        ("a.onnx", ["a.onnx"]),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_pairs(folder, text, parts, kind):
    assert split_pair(kind(text)) == tuple(map(Path, parts))


def test_a_path_that_exists_is_that_path(folder):
    (folder / "a.onnx+sub").mkdir()
    (folder / "a.onnx+sub" / "d.onnx").touch()
    assert split_pair("a.onnx+sub/d.onnx") == (Path("a.onnx+sub/d.onnx"),)


def test_existence_and_absolute_paths(folder):
    assert all_exist("a.onnx+sub/d.onnx")
    assert not all_exist("a.onnx+gone.onnx")
    assert missing_part("a.onnx+gone.onnx") == Path("gone.onnx")
    assert missing_part("gone.onnx+a.onnx") == Path("gone.onnx")
    assert missing_part("a.onnx") is missing_part("gone.onnx") is missing_part("x+y") is None
    both = folder.resolve() / "a.onnx", folder.resolve() / "sub" / "d.onnx"
    assert resolved("a.onnx+sub/d.onnx") == f"{both[0]}+{both[1]}"
    assert split_pair(resolved("a.onnx+sub/d.onnx")) == both


def test_links_keep_the_suffix_of_their_names(folder):
    (folder / "blob").touch()
    (folder / "model.onnx").symlink_to("blob")
    assert resolved("model.onnx") == str(folder.resolve() / "model.onnx")
    assert resolved(".") == str(folder.resolve())
