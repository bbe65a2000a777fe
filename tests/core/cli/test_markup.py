"""Labels, file names and model names with markup or control characters are shown as text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from PIL import Image

MARKUP = "<img src=x onerror=alert(1)>"
ESCAPE = "\x1b[31mred\x07"
TURNED = "right\u202eleft"
CLASSES = (MARKUP, ESCAPE, TURNED)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such names there")


class Tags(HTMLParser):
    """Names of elements and of attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data


def write_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(90):
        home = folder / CLASSES[number % 3]
        home.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(home / f"{number}<b>\n{ESCAPE}.png")
    rows = [f'"{CLASSES[n % 3]}/{n}<b>\n{ESCAPE}.png",<script>{n % 2}' for n in range(90)]
    (folder / "labels.csv").write_text("\n".join([f"file,<i>{ESCAPE}", *rows]), encoding="utf-8")


def assert_plain(text: str) -> None:
    """Require that a terminal only displays the text."""
    assert not [c for c in text if not c.isprintable() and c != "\n"]


def test_everything_from_outside_is_text(
    cli: CommandLine, bring: Callable[..., None], here: Path
) -> None:
    bring("model")
    data = here / f"faces{MARKUP}{ESCAPE}"
    write_images(data)
    # Folder names with brackets and colons need an option behind them to be told from one.
    encoded = cli.works("encode", "model", data, "-o", f"latents{ESCAPE}.zarr")
    assert_plain(encoded.out + encoded.err)
    inspected = cli.works("inspect", "model", "--data", data)
    assert_plain(inspected.out + inspected.err)
    plugins = "radius,clustering,projections,neighbors,random_decode,traversals"
    ran = cli.works("run", f"latents{ESCAPE}.zarr", "--plugins", plugins, "-o", "out")
    assert_plain(ran.out + ran.err)
    html = (here / "out" / "report.html").read_text(encoding="utf-8")
    assert_plain(html)
    page = Tags(html)
    assert "script" not in page.tags
    assert not [name for name in page.attributes if name.startswith("on")]
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert f"faces{MARKUP}" in page.text
    assert r"\x1b[31mred\x07" in page.text
    assert MARKUP in page.text


def test_labels_from_a_table(cli: CommandLine, bring: Callable[..., None], here: Path) -> None:
    bring("model")
    write_images(here / "faces")
    cli.works("encode", "model", "faces:labels=labels.csv", "-o", "a.zarr")
    ran = cli.works("run", "a.zarr", "--plugins", "clustering,neighbors", "-o", "out")
    assert_plain(ran.out + ran.err)
    html = (here / "out" / "report.html").read_text(encoding="utf-8")
    assert_plain(html)
    page = Tags(html)
    assert not {"script", "i"} & page.tags


def test_an_error_that_names_them(cli: CommandLine, bring: Callable[..., None], here: Path) -> None:
    bring("model")
    name = f"{MARKUP}{ESCAPE}\n{TURNED}.png"
    (here / "faces").mkdir()
    (here / "faces" / name).write_bytes(b"no image")
    line = cli.refuses("encode", "model", "faces", saying=("an image of 8 or 16 bits", MARKUP))
    assert r"\x1b[31mred\x07" in line
    assert r"\u202e" in line
