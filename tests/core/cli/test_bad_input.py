"""Bad models, data and stores: a one-line error, exit code 2, nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from tiny_bundle import write_images

Bring = Callable[..., None]


class TestModels:
    def test_a_missing_model(self, cli: CommandLine, bring: Bring) -> None:
        bring("images.npz")
        saying = ("a model at nowhere", "nothing there", "latent-analyze train")
        cli.refuses("encode", "nowhere", "images.npz", saying=saying)
        cli.refuses("inspect", "nowhere", saying=saying)

    @pytest.mark.parametrize(
        ("content", "found"), [(b"no protobuf", "something else"), (b"", "an empty file")]
    )
    def test_not_an_onnx_file(
        self, cli: CommandLine, bring: Bring, here: Path, content: bytes, found: str
    ) -> None:
        bring("images.npz")
        (here / "encoder.onnx").write_bytes(content)
        saying = ("an ONNX model in encoder.onnx", found, "name a bundle folder")
        cli.refuses("encode", "encoder.onnx", "images.npz", saying=saying)
        cli.refuses("inspect", "encoder.onnx", saying=saying)

    def test_not_a_model_at_all(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("images.npz")
        (here / "notes.txt").write_text("a text")
        saying = (
            "adapters opens (callable, keras, onnx, torch)",
            "notes.txt, which none of them",
            "model.toml",
        )
        cli.refuses("encode", "notes.txt", "images.npz", saying=saying)

    @pytest.mark.parametrize("command", ["encode", "inspect"])
    def test_an_unknown_device(self, cli: CommandLine, bring: Bring, command: str) -> None:
        bring("model", "images.npz")
        data = ["images.npz"] if command == "encode" else []
        saying = ("a device", "cuda", "'tpu'")
        cli.refuses(command, "model", *data, "--device", "tpu", saying=saying)


class TestDataSets:
    def test_a_missing_file(self, cli: CommandLine, bring: Bring) -> None:
        bring("model")
        for path in ("gone.npz", "some/folder"):
            cli.refuses("encode", "model", path, saying=(path, "no", "check the path"))

    def test_a_folder_without_images(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model")
        (here / "faces").mkdir()
        (here / "faces" / "readme.txt").write_text("no image")
        saying = ("images (", ".png", "in faces", "none", "check the path")
        cli.refuses("encode", "model", "faces", saying=saying)
        cli.refuses("train", "faces", saying=saying)

    def test_an_npz_without_a_usable_array(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model")
        np.savez(here / "texts.npz", words=np.array(["a", "b"]))
        np.savez(here / "nothing.npz")
        (here / "fake.npz").write_bytes(b"no zip")
        needed = ("an array of images (n, H, W)", "in texts.npz", "<U1 (2,)", "call it x")
        cli.refuses("encode", "model", "texts.npz", saying=needed)
        cli.refuses("encode", "model", "nothing.npz", saying=("array of images", "no arrays"))
        cli.refuses("encode", "model", "fake.npz", saying=("readable .npz", "numpy.save"))
        cli.refuses("run", "texts.npz", saying=("array", "texts.npz"))

    def test_an_empty_data_set(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model")
        np.save(here / "images.npy", np.zeros((0, 8, 8), np.float32))
        np.save(here / "points.npy", np.zeros((0, 4), np.float32))
        saying = ("at least one image", "images.npy", "(0, 8, 8)")
        cli.refuses("encode", "model", "images.npy", saying=saying)
        cli.refuses("run", "points.npy", saying=("vectors (n, dim)", "points.npy", "(0, 4)"))

    def test_vectors_that_the_model_does_not_take(self, cli: CommandLine, bring: Bring) -> None:
        bring("model", "points.npy")
        saying = ("image_shape [8, 8, 1]", "rows of shape [4]", "give rows of that shape")
        cli.refuses("encode", "model", "points.npy", saying=saying)


class TestLatents:
    def test_infinite_latents_are_counted_and_named(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model")
        write_images(here / "images.npz", black=(3, 5))
        saying = ("finite latents from tiny", "in 2 of", "'3', '5'", "--nonfinite drop")
        cli.refuses("encode", "model", "images.npz", saying=saying)
        run = ("run", "--model", "model", "--data", "images.npz", "--plugins", "radius")
        cli.refuses(*run, saying=saying)
        ran = cli.works("encode", "model", "images.npz", "--nonfinite", "drop")
        assert "238 z-points" in ran.out

    def test_dropped_rows_are_in_the_report(
        self, cli: CommandLine, bring: Bring, here: Path
    ) -> None:
        bring("model")
        write_images(here / "images.npz", black=(3, 5))
        cli.works("encode", "model", "images.npz", "--nonfinite", "drop")
        cli.works("run", "--plugins", "radius", "--null", "none")
        page = (here / "latent-report" / "report.html").read_text(encoding="utf-8")
        assert "238" in page
        assert "dropped" in page

    def test_infinite_vectors(self, cli: CommandLine, here: Path) -> None:
        z = np.ones((50, 3), np.float32)
        z[:, 0] = np.arange(50)
        z[7, 1], z[9, 2] = np.nan, np.inf
        np.save(here / "points.npy", z)
        saying = ("finite z-points in data", "in 2 of 50 rows", "--nonfinite drop")
        cli.refuses("run", "points.npy", saying=saying)
        ran = cli.works(
            "run", "points.npy", "--nonfinite", "drop", "--plugins", "radius", "--null", "none",
            "--json",
        )  # fmt: skip
        assert ran.json["cases"][0]["sources"]["data"]["count"] == 48

    def test_nothing_but_infinite_vectors(self, cli: CommandLine, here: Path) -> None:
        np.save(here / "points.npy", np.full((5, 3), np.nan, np.float32))
        for more in ((), ("--nonfinite", "drop")):
            cli.refuses("run", "points.npy", *more, saying=("z-points in data", "no finite row"))


class TestStores:
    def test_no_store_given_and_none_here(self, cli: CommandLine) -> None:
        saying = ("a store", "none given and none at ./latents.zarr", "latent-analyze encode")
        cli.refuses("run", saying=saying)
        cli.refuses("run", "--plugins", "radius", "--json", saying=saying)

    def test_a_missing_file_of_vectors(self, cli: CommandLine) -> None:
        cli.refuses("run", "some/gone.npy", saying=("vectors", "some/gone.npy", "nothing there"))

    def test_a_store_of_another_model(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "other", "wide", "points.npy")
        saying = ("made with the model", "other", "a store of another model", "encode again")
        cli.refuses("run", "model.zarr", "--model", "other", saying=saying)
        saying = ("a model of 4 latent dimensions", "6", "leave --model out")
        cli.refuses("run", "points.npy", "--model", "wide", saying=saying)

    def test_encoding_into_a_store_of_another_model(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "other", "images.npz")
        saying = ("a store of model tiny", "of another model", "choose another -o")
        cli.refuses("encode", "other", "images.npz", "-o", "model.zarr", saying=saying)

    def test_encoding_over_something_else(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model", "images.npz")
        (here / "notes.txt").write_text("mine")
        for place in ("notes.txt", "model"):
            saying = (f"a store or nothing yet at {place}", "something else", "another -o")
            cli.refuses("encode", "model", "images.npz", "-o", place, saying=saying)

    def test_an_interrupted_store(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model.zarr")
        metadata = here / "model.zarr" / "zarr.json"
        text = metadata.read_text().replace('"complete": true', '"complete": false')
        metadata.write_text(text)
        assert json.loads(text)["attributes"]["complete"] is False
        saying = ("a complete store", "interrupted", "same encode command again")
        cli.refuses("run", "model.zarr", saying=saying)

    def test_a_damaged_store(self, cli: CommandLine, bring: Bring, here: Path) -> None:
        bring("model.zarr")
        next((here / "model.zarr" / "mu").glob("c.*")).unlink()
        saying = ("an undamaged store", "mu/c.0.0 is missing", "encode again")
        cli.refuses("run", "model.zarr", saying=saying)

    def test_a_zarr_group_of_another_program(self, cli: CommandLine, here: Path) -> None:
        import zarr

        zarr.create_group(here / "foreign.zarr")
        saying = ("an array of vectors (n, dim)", "foreign.zarr", "found none")
        cli.refuses("run", "foreign.zarr", saying=saying)

    def test_subsets_that_are_not_there(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "points.npy")
        saying = ("rows of data", "nope", "none", "split = test, train")
        cli.refuses("run", "model.zarr[split=nope]", saying=saying)
        saying = ("label of data", "'splitt'", "did you mean split?")
        cli.refuses("run", "model.zarr[splitt=test]", saying=saying)
        cli.refuses("run", "points.npy[split=test]", saying=("label of data", "'split'"))
        cli.refuses("run", "model.zarr[split", saying=("brackets that match",))

    def test_posterior_draws_without_log_var(self, cli: CommandLine, bring: Bring) -> None:
        bring("ae.zarr")
        saying = ("log_var", "mu only", "leave @posterior out")
        cli.refuses("run", "ae.zarr@posterior", saying=saying)
        cli.refuses(
            "run", "ae.zarr", "--with", "posterior", saying=("log_var", "posterior", "none")
        )
        cli.refuses(
            "run", "ae.zarr", "--null", "posterior", saying=("log_var", "posterior", "none")
        )

    def test_shown_sources_of_other_dimensions(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "wide.zarr")
        saying = ("the same dimensions as a case (data: 4)", "wide.zarr", "a case of its own")
        cli.refuses("run", "model.zarr", "--with", "wide.zarr", saying=saying)

    def test_labels_twice(self, cli: CommandLine, bring: Bring) -> None:
        bring("model.zarr", "other.zarr")
        saying = ("sources of different names", "model, model", "--label")
        cli.refuses("run", "model.zarr", "model.zarr", saying=saying)
        labels = ("--label", "a", "--label", "a")
        cli.refuses("run", "model.zarr", "other.zarr", *labels, saying=("different names", "a, a"))
        saying = ("2 labels, one per source", "1", "repeat --label")
        cli.refuses("run", "model.zarr", "other.zarr", "--label", "a", saying=saying)
        saying = ("labels of their own", "'uniform:b=1' 2 times", "--label")
        cli.refuses("run", "model.zarr", "--with", "uniform:b=1,uniform:b=1", saying=saying)
