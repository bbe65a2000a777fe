from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from latent_analyze import OptionError, PluginError
from latent_analyze.host.discovery import Host, Problem
from latent_analyze.plugin import Adapter, Analysis, Measure, Sampler, Source, hookimpl

GOOD = """
from latent_analyze.plugin import Analysis, hookimpl

class Good(Analysis):
    "Counts good things. Second sentence."
    name = "good{n}"
    def run(self, frame, source, context): ...

@hookimpl
def register_analyses():
    return [Good]
"""


class Installer:
    """Writes fake distributions: a module, and a dist-info folder with its entry point."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, code: str | None, *, points: str | None = None) -> None:
        if code is not None:
            (self.folder / f"{name}.py").write_text(code)
        info = self.folder / f"dist_{name}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 2.5\n")
        points = f"[latent_analyze]\n{name} = {name}\n" if points is None else points
        (info / "entry_points.txt").write_text(points)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installer]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Installer(tmp_path)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def problem_of(host: Host, plugin: str) -> Problem:
    (problem,) = [p for p in host.problems if p.plugin == plugin]
    assert "\n" not in problem.message
    return problem


def test_built_in_plugins_are_found_like_any_other() -> None:
    host = Host()
    assert {"radius", "slices"} <= host.analyses.keys()
    assert {"uniform", "gaussian", "shuffled"} <= host.samplers.keys()
    assert host.analyses["radius"].distribution.startswith("latent-analyze ")
    assert list(host.analyses) == sorted(host.analyses)


def test_an_installed_plugin_is_found(install: Installer) -> None:
    install("plug_good", GOOD.format(n=""))
    plugin = Host().analyses["good"]
    assert (plugin.origin, plugin.distribution) == ("plug_good", "dist-plug_good 2.5")
    assert plugin.description == "Counts good things. Second sentence."


BROKEN = {
    "import_error": ("import nothing_of_that_name", "ModuleNotFoundError"),
    "syntax_error": ("def broken(:", "SyntaxError"),
    "raises": ("raise RuntimeError('two\\nlines')", "RuntimeError"),
    "exits": ("import sys; sys.exit(3)", "SystemExit"),
    "hook_raises": (
        "from latent_analyze.plugin import hookimpl\n"
        "@hookimpl\ndef register_analyses(): raise ValueError('no')",
        r"register_analyses\(\) failed: ValueError: no",
    ),
    "hook_none": (
        "from latent_analyze.plugin import hookimpl\n@hookimpl\ndef register_analyses(): pass",
        "failed: TypeError",
    ),
    "no_class": (
        "from latent_analyze.plugin import hookimpl\n"
        "@hookimpl\ndef register_analyses(): return [3]",
        "registers 3, which is no subclass of Analysis",
    ),
    "wrong_base": (
        "from latent_analyze.plugin import hookimpl, Sampler\n"
        "@hookimpl\ndef register_analyses(): return [Sampler]",
        "no subclass of Analysis",
    ),
    "unknown_hook": (
        "from latent_analyze.plugin import hookimpl\n@hookimpl\ndef register_analysis(): return []",
        "implements register_analysis, which is no hook",
    ),
    "arguments": (
        "from latent_analyze.plugin import hookimpl\n"
        "@hookimpl\ndef register_adapters(): return []\n"
        "@hookimpl\ndef register_samplers(host): return []\n"
        "@hookimpl\ndef register_analyses(): return []\n",
        "cannot be registered",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_stops_nothing_else(install: Installer, kind: str) -> None:
    code, message = BROKEN[kind]
    install("plug_broken", code)
    install("plug_good", GOOD.format(n=""))
    host = Host()
    problem = problem_of(host, "plug_broken")
    assert problem.distribution == "dist-plug_broken 2.5"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(problem.message)
    assert {"good", "radius"} <= host.analyses.keys()


def test_one_bad_class_leaves_the_others_of_its_plugin(install: Installer) -> None:
    install("plug_half", GOOD.format(n="").replace("[Good]", "[None, Good]"))
    host = Host()
    assert "good" in host.analyses
    assert "None" in problem_of(host, "plug_half").message


def test_an_entry_point_to_nowhere(install: Installer) -> None:
    install("plug_nowhere", None)
    install("plug_attribute", "", points="[latent_analyze]\nplug_attribute = plug_attribute:gone\n")
    host = Host()
    assert "ModuleNotFoundError" in problem_of(host, "plug_nowhere").message
    assert "AttributeError" in problem_of(host, "plug_attribute").message


def test_damaged_metadata_of_one_distribution(install: Installer) -> None:
    install("plug_damaged", "", points="[latent_analyze]\nno equals sign\n")
    install("plug_good", GOOD.format(n=""))
    host = Host()
    assert {"good", "radius"} <= host.analyses.keys()
    assert "damaged metadata" in problem_of(host, "dist-plug_damaged").message


def test_two_plugins_of_one_name_are_an_error_that_names_both(install: Installer) -> None:
    install("plug_one", GOOD.format(n=""))
    install("plug_two", GOOD.format(n=""))
    host = Host()
    assert "good" not in host.analyses
    with pytest.raises(PluginError) as caught:
        host.get("analysis", "good")
    for name in ("plug_one (dist-plug_one 2.5)", "plug_two (dist-plug_two 2.5)"):
        assert name in str(caught.value)
    assert "uninstall one of them" in str(caught.value)
    assert len(host.problems) == 1
    assert "radius" in host.analyses


def test_analysis_and_sampler_may_share_a_name(toys: Any) -> None:
    class Same(Sampler):
        """Same."""

        name = "moments"

        def fit(self, reference: Source | None, seed: int) -> Source:
            raise NotImplementedError

    host = Host([toys.Plugin(analyses=[toys.Moments], samplers=[Same])], discover=False)
    assert not host.problems
    assert host.get("analysis", "moments").cls is toys.Moments
    assert host.get("sampler", "moments").cls is Same


def analysis(**members: Any) -> type:
    return type("Made", (Analysis,), {"__doc__": "Made.", "run": lambda *_: None, **members})


class PlainOptions(BaseModel):
    pass


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (analysis(), "name must be lower case"),
        (analysis(name="Upper"), "name must be lower case"),
        (analysis(name="has space"), "name must be lower case"),
        (analysis(name="colon:"), "name must be lower case"),
        (analysis(name=""), "name must be lower case"),
        (analysis(name="empty", run=Analysis.run), "neither accumulator nor run"),
        (analysis(name="options", Options=PlainOptions), "no subclass of AnalysisOptions"),
        (analysis(name="options", Options=None), "no subclass of AnalysisOptions"),
        (analysis(name="again", measures=[Measure("n", "n")] * 2), "declares 'n' twice"),
        (Analysis, "name must be"),
    ],
)
def test_faulty_analyses(toys: Any, cls: type, message: str) -> None:
    host = Host([toys.Plugin(analyses=[cls, toys.Drawn])], discover=False)
    assert message in problem_of(host, "Plugin").message
    assert list(host.analyses) == ["drawn"]


def test_a_name_may_be_declared_for_images_and_for_vectors(toys: Any) -> None:
    both = [Measure("out", "out", dims=dims) for dims in (("f",), ("y", "x"))]
    host = Host([toys.Plugin(analyses=[analysis(name="both", measures=both)])], discover=False)
    assert list(host.analyses) == ["both"]


def test_abstract_classes_are_told_what_they_lack(toys: Any) -> None:
    half = type("Half", (Sampler,), {"name": "half", "__doc__": "Half."})
    host = Host([toys.Plugin(samplers=[half])], discover=False)
    assert "Half has neither draw nor fit" in problem_of(host, "Plugin").message
    lacking = type("Lacking", (Adapter,), {"name": "lacking", "__doc__": "Lacking."})
    host = Host([toys.Plugin(adapters=[lacking])], discover=False)
    assert "Lacking lacks open" in problem_of(host, "Plugin").message


def test_hosts_do_not_share_plugins(toys: Any) -> None:
    one = Host([toys.Plugin(analyses=[toys.Drawn])], discover=False)
    two = Host(discover=False)
    assert list(one.analyses) == ["drawn"]
    assert not two.analyses


def test_the_same_plugin_twice_is_one(toys: Any) -> None:
    plugin = toys.Plugin(analyses=[toys.Drawn])
    host = Host([plugin, plugin], discover=False)
    assert list(host.analyses) == ["drawn"]
    assert not host.problems


def test_a_module_is_a_plugin(toys: Any) -> None:
    module = ModuleType("typed_in_a_notebook")
    module.register_analyses = hookimpl(lambda: [toys.Drawn])  # type: ignore[attr-defined]
    assert Host([module], discover=False).analyses["drawn"].origin == "typed_in_a_notebook"


def test_unknown_names_give_the_nearest(make_host: Callable[..., Host]) -> None:
    with pytest.raises(OptionError, match="did you mean moments"):
        make_host().get("analysis", "moment")
    with pytest.raises(OptionError, match=r"known adapter.*no adapter is available"):
        make_host().get("adapter", "onnx")


def test_plugins_are_made_with_validated_options(host: Host) -> None:
    plugin = host.get("analysis", "moments")
    assert plugin.make({"power": 2}).options.power == 2
    with pytest.raises(OptionError, match=r"moments\.power"):
        plugin.make({"power": 0})


def test_a_plugin_of_the_first_version_is_told_where_its_names_went(install: Installer) -> None:
    install("old_plugin", "from latent_analyze import Analysis, hookimpl\n")
    with pytest.raises(PluginError, match=r"write 'from latent_analyze\.plugin import Analysis'"):
        Host().get("analysis", "old_plugin")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"name": "BigName"}, "must be lower case"),
        ({"requires": frozenset({"decodr"})}, "requires names 'decodr'; known: encoder"),
        ({"counts": {"smple": (5, 9)}}, "counts names 'smple'"),
        ({"cost": "hevy"}, "cost names 'hevy'; known: light, heavy"),
        ({"measures": Measure("a", "a")}, "mind the comma"),
        ({"measures": (Measure("a", "a"), Measure("a", "b"))}, "declares 'a' twice"),
    ],
)
def test_what_is_wrong_with_an_analysis_is_said(
    toys: Any, body: dict[str, Any], fault: str
) -> None:
    wrong = type("Wrong", (toys.Moments,), {"name": "wrong", "__doc__": "Wrong."} | body)
    host = Host([wrong], discover=False)
    assert fault in problem_of(host, "Wrong").message
    with pytest.raises(PluginError, match=re.escape(fault)):
        host.get("analysis", wrong.name)


def test_a_module_without_any_plugin_is_a_problem(install: Installer) -> None:
    install("plain", "VALUE = 3\n")
    assert "holds no plugin" in problem_of(Host(), "plain").message
