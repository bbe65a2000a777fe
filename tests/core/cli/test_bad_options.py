"""Wrong names, options and output folders: a one-line error, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine
from tiny_bundle import write_images

Bring = Callable[..., None]


class TestPluginsAndOptions:
    @pytest.mark.parametrize(
        ("arguments", "saying"),
        [
            (["--plugins", "radios"], ("analysis", "'radios'", "did you mean radius")),
            (["--plugins", "zzz"], ("analysis", "choose one of: ", "axis_density", "radius")),
            (["--plugins", "radius:bin_with=1"], ("option of radius", "mean bin_width?")),
            (["--plugins", "radius:bin_width=0"], ("greater than 0", "0", "plugins show radius")),
            (["--plugins", "radius:bin_width=x"], ("radius.bin_width", "'x'", "show radius")),
            (["--plugins", "radius:bin_width"], ("key=value", "'bin_width'", "name:key=value")),
            (["--plugins", "radius:bin_width=[1"], ("brackets that match", "[1")),
            (["--plugins", "radius,radius"], ("each analysis once", "'radius' more than once")),
            (
                ["--plugins", "radius:bin_width=1,radius:bin_width=1"],
                ("each analysis once, or with other options", "'radius:bin_width=1'"),
            ),
            (["--plugins", "random_decode"], ("applies to the source", "needs decoder", "--model")),
            (["--with", "unifrom:b=1"], ("sampler", "'unifrom'", "did you mean uniform")),
            (["--with", "uniform:c=1"], ("option of uniform", "'c'", "b, count, dim")),
            (["--with", "uniform:b=0"], ("uniform.b", "greater than 0", "found 0", "show uniform")),
            (["--with", "uniform:b=-1"], ("uniform.b", "greater than 0", "found -1")),
            (["--with", "uniform:b=nan"], ("uniform.b", "nan")),
            (["--with", "normal:sigma=0"], ("normal.sigma", "greater than 0", "found 0")),
            (["--with", "normal:dim=9"], ("dim=4", "dim=9", "leave dim out")),
            (["--null", "gausian"], ("sampler", "'gausian'", "did you mean gaussian?")),
            (["--null", "gaussian:covariance=all"], ("gaussian.covariance", "'all'")),
            (["--null-repeats", "-1"], ("--null-repeats", "greater than or equal to 0", "--help")),
            (["--null-repeats", "many"], ("--null-repeats", "run --help")),
            (["--calibrate", "radios"], ("analysis", "'radios'", "did you mean radius")),
            (["--seed", "x"], ("--seed", "run --help")),
            (["--nonfinite", "keep"], ("--nonfinite", "'keep'", "'refuse', 'drop'")),
            (["--nonsense"], ("No such option: --nonsense", "run --help")),
            (["--label"], ("--label", "requires an argument", "--help")),
            (["--set", "radius"], ("key=value", "'radius'")),
            (["--set", "bin_width=1"], ("--set name.key=value", "'bin_width=1'")),
            (["--set", "radius.bin_width=1"], ("--plugins with --set", "add --plugins radius")),
            (["--model", "gone"], ("a model at gone", "nothing there")),
        ],
    )
    def test_of_a_run(
        self, cli: CommandLine, bring: Bring, arguments: list[str], saying: tuple[str, ...]
    ) -> None:
        bring("points.npy")
        cli.refuses("run", "points.npy", *arguments, saying=saying)

    @pytest.mark.parametrize(
        ("setting", "saying"),
        [
            ("slices.b=1", ("plugin of this run", "'slices'", "radius")),
            ("radius.bin=1", ("option of radius", "'bin'", "bin_width")),
            ("radius.bin_width=-1", ("radius.bin_width", "greater than 0", "-1")),
        ],
    )
    def test_settings(
        self, cli: CommandLine, bring: Bring, setting: str, saying: tuple[str, ...]
    ) -> None:
        bring("points.npy")
        cli.refuses("run", "points.npy", "-p", "radius", "--set", setting, saying=saying)

    @pytest.mark.parametrize(
        ("text", "saying"),
        [
            ("sources = [", ("valid TOML in run.toml", "correct it")),
            ('plugin = ["radius"]', ("key of a run (run.toml)", "'plugin'", "mean plugins?")),
            ('null_repeats = "many"', ("null_repeats in run.toml", "'many'", "integer")),
            ('[[plugins]]\nname = "radios"', ("analysis", "'radios'", "radius")),
            (
                '[[plugins]]\nname = "radius"\n[plugins.options]\nbin_width = -3',
                ("radius.bin_width", "greater than 0", "-3"),
            ),
        ],
    )
    def test_of_a_config(
        self, cli: CommandLine, bring: Bring, here: Path, text: str, saying: tuple[str, ...]
    ) -> None:
        bring("points.npy")
        (here / "run.toml").write_text(text)
        cli.refuses("run", "points.npy", "--config", "run.toml", saying=saying)

    def test_a_missing_config(self, cli: CommandLine) -> None:
        saying = ("a TOML file at gone.toml", "No such file", "name the run.toml")
        cli.refuses("run", "--config", "gone.toml", saying=saying)

    @pytest.mark.parametrize(
        ("source", "saying"),
        [
            ("normal", ("dim= for normal", "none", "normal:dim=16:count=10000")),
            ("normal:dim=0", ("normal.dim", "greater than 0", "0")),
            ("gaussian:dim=4", ("a store for gaussian", "none", "--with gaussian:dim=4")),
        ],
    )
    def test_samplers_without_a_store(
        self, cli: CommandLine, source: str, saying: tuple[str, ...]
    ) -> None:
        cli.refuses("run", source, saying=saying)

    def test_of_a_training(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("points.npy")
        saying = ("trainer", "'vea'", "did you mean vae?")
        cli.refuses("train", "digits", "--model", "vea", saying=saying)
        saying = ("option of vae", "'z_dm'", "did you mean z_dim?")
        cli.refuses("train", "digits", "--z-dm", "3", saying=saying)
        cli.refuses("train", "digits", "--z-dim", "0", saying=("vae.z_dim", "greater than 0", "0"))
        cli.refuses("train", "digits", "--z-dim", saying=("a value after --z-dim", "none"))
        for arguments in (("8",), ("--z-dim", "4", "8")):
            cli.refuses("train", "digits", *arguments, saying=("--name value", "'8'"))
        cli.refuses("train", "digits", "--set", "ae.z_dim=3", saying=("--set vae.key=value",))
        cli.refuses("train", "points.npy", saying=("images", "vectors of shape (4,)"))
        (here / "full").mkdir()
        (here / "full" / "mine.txt").write_text("mine")
        for place in ("full", "full/mine.txt"):
            saying = ("a new or empty folder", "choose another one with -o")
            cli.refuses("train", "digits", "-o", place, saying=saying)

    def test_unknown_commands_and_plugins(self, cli: CommandLine) -> None:
        cli.refuses("anlyze", saying=("No such command 'anlyze'", "latent-analyze --help"))
        saying = ("No such command 'lst'", "latent-analyze plugins --help")
        cli.refuses("plugins", "lst", saying=saying)
        cli.refuses("plugins", "show", "radios", saying=("plugin", "'radios'", "mean radius"))


class TestOutput:
    @pytest.mark.parametrize(
        ("place", "saying"),
        [
            ("mine", ("an empty folder or an earlier report", "other files (a.txt)", "with -o")),
            ("mine/a.txt", ("a folder for the report", "a file")),
            ("mine/a.txt/report", ("to write mine/a.txt/report", "Not a directory", "with -o")),
            (".", ("an empty folder or an earlier report", "other files", "with -o")),
        ],
    )
    def test_folders_with_other_files(
        self, cli: CommandLine, bring: Bring, here: Path, place: str, saying: tuple[str, ...]
    ) -> None:
        bring("points.npy")
        (here / "mine").mkdir()
        (here / "mine" / "a.txt").write_text("mine")
        run = ("run", "points.npy", "--plugins", "radius", "--null", "none")
        cli.refuses(*run, "-o", place, saying=saying)

    @pytest.mark.parametrize(
        "given",
        [("--model", "model"), ("--data", "images.npz"), ("--label", "x")],
        ids=lambda given: given[0],
    )
    def test_model_or_data_alone(
        self, cli: CommandLine, bring: Bring, given: tuple[str, ...]
    ) -> None:
        bring("model", "images.npz")
        cli.refuses("run", *given, saying=("a store",))

    def test_data_of_a_store_are_its_own(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model", "points.npy", "images.npz", "model.zarr")
        write_images(here / "others.npz", seed=9)
        both = ("--model", "model", "--data", "others.npz")
        saying = ("the data that the store was made from", "others at", "--data")
        cli.refuses("run", "model.zarr", *both, saying=saying)
        saying = ("a store whose data are at --data", "data", "leave --data out")
        cli.refuses("run", "points.npy", "--data", "images.npz", saying=saying)

    @pytest.mark.parametrize(
        "wrong", [("-p", "radios"), ("--with", "uniform:b=0"), ("--label", "a", "--label", "b")]
    )
    def test_wrong_names_are_found_before_encoding(
        self, cli: CommandLine, bring: Bring, wrong: tuple[str, ...]
    ) -> None:
        bring("model", "images.npz")
        cli.refuses("run", "--model", "model", "--data", "images.npz", *wrong, saying=("found",))


class TestNamesOfFiles:
    def test_control_characters_do_not_reach_the_terminal(self, cli: CommandLine) -> None:
        cli.refuses("run", "./\x1b[31mred\n.npy", saying=(r"\x1b", r"\n"))
        cli.refuses("inspect", "./a\rb", saying=(r"\r",))

    def test_markup_is_shown_as_it_is(self, cli: CommandLine) -> None:
        cli.refuses("run", "./[bold]x[/bold].npy", saying=("[bold]x[/bold].npy",))
