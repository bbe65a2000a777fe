from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from latent_analyze.errors import LatentAnalyzeError, OptionError, StoreError
from latent_analyze.host.discovery import Host
from latent_analyze.plugin import Analysis, AnalysisOptions, ArraySource
from latent_analyze.runs.config import PluginChoice, RunConfig
from latent_analyze.runs.plan import Plan, make_plan, resolve
from latent_analyze.runs.selection import choose
from latent_analyze.testing import tiny_source


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "points.npy", tiny_source(200, 3).z)
    np.save(tmp_path / "other.npy", tiny_source(200, 3, seed=1).z)
    np.save(tmp_path / "wide.npy", tiny_source(200, 4).z)
    np.savez(tmp_path / "labelled.npz", z=tiny_source(50, 3).z, split=np.repeat(["a", "b"], 25))
    return tmp_path


def plan(host: Host, *sources: str, **kwargs: Any) -> Plan:
    return make_plan(RunConfig(sources=sources or ("points.npy",), **kwargs), host)


def choice(name: str, **options: Any) -> PluginChoice:
    return PluginChoice(name=name, options=options)


class Heavy(Analysis):
    """Takes long."""

    name = "heavy"
    cost = "heavy"

    def run(self, *_: Any) -> Any: ...


class Decodes(Heavy):
    """Decodes."""

    name = "decodes"
    cost = "light"
    requires = frozenset({"decoder", "labels"})


class Asking(Heavy):
    """Has an option without a default."""

    name = "asking"
    cost = "light"

    class Options(AnalysisOptions):
        label: str = Field(description="a label")


def test_one_case_is_called_data(host: Host, here: Path) -> None:
    made = plan(host)
    assert [case.reference.label for case in made.cases] == ["data"]
    assert made.config.sources == (str(here / "points.npy"),)
    assert [c.key for c in made.cases[0].choices] == ["drawn", "moments"]
    assert list(made.cases[0].nulls) == ["gaussian"]


def test_several_cases_are_called_by_their_names(host: Host) -> None:
    made = plan(host, "points.npy", "wide.npy")
    assert [case.reference.label for case in made.cases] == ["points", "wide"]
    named = plan(host, "points.npy", "wide.npy", labels=("ae", "vae"))
    assert [case.reference.label for case in named.cases] == ["ae", "vae"]


def test_two_subsets_of_one_store_are_two_cases(host: Host) -> None:
    made = plan(host, "labelled.npz[split=a]", "labelled.npz[split=b]")
    labels = [case.reference.label for case in made.cases]
    assert labels == ["labelled[split=a]", "labelled[split=b]"]


def test_open_sources_stand_for_their_text(host: Host) -> None:
    config = RunConfig(sources=("mine",))
    source = tiny_source()
    made = make_plan(config, host, given={"mine": source})
    assert made.cases[0].reference.fingerprint == source.fingerprint
    assert made.cases[0].reference.label == "data"


def test_open_sources_are_checked_too(host: Host) -> None:
    z = np.ones((5, 2))
    z[2, 0] = np.nan
    config = RunConfig(sources=("mine",))
    with pytest.raises(StoreError, match="NaN or infinity in 1 of 5 rows"):
        make_plan(config, host, given={"mine": ArraySource(z)})
    dropped = config.model_copy(update={"nonfinite": "drop"})
    assert make_plan(dropped, host, given={"mine": ArraySource(z)}).cases[0].reference.count == 4


def test_shown_sources_and_nulls_are_fitted_to_each_case(host: Host) -> None:
    made = plan(
        host, "points.npy", "wide.npy", shown=("uniform:b=1.5", "other.npy"), nulls=("shuffled",)
    )
    first, second = made.cases
    assert [source.label for source in first.shown] == ["uniform:b=1.5", "other"]
    assert [source.label for source in second.shown] == ["uniform:b=1.5"]
    assert second.shown[0].dim == 4
    assert list(first.nulls) == ["shuffled"]


def test_texts_are_made_absolute(host: Host, here: Path) -> None:
    config = RunConfig(
        sources=("points.npy:limit=9", "labelled.npz[split=a]"),
        shown=("other.npy", "uniform"),
        model="points.npy",
        data="digits",
    )
    found = resolve(config, host)
    assert found.sources == (f"{here}/points.npy:limit=9", f"{here}/labelled.npz[split=a]")
    assert found.shown == (f"{here}/other.npy", "uniform")
    assert (found.model, found.data) == (f"{here}/points.npy", "digits")


def test_the_resolved_plan_plans_the_same_from_elsewhere(
    host: Host, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(host, "points.npy", "labelled.npz[split=a]", shown=("uniform", "other.npy"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    again = make_plan(made.config, host)
    assert again.config == made.config
    assert [c.reference.fingerprint for c in again.cases] == [
        c.reference.fingerprint for c in made.cases
    ]


def test_no_nulls(host: Host) -> None:
    assert not plan(host, nulls=("none",)).cases[0].nulls
    assert not plan(host, null_repeats=0).cases[0].nulls


def test_the_same_analysis_twice_with_other_options(host: Host) -> None:
    made = plan(host, plugins=(choice("moments", power=1), choice("moments", power=2)))
    assert [c.key for c in made.cases[0].choices] == ["moments:power=1", "moments:power=2"]
    with pytest.raises(OptionError, match="more than once"):
        plan(host, plugins=(choice("moments"), choice("moments")))


def test_all_means_all(make_host: Callable[..., Host], toys: Any) -> None:
    host = make_host(toys.Moments, Heavy)
    made = plan(host, plugins=(choice("all"),))
    assert [c.key for c in made.cases[0].choices] == ["heavy", "moments"]
    assert [c.key for c in plan(host).cases[0].choices] == ["moments"]


def test_what_does_not_apply_is_left_out_with_its_reason(
    make_host: Callable[..., Host], toys: Any
) -> None:
    (case,) = plan(make_host(toys.Moments, Decodes)).cases
    assert [c.key for c in case.choices] == ["moments"]
    (left,) = case.left_out
    assert left.analysis == "decodes"
    assert "needs decoder: the source has no model" in left.reason
    assert "needs labels: the source has no labels" in left.reason


def test_asking_for_nothing_that_applies_is_an_error(
    make_host: Callable[..., Host], toys: Any
) -> None:
    host = make_host(toys.Moments, Decodes)
    with pytest.raises(OptionError, match="decodes needs decoder"):
        plan(host, plugins=(choice("decodes"),))
    (case,) = plan(host, plugins=(choice("decodes"), choice("moments"))).cases
    assert len(case.left_out) == 1


def test_an_analysis_whose_options_must_be_given_stops_no_other(
    make_host: Callable[..., Host], toys: Any
) -> None:
    host = make_host(toys.Moments, Asking)
    assert [c.key for c in choose(RunConfig(), host)] == ["moments"]
    (left,) = plan(host).cases[0].left_out
    assert (left.analysis, left.reason) == ("asking", "needs a value for label")
    with pytest.raises(OptionError, match=r"asking\.label"):
        plan(host, plugins=(choice("asking"),))


@pytest.mark.parametrize(
    ("sources", "given", "expected"),
    [
        ((), {}, r"none given and none at \./latents\.zarr; name one, or make one"),
        (("gone.npy",), {}, "nothing there"),
        (("points.npy", "points.npy"), {}, "different names.*--label"),
        (("points.npy",), {"labels": ("a", "b")}, "1 labels, one per source, found 2"),
        (("points.npy", "wide.npy"), {"labels": ("a", "a")}, "different names"),
        (("points.npy",), {"plugins": ("momenst",)}, "did you mean moments"),
        (("points.npy",), {"plugins": ("moments:powr=2",)}, "did you mean power"),
        (("points.npy",), {"plugins": ("moments:power=0",)}, r"moments\.power"),
        (("points.npy",), {"nulls": ("gausian",)}, "did you mean gaussian"),
        (("points.npy",), {"nulls": ("gaussian:cov=1",)}, "option of gaussian"),
        (("points.npy",), {"nulls": ("posterior",)}, "a source with log_var for posterior"),
        (("points.npy",), {"shown": ("uniform:b=0",)}, r"uniform\.b .*greater than 0"),
        (("points.npy",), {"shown": ("uniform:b=-2",)}, r"uniform\.b"),
        (("points.npy",), {"shown": ("unifrom",)}, "did you mean uniform"),
        (("points.npy",), {"shown": ("uniform:dim=9",)}, "dim=3, that of data"),
        (("points.npy",), {"shown": ("gone.npy",)}, "nothing there"),
        (("points.npy",), {"shown": ("uniform", "uniform")}, "labels of their own"),
        (("points.npy",), {"shown": ("wide.npy",)}, r"same dimensions as a case \(data: 3\)"),
        (("points.npy",), {"shown": ("points.npy", "points.npy")}, "labels of their own"),
        (("points.npy",), {"model": "gone.onnx"}, "a model at .*gone.onnx, found nothing there"),
    ],
)
def test_bad_runs_get_one_line_before_any_work(
    host: Host, sources: tuple[str, ...], given: dict[str, Any], expected: str
) -> None:
    from latent_analyze.host.options import parse_spec

    specs = [parse_spec(text) for text in given.pop("plugins", ())]
    given["plugins"] = tuple(choice(s.name, **s.options) for s in specs)
    with pytest.raises(LatentAnalyzeError, match=expected) as caught:
        make_plan(RunConfig(sources=sources, **given), host)
    assert len(str(caught.value).splitlines()) == 1


def test_an_empty_array_is_refused(host: Host) -> None:
    with pytest.raises(StoreError, match="found no rows"):
        make_plan(RunConfig(sources=("mine",)), host, given={"mine": ArraySource(np.zeros((0, 3)))})


def test_above_the_limit_of_covariances_the_null_is_diagonal(host: Host) -> None:
    source = ArraySource(np.random.default_rng(0).random((5, 4100), dtype=np.float32))
    made = make_plan(RunConfig(sources=("mine",)), host, given={"mine": source})
    assert list(made.cases[0].nulls) == ["gaussian:covariance=diag"]
