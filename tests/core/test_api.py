"""The notebook's way in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_bundle import write_images, write_tiny_bundle

import latent_analyze as la
from latent_analyze import api
from latent_analyze.errors import ModelError, OptionError, StoreError
from latent_analyze.host.discovery import Host
from latent_analyze.models.runtime_check import check_runtime
from latent_analyze.plugin import ArraySource, Options, Trainer, hookimpl
from latent_analyze.report.report import check_output
from latent_analyze.testing import tiny_source


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "points.npy", tiny_source(200, 3).z)
    return tmp_path


def run(*sources: Any, host: Host, **options: Any) -> la.Report:
    return la.run(*sources, host=host, **{"null_repeats": 2, **options})


class TestRun:
    def test_arrays_sources_and_paths_are_the_same(self, host: Host, here: Path) -> None:
        z = np.load("points.npy")
        given = ("points.npy", here / "points.npy", z, ArraySource(z, "mine"))
        means = {run(one, host=host)["moments"].data["moment"] for one in given}
        assert len(means) == 1

    def test_two_stores_of_one_label(self, host: Host, here: Path) -> None:
        """The advice is followed: names, or a folder for the z-points."""
        stores = [ArraySource(tiny_source(30, 2, seed=seed).z) for seed in (0, 1)]
        with pytest.raises(OptionError, match=r'name them: ArraySource\(z, "name"\)'):
            run(*stores, host=host)
        named = [
            ArraySource(store.read(store.blocks()[0]).z, n)
            for n, store in zip("ab", stores, strict=True)
        ]
        assert [case.reference.label for case in run(*named, host=host).outcome.cases] == ["a", "b"]

    def test_what_a_report_gives(self, host: Host) -> None:
        report = run("points.npy", host=host, plugins="moments", shown="normal,uniform:b=1.5")
        results = report["moments"]
        assert list(results.results) == ["data", "normal", "uniform:b=1.5"]
        assert results.data["rows"] == 200
        assert results.calibration("moment") is not None
        assert [f.text for f in report.findings] == [
            f"The mean radius is {results.data['moment']:.3g}."
        ]
        assert repr(report).splitlines() == ["<Report: data>", f"note: {report.findings[0].text}"]
        assert not report.failed
        assert [figure.name for figure in report.figures("moments")] == ["moments-positive"]

    def test_options_as_text_or_list(self, host: Host) -> None:
        one = run("points.npy", host=host, plugins="moments:power=2,moments:power=3")
        two = run("points.npy", host=host, plugins=["moments:power=2", "moments:power=3"])
        assert list(one.cases["data"].analyses) == ["moments:power=2", "moments:power=3"]
        for key in one.cases["data"].analyses:
            assert one[key].data["moment"] == two[key].data["moment"]

    def test_several_cases(self, host: Host) -> None:
        report = run(np.eye(3), np.eye(4), host=host, plugins="moments", labels=("a", "b"))
        assert list(report.cases) == ["a", "b"]
        assert report.results("moments", "b").data["rows"] == 4
        assert report["moments"].data["rows"] == 3

    def test_no_null(self, host: Host) -> None:
        assert run("points.npy", host=host, null="none")["moments"].ensembles == {}

    def test_nothing_is_written_without_a_place(self, host: Host, here: Path) -> None:
        run("points.npy", host=host)
        assert [path.name for path in here.iterdir()] == ["points.npy"]

    def test_a_report_is_written(self, host: Host, here: Path) -> None:
        run("points.npy", host=host, output="report")
        names = {path.name for path in (here / "report").iterdir()}
        assert {"report.html", "run.toml", "results.json", "results"} <= names

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"plugins": "momentz"}, "did you mean moments"),
            ({"plugins": "moments:power=0"}, "greater than 0"),
            ({"null_repeats": -1}, "a valid null_repeats"),
            ({"nonfinite": "keep"}, "a valid nonfinite"),
            ({"label": ("a", "b")}, "1 labels, one per source, found 2"),
            ({"nul": "shuffled"}, "did you mean null"),
            ({"calibrate": ("momentz",)}, "did you mean moments"),
        ],
    )
    def test_wrong_options(self, host: Host, options: dict[str, Any], expected: str) -> None:
        with pytest.raises(OptionError, match=expected):
            run("points.npy", host=host, **options)

    def test_wrong_sources(self, host: Host) -> None:
        with pytest.raises(OptionError, match="a path, an array or a source, found list"):
            run([[1.0, 2.0]], host=host)
        with pytest.raises(StoreError, match=r"none at \./latents\.zarr"):
            run(host=host)


class TestReport:
    def test_unknown_names(self, host: Host) -> None:
        report = run("points.npy", host=host, plugins="moments")
        with pytest.raises(OptionError, match="did you mean moments"):
            report["moment"]
        with pytest.raises(OptionError, match="did you mean data"):
            report.results("moments", "dat")

    def test_results_of_what_failed(
        self, make_host: Callable[..., Host], toys: SimpleNamespace
    ) -> None:
        class Broken(toys.Drawn):  # type: ignore[misc]
            """Fails."""

            name = "broken"

            def run(self, *_: Any) -> Any:
                raise ZeroDivisionError("by zero")

        class Awry(Broken):
            """Fails in another way."""

            name = "awry"

            def run(self, *_: Any) -> Any:
                raise ValueError("no value")

        report = run("points.npy", host=make_host(toys.Moments, Broken, Awry))
        assert report.failed
        assert report["moments"].data["rows"] == 200
        with pytest.raises(OptionError, match=r"results of broken, found that it failed: .*zero"):
            report["broken"]
        with pytest.raises(OptionError, match=r"results of awry, found that it failed: .*no value"):
            report["awry"]

    def test_saving_later_gives_the_same(self, host: Host, here: Path) -> None:
        run("points.npy", host=host, output="one")
        page = run("points.npy", host=host).save("two")
        assert page == Path("two") / "report.html"
        one, two = ((here / d / "results.json").read_bytes() for d in ("one", "two"))
        assert one == two

    def test_it_takes_only_its_own_place(self, host: Host, here: Path) -> None:
        report = run("points.npy", host=host)
        report.save("report")
        report.save("report")
        (here / "empty").mkdir()
        report.save("empty")
        with pytest.raises(OptionError, match=r"other files \(empty, points.npy, report\)"):
            report.save(here)
        with pytest.raises(OptionError, match="found a file"):
            report.save("points.npy")

    def test_a_report_that_was_interrupted_is_gone_on_with(self, here: Path) -> None:
        (here / "report" / "results").mkdir(parents=True)
        check_output(here / "report")


class TestTexts:
    def test_plugins(self) -> None:
        (radius, slices) = api.choices(["radius:bin_width=0.5", "slices"])
        assert (radius.name, radius.options, slices.options) == ("radius", {"bin_width": 0.5}, {})
        assert api.choices("a:x=[1,2],b") == api.choices(["a:x=[1,2]", "b"])
        assert api.choices("") == ()

    def test_sources_between_commas(self, here: Path) -> None:
        assert api.split_texts("uniform:b=1, normal") == ("uniform:b=1", "normal")
        assert api.split_texts(["a", "b,c"]) == ("a", "b", "c")
        assert api.split_texts("s.zarr[split=test,digit=3],x") == (
            "s.zarr[split=test,digit=3]",
            "x",
        )

    def test_a_path_that_exists_is_a_path(self, here: Path) -> None:
        np.save(here / "a,b.npy", np.eye(3))
        assert api.split_texts(["a,b.npy", "c,d"]) == ("a,b.npy", "c", "d")


class TestOpenSource:
    def test_a_subset_of_a_store(self, here: Path) -> None:
        write_tiny_bundle(here / "model")
        write_images(here / "images.npz", 100)
        store = la.encode("model", "images.npz")
        assert (store.count, store.path) == (100, Path("latents.zarr"))
        subset = la.open_source("latents.zarr[split=test]", label="mine")
        assert (subset.label, subset.count) == ("mine[split=test]", 20)

    def test_nothing_there(self) -> None:
        with pytest.raises(StoreError, match="nothing there"):
            la.open_source("gone.zarr")


class Checked:
    """A model whose runtime gives something else than its trainer."""

    def __init__(self, differences: dict[str, float] | None) -> None:
        self.differences = differences

    def check(self) -> dict[str, float] | None:
        return self.differences


class TestRuntimeCheck:
    @pytest.mark.parametrize("differences", [None, {}, {"mu": 0.0}, {"mu": 1e-4, "decoded": 1e-6}])
    def test_close_enough(self, differences: dict[str, float] | None) -> None:
        model: Any = Checked(differences)
        assert check_runtime(model) == differences

    @pytest.mark.parametrize("difference", [1.1e-4, float("inf"), float("nan")])
    def test_too_far(self, difference: float) -> None:
        model: Any = Checked({"mu": 1e-6, "decoded": difference})
        with pytest.raises(ModelError, match="decoded as in training"):
            check_runtime(model)

    def test_models_without_a_check(self) -> None:
        model: Any = object()
        assert check_runtime(model) is None


def test_training_makes_options_of_keywords(tmp_path: Path) -> None:
    made: list[Any] = []

    class NoteOptions(Options):
        z_dim: int = 2

    class Note(Trainer):
        """Writes down what it was given."""

        name = "note"
        Options = NoteOptions

        def train(self, dataset: Any, output: Path, progress: Any = None) -> None:
            made.append((self.options.z_dim, dataset.count, output))

    class Plugin:
        @hookimpl
        def register_trainers(self) -> list[type[Trainer]]:
            return [Note]

    host = Host([Plugin()])
    assert la.train("digits", tmp_path / "m", model="note", z_dim=5, host=host) == tmp_path / "m"
    assert made == [(5, 1797, tmp_path / "m")]
    with pytest.raises(OptionError, match="did you mean z_dim"):
        la.train("digits", tmp_path / "m", model="note", z_dims=5, host=host)
