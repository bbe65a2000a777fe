from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.errors import StoreError
from latent_analyze.files.writing import file_sha256, replacing, safe_name, write_text_atomically

RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(10))}


def test_writes_text_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text_atomically(path, "é\nline\r\n")
    assert path.read_bytes() == "é\nline\r\n".encode()


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        _ = temporary.write_text("half") / 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a.txt"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_lone_surrogates_are_written_as_escapes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text_atomically(path, "a\udcff")
    assert path.read_text() == "a\\udcff"


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(StoreError, match=r"No space left.*-o"), replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="to write"):
        write_text_atomically(tmp_path / "file" / "a.txt", "text")


def test_target_that_is_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(StoreError):
        write_text_atomically(tmp_path / "a.txt", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    write_text_atomically(tmp_path / "a.txt", "text")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_file_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


@pytest.mark.parametrize("text", ["data", "null-gaussian", "uniform-2", "a.b_c+d=e", "000"])
def test_plain_names_stay(text: str) -> None:
    assert safe_name(text) == text


@given(st.text())
def test_names_are_safe_on_windows(text: str) -> None:
    name = safe_name(text)
    assert name
    assert name.isascii()
    assert len(name) <= 100
    assert not set(name) & set('<>:"/\\|?*')
    assert name.isprintable()
    assert name[-1] not in ". "
    assert name[0] not in ".-"
    assert name.split(".")[0].lower() not in RESERVED


@given(st.lists(st.text(max_size=6), unique=True, max_size=12))
def test_names_stay_different(texts: list[str]) -> None:
    names = {safe_name(text).lower() for text in texts}
    assert len(names) == len(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("Data", "data", "DATA"),
        ("a/b", "a:b", "a-b", "a?b"),
        ("ä", "ö", "a\u0308"),
        ("x" * 200, "x" * 201, "x" * 80),
        ("con", "CON", "con.txt", "Con.txt", "nul"),
        ("a.", "a", "a "),
        ("", " ", "."),
        ("bad\udc80", "bad\udc81"),
    ],
)
def test_near_collisions(texts: tuple[str, ...]) -> None:
    assert len({safe_name(text).lower() for text in texts}) == len(texts)
