"""The documentation is true: options, scalars, hooks, links and commands are the program's."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import latent_analyze as la
from latent_analyze.cli.app import app
from latent_analyze.host import hookspecs
from latent_analyze.host.discovery import KINDS, Plugin
from latent_analyze.host.options import SamplerOptions, describe_options
from latent_analyze.models.bundle import Bundle, DecoderSpec, EncoderSpec
from latent_analyze.plugin import Analysis, Context, Host, Latents, ModelSpec, Sampler, TensorSpec
from latent_analyze.runs.config import RunConfig
from latent_analyze.testing import run_analysis, tiny_codes, tiny_source

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
HOST = Host()

DESCRIBED_BY_THEIR_CONTRACT = {"is_streaming"}
"""Members that the host uses and authors do not."""

PLURALS = {
    "analysis": "analyses", "adapter": "adapters", "dataset": "datasets", "sampler": "samplers",
    "trainer": "trainers",
}  # fmt: skip

PAGE_OF = {
    "adapter": "models.md", "dataset": "models.md", "sampler": "samplers.md",
    "trainer": "models.md",
}  # fmt: skip


def plugins_of(kind: str) -> dict[str, Plugin[Any]]:
    """Return the plugins of this distribution, by name; others have docs of their own."""
    found = getattr(HOST, PLURALS[kind])
    return {n: p for n, p in found.items() if p.distribution.startswith("latent-analyze ")}


def pairs_of(*kinds: str) -> list[tuple[str, str]]:
    return [(kind, name) for kind in kinds for name in plugins_of(kind)]


def page_of(kind: str, name: str) -> str:
    """Return what the documentation says about a plugin: its page, or its section of one."""
    if kind == "analysis":
        return (DOCS / "analyses" / f"{name}.md").read_text(encoding="utf-8")
    return section((DOCS / PAGE_OF[kind]).read_text(encoding="utf-8"), name)


def section(page: str, title: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) `?{re.escape(title)}`?$", page, re.MULTILINE)
    assert match, f"a heading {title!r}"
    rest = page[match.end() :]
    following = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def table(model: Any, *, title: str, without: Any = None) -> str:
    """Return options as the Markdown table that a page must hold: what `plugins show` prints."""
    rows = [
        f"| `{row['name']}` | {_type(row['type'])} | `{row['default']}` | {row['description']} |"
        for row in describe_options(model)
        if without is None or row["name"] not in without.model_fields
    ]
    head = f"| {title} | value | default | what it is |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows) if rows else ""


def _type(text: str) -> str:
    if re.fullmatch(r"(\w+Spec( \| none)?)|dict\[.*", text):
        return "table"
    return " or ".join(f"`{part}`" for part in text.split(" | "))


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_all_plugins_load() -> None:
    mine = [p for p in HOST.problems if p.distribution.startswith("latent-analyze ")]
    assert not mine, "a plugin that does not load is in no table below"


@pytest.mark.parametrize(
    ("kind", "name"), pairs_of("analysis", "dataset", "trainer"), ids=lambda v: v
)
def test_options_are_documented_as_they_are(kind: str, name: str) -> None:
    wanted = table(plugins_of(kind)[name].cls.Options, title="option")
    assert wanted in page_of(kind, name), f"the page needs this table:\n{wanted}"


@pytest.mark.parametrize("name", plugins_of("sampler"))
def test_options_of_samplers_are_documented_as_they_are(name: str) -> None:
    cls = plugins_of("sampler")[name].cls
    page = (DOCS / "samplers.md").read_text(encoding="utf-8")
    wanted = table(cls.Options, title="option", without=SamplerOptions)
    assert wanted in section(page, name), f"the section needs this table:\n{wanted}"
    shared = table(SamplerOptions, title="option")
    assert shared in section(page, "Options of all samplers"), f"it needs this table:\n{shared}"
    overview = next(line for line in page.splitlines() if line.startswith(f"| [`{name}`]"))
    assert f"| {cls().matches} |" in overview, "what the sampler matches"


@pytest.mark.parametrize("name", plugins_of("adapter"))
def test_adapters_are_documented(name: str) -> None:
    cls = plugins_of("adapter")[name].cls
    assert not hasattr(cls, "Options"), "options of an adapter need a table in models.md"
    assert f"`{name}`" in (DOCS / "models.md").read_text(encoding="utf-8")


class Model:
    """Encodes images of 4 x 4 pixels to their first 8, and decodes these."""

    fingerprint = "docs"
    spec = ModelSpec(
        name="docs",
        adapter="docs",
        input=TensorSpec(shape=(4, 4, 1), layout="HWC", range=(0.0, 1.0)),
        latent=TensorSpec(shape=(8,)),
        output=TensorSpec(shape=(4, 4, 1), layout="HWC", range=(0.0, 1.0)),
        can_encode=True,
        can_decode=True,
    )

    def encode(self, x: np.ndarray) -> Latents:
        return Latents(x.reshape(len(x), 16)[:, :8].astype(np.float32))

    def decode(self, z: np.ndarray) -> np.ndarray:
        return np.clip(np.tile(z, 2), 0, 1).reshape(-1, 4, 4, 1).astype(np.float32)


def images(rows: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).random((len(rows), 4, 4, 1), dtype=np.float32)


@pytest.mark.parametrize("name", plugins_of("analysis"))
def test_scalars_and_arrays_are_documented(name: str) -> None:
    analysis, page = plugins_of("analysis")[name].cls(), page_of("analysis", name)
    source = tiny_source(200, 8, variational="log_var" in analysis.requires)
    if "coordinates" not in analysis.latents:
        source = tiny_codes(200, (2, 4))
    other = tiny_source(200, 6, seed=1, label="other")
    result = run_analysis(analysis, source, model=Model(), images=images, others=[other]).data
    for scalar, entry in result.scalars.items():
        public = re.sub(r"_\d+_\d+$", "_<i>_<j>", scalar)
        public = re.sub(r"_(pc|axis)\d+_(pc|axis)\d+_(whole|zoom\d)$", "_<plane>_<window>", public)
        public = re.sub(r"\[other\]$", "[<case>]", public)
        public = re.sub(r"\[(test|train)\]$", "[<split>]", public)
        row = re.search(
            rf"^\|[^|]*`{re.escape(public)}`[^|]*\|.*\| (yes|no|partly)\b[^|]*\|$",
            page,
            re.MULTILINE,
        )
        assert row, f"a row for the scalar {public}"
        if row[1] != "partly":
            assert (row[1] == "yes") == entry.calibrated, f"whether {public} is calibrated"
    for array, values in result.arrays.items():
        if array in ("row", "id"):
            # The host adds them to values per row.
            continue
        public = array.replace("[other]", "[<case>]")
        assert f"`{public}`" in page, f"the array {array} with dims {values.dims}"


@pytest.mark.parametrize("hook", [hook for hook, _ in KINDS.values()])
def test_hooks_are_documented(hook: str) -> None:
    assert getattr(hookspecs, hook)
    base = next(base for name, base in KINDS.values() if name == hook)
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    row = next((s for s in page.splitlines() if s.startswith(f"| `{hook}` |")), "")
    assert f"`latent_analyze.plugin.{base.__name__}`" in row


@pytest.mark.parametrize("contract", [Analysis, Sampler, Context])
def test_what_an_analysis_or_sampler_may_do_is_documented(contract: type) -> None:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    for member in vars(contract):
        if not member.startswith("_") and member not in DESCRIBED_BY_THEIR_CONTRACT:
            assert re.search(rf"\b{member}\b", page), member


def test_every_hook_is_a_kind_of_plugin() -> None:
    hooks = {name for name in vars(hookspecs) if name.startswith("register_")}
    assert hooks == {hook for hook, _ in KINDS.values()}


@pytest.mark.parametrize("model", [Bundle, EncoderSpec, DecoderSpec])
def test_fields_of_model_toml_are_documented(model: type) -> None:
    part = section((DOCS / "models.md").read_text(encoding="utf-8"), "model.toml")
    lines = part.splitlines()
    for row in table(model, title="key").splitlines():
        start = row.removesuffix(" |").rstrip()
        found = [line for line in lines if line.startswith(start)]
        assert found, f"a row of the reference: {row}"
        assert found[0].split("|")[4].strip(), f"a description of {start}"


def test_the_examples_of_model_toml_are_valid() -> None:
    examples = blocks(DOCS / "models.md", "toml")
    assert len(examples) >= 4
    for example in examples:
        assert Bundle.model_validate(tomllib.loads(example)).encoder is not None


def test_every_module_of_the_core_has_a_floor() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    for path in (ROOT / "core" / "latent_analyze").iterdir():
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py"):
            assert f"`{path.stem}`" in page or f"`{path.name}/`" in page, path.name


# --- pages, links, images ---------------------------------------------------------------------


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link and not link.startswith("mailto:"):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_images_exist(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", t).strip().lower().replace(" ", "-") for t in titles}
            assert anchor in slugs, link


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert f": {page.relative_to(DOCS).as_posix()}\n" in navigation, page.name


def test_images_are_small_and_used() -> None:
    from PIL import Image

    used = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    images = sorted((DOCS / "images").iterdir())
    assert images
    for path in images:
        assert path.stat().st_size < 200_000, path.name
        assert Image.open(path).width <= 1400, path.name
        assert path in used, path.name


# --- the command line -------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    """Return the program's commands by name: ``run``, ``plugins show``."""
    found = {}
    for name, command in typer.main.get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {n}": c for n, c in inner.items()} if inner else {name: command}
    return found


def options_of(command: Any) -> set[str]:
    return {o for p in command.params for o in p.opts if o.startswith("--")} - {"--help"}


@pytest.mark.parametrize("name", commands())
def test_commands_and_their_options_are_documented(name: str) -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert f"latent-analyze {name}" in page
    part = section(page, f"latent-analyze {name}")
    for option in sorted(options_of(commands()[name])):
        assert re.search(rf"`{option}\b", part), f"{option} of {name}"


def test_keys_of_run_toml_are_documented() -> None:
    part = section((DOCS / "command-line.md").read_text(encoding="utf-8"), "run.toml")
    for name, field in RunConfig.model_fields.items():
        if name == "trust":
            assert "`--trust`" in part
            continue
        assert f"| `{field.alias or name}` |" in part, field.alias or name


def command_lines(page: Path) -> list[str]:
    """Return the lines of the page's code that call the program."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"^(?:    )+(.*)$", text, re.MULTILINE)
    code += [line for block in blocks(page, "sh") for line in block.splitlines()]
    code += re.findall(r"`(latent-analyze [^`]*)`", text)
    calls = [re.sub(r"^.*&& (?=latent-analyze )", "", line) for line in code]
    return [re.split(r"\s{2,}#", c)[0] for c in calls if c.startswith("latent-analyze ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_command_lines_in_the_docs_are_ones(page: Path) -> None:
    trainers = (p.cls.Options for p in plugins_of("trainer").values())
    of_train = {f"--{n.replace('_', '-')}" for options in trainers for n in options.model_fields}
    for line in command_lines(page):
        words = shlex.split(line)[1:]
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in commands()), None)
        if name is None:
            assert words in (["--help"], ["plugins"]), line
            continue
        known = options_of(commands()[name]) | (of_train if name == "train" else set())
        assert {w.partition("=")[0] for w in words if w.startswith("--")} <= known, line
        if "--plugins" in words:
            chosen = la.api.choices(words[words.index("--plugins") + 1])
            others = {choice.name for choice in chosen} - set(plugins_of("analysis"))
            assert others <= {"all", "tails"}, line
