from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from latent_analyze.errors import OptionError
from latent_analyze.runs.config import (
    PluginChoice,
    RunConfig,
    apply_settings,
    dump_config,
    load_config,
    make_config,
)

CONFIG = RunConfig(
    sources=("/a/points.npy", "b[split=test]"),
    labels=("a", 'quote " and \\'),
    plugins=(
        PluginChoice(name="radius", options={"bin_width": 0.05, "edges": [0, 1.5]}),
        PluginChoice(name="slices"),
    ),
    shown=("uniform:b=1.5",),
    nulls=("gaussian", "shuffled"),
    null_repeats=5,
    seed=7,
    nonfinite="drop",
)


def test_a_config_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(dump_config(CONFIG), encoding="utf-8")
    assert make_config(load_config(path)) == CONFIG


def test_a_file_cannot_make_a_model_trusted(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("trust = true")
    assert load_config(path) == {}
    assert "trust" not in dump_config(RunConfig(trust=True))


def test_the_file_uses_the_names_of_the_command_line() -> None:
    keys = tomllib.loads(dump_config(CONFIG)).keys()
    assert {"with", "null", "null_repeats", "label", "sources", "seed"} <= keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sources = ", "valid TOML"),
        ("sorces = []", "did you mean sources"),
        ("null_repeats = -1", "a valid null_repeats"),
        ("nonfinite = 'keep'", "a valid nonfinite"),
        ("sources = 5", "a valid sources"),
        ("[[plugins]]\nnam = 'radius'", r"a valid plugins\.0\.name"),
        ("plugins = 'radius'", "a valid plugins"),
    ],
)
def test_bad_files_get_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=expected) as caught:
        load_config(path)
    assert len(str(caught.value).splitlines()) == 1


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a TOML file at"):
        load_config(tmp_path / "gone.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="valid TOML"):
        load_config(tmp_path / "b.toml")
    with pytest.raises(OptionError, match="a TOML file at"):
        load_config(tmp_path)


def test_settings_win_over_options() -> None:
    found = apply_settings(CONFIG.plugins, ["radius.bin_width=0.5", "radius.edges=[1,2]"])
    assert found[0].options == {"bin_width": 0.5, "edges": [1, 2]}
    assert found[1] == CONFIG.plugins[1]


def test_settings_reach_every_plugin_of_that_name() -> None:
    twice = (PluginChoice(name="a", options={"x": 1}), PluginChoice(name="a"))
    assert [c.options["y"] for c in apply_settings(twice, ["a.y=2"])] == [2, 2]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("radius", "key=value"),
        ("radius=1", r"--set name\.key=value"),
        ("raduis.x=1", "did you mean radius"),
    ],
)
def test_bad_settings(setting: str, expected: str) -> None:
    with pytest.raises(OptionError, match=expected):
        apply_settings(CONFIG.plugins, [setting])


def test_a_choice_as_text() -> None:
    assert CONFIG.plugins[0].text == "radius:bin_width=0.05:edges=[0,1.5]"


@pytest.mark.parametrize("values", [{"seed": "x"}, {"null_repeats": 1.5}, {"labels": 3}])
def test_wrong_values_name_their_key(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"a valid (seed|null_repeats|label)"):
        make_config(values)
