"""Advice about data sets: files, their arrays and columns, and options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from advising import Row
from material import (
    COLOR,
    COUNT,
    LABELS,
    RUN,
    WORLD,
    all_of,
    array,
    arrays,
    basic,
    custom,
    pair,
    pngs,
    rows,
    store,
    tensor_info,
    text,
    with_input,
)

Z = WORLD.latents.astype(np.float32)
OTHER = np.random.default_rng(0).random((COUNT, 9, 9), np.float32)
NO_SUCH = "name one of these"
RAW = WORLD.x * 1000 - 300


def encode(data: str) -> str:
    """Return the command that encodes these data."""
    return f"encode m '{data}' -o s.zarr"


def run(source: str) -> str:
    """Return the command of a short run over this source."""
    return f"run '{source}' {RUN}"


def table(path: str, **columns: object):
    """Return a function that writes a Parquet file."""

    def write() -> None:
        from pyarrow import parquet, table

        parquet.write_table(table(columns), path)

    return write


def hdf5(path: str, **named: object):
    """Return a function that writes an HDF5 file."""

    def write() -> None:
        import h5py

        with h5py.File(path, "w") as file:
            for name, values in named.items():
                file[name] = values

    return write


def as_objects(x: np.ndarray) -> np.ndarray:
    """Return rows as an array of Python objects."""
    found = np.empty(len(x), object)
    found[:] = list(x)
    return found


COLUMNS = table("t.parquet", a=Z[:, 0], b=Z[:, 1], c=Z[:, 2], n=np.arange(COUNT), label=LABELS)
TEXTS = all_of(
    with_input("e.onnx", "kind", (3,)),
    arrays("t.npz", x=WORLD.x, kind=np.array(list("abc"))[LABELS]),
)

DATA = {
    # Where they are, and what they are.
    "a file that is not there": Row(
        basic, encode("gone.npy"), "check the path", [encode("faces.npy")]
    ),
    "a folder that is not there": Row(
        all_of(pair(), pngs("b", *[(8, 6)] * 3)), encode("some/b"), "check the path", [encode("b")]
    ),
    "a folder without images": Row(
        all_of(pair(), pngs("b", *[(8, 6)] * 3), text("t/notes.txt", "")), encode("t"),
        "check the path", [encode("b")],
    ),
    "a misspelled built-in": Row(
        basic, encode("digitz:resize=[8,6]:limit=9"), "did you mean digits?",
        [encode("digits:resize=[8,6]:limit=9")],
    ),
    "an unknown format": Row(
        all_of(basic, text("t.txt", "a,b\n1,2\n")), encode("t.txt"),
        "save the rows as .npy or .npz, or in one of: .arrow, ",
        [array("t.npy", WORLD.x), encode("t.npy")],
    ),
    "the model in place of the data": Row(
        basic, "encode faces.npy m",
        "give it first, and then the data: latent-analyze encode m DATA", ["encode m faces.npy"],
    ),
    "a store in place of the data": Row(
        all_of(basic, store("t.zarr")), encode("t.zarr"),
        "run: latent-analyze run t.zarr", [run("t.zarr")],
    ),
    "images that need a model": Row(
        basic, run("faces.npy"),
        "encode them first: latent-analyze encode MODEL DATA -o latents.zarr",
        ["encode m faces.npy -o latents.zarr", run("latents.zarr")],
    ),
    # Images.
    "images of several sizes": Row(
        all_of(pair(), pngs("b", (8, 9), (9, 9))), encode("b"), "add resize=64, or another size",
        [encode("b:resize=64")], "as in 'DATA:resize=[8,6]'",
    ),
    "images of another size": Row(
        all_of(pair(), pngs("b", *[(12, 12)] * 3)), encode("b"),
        "change them with the options resize= and crop= of the data set, as in "
        "'DATA:resize=[8,6]'",
        [encode("b:resize=[8,6]")],
    ),
    "images of another size than a store's": Row(
        all_of(basic, store(), array("other.npy", OTHER)),
        encode("other.npy"),
        "change them with the options resize= and crop= of the data set, or, for a store of its "
        "own, choose another -o",
        ["encode m 'other.npy:resize=[8,6]' -o t.zarr"],
    ),
    "images of another size than is stated": Row(
        all_of(pair(), array("other.npy", OTHER)),
        "encode m other.npy -o s.zarr --signature 'image_shape=[8,6,1]'",
        "as in 'DATA:resize=[8,6]'",
        ["encode m 'other.npy:resize=[8,6]' -o s.zarr --signature 'image_shape=[8,6,1]'"],
    ),
    "images in color": Row(
        all_of(pair(), pngs("b", *[(8, 6, 3)] * 3)), encode("b"),
        "read a folder of images as 'DATA:color=gray', or convert an array",
        [encode("b:color=gray")],
    ),
    "gray images": Row(
        all_of(pair(world=COLOR), pngs("b", *[(8, 6)] * 3)), encode("b"),
        "read a folder of images as 'DATA:color=rgb', or convert an array",
        [encode("b:color=rgb")],
    ),
    "rows of another shape than a store's": Row(
        all_of(basic, rows, store()), encode("rows.npy"),
        "or, for a store of its own, choose another -o", ["encode m rows.npy -o t.zarr"],
    ),
    "a crop that is too large": Row(
        basic, encode("faces.npy:crop=20"), "use a smaller crop",
        [encode("faces.npy:crop=6:resize=[8,6]")],
    ),
    "values outside of the range": Row(
        all_of(pair(), array("raw.npy", RAW)), encode("raw.npy:range=[0,1]"),
        "or read the values unchanged with kind=arrays", [encode("raw.npy:kind=arrays")],
    ),
    "the range that is advised": Row(
        all_of(pair(), array("raw.npy", RAW)), encode("raw.npy:kind=images"),
        "give the values of black and white as range=[-178.414,236.945], or",
        [encode("raw.npy:kind=images:range=[-178.414,236.945]")],
    ),
    "rows that are to be read unchanged": Row(
        all_of(pair(), array("raw.npy", WORLD.x)), encode("raw.npy:kind=arrays:range=[0,1]"),
        "leave it out, or add kind=images", [encode("raw.npy:kind=images:range=[0,1]")],
    ),
    "rows that are to be read unchanged, without the option": Row(
        all_of(pair(), array("raw.npy", WORLD.x)), encode("raw.npy:kind=arrays:range=[0,1]"),
        "leave it out, or add kind=images", [encode("raw.npy:kind=arrays")],
    ),
    "labels of a folder": Row(
        all_of(pair(), pngs("b", *[(8, 6)] * 2), text("l.csv", "file\n0.png\n1.png\n")),
        encode("b:labels=l.csv"), "separate columns by commas",
        [text("l.csv", "file,age\n0.png,3\n1.png,4\n"), encode("b:labels=l.csv")],
    ),
    "a label that is missing": Row(
        all_of(pair(), pngs("b", *[(8, 6)] * 2), text("l.csv", "file,age\n0.png,3\n")),
        encode("b:labels=l.csv"), "add it, or remove the image",
        [text("l.csv", "file,age\n0.png,3\n1.png,4\n"), encode("b:labels=l.csv")],
    ),
    # Arrays.
    "an array that holds no rows": Row(
        all_of(pair(), arrays("a.npz", a=WORLD.x, words=np.array(["x"] * COUNT))),
        encode("a.npz:x=words"), "choose another array with x=NAME", [encode("a.npz:x=a")],
    ),
    "an array that is not there": Row(
        basic, encode("faces.npy:x=q"), NO_SUCH, [encode("faces.npy:x=array")]
    ),
    "no array of numbers": Row(
        all_of(pair(), arrays("a.npz", words=np.array(["x"] * COUNT))), encode("a.npz"),
        "call it x and its labels y", [arrays("a.npz", x=WORLD.x, y=LABELS), encode("a.npz")],
    ),
    "Python objects": Row(
        all_of(pair(), array("o.npy", as_objects(WORLD.x))), encode("o.npy"),
        "if all rows have one shape, save numpy.stack(rows)",
        [array("o.npy", np.stack(list(as_objects(WORLD.x)))), encode("o.npy")],
    ),
    "complex numbers": Row(
        all_of(pair(), array("c.npy", WORLD.x + 0j)), encode("c.npy"),
        "save numpy.stack([a.real, a.imag], -1)",
        [array("c.npy", np.stack([WORLD.x.real, WORLD.x.imag], -1)), encode("c.npy")],
        "rows that encoder.onnx takes",
    ),
    "whole numbers that are too large": Row(
        array("p.npy", np.arange(480).reshape(-1, 4) * 2**24 + 1), run("p.npy"),
        "scale them, or round them yourself: array.astype('float32')",
        [array("p.npy", (np.arange(480).reshape(-1, 4) * 2**24 + 1).astype("float32")),
         run("p.npy")],
    ),
    "a damaged file": Row(
        all_of(pair(), lambda: Path("d.npz").write_bytes(b"PK")), encode("d.npz"),
        "write it again with numpy.save or numpy.savez",
        [arrays("d.npz", x=WORLD.x), encode("d.npz")],
    ),
    "labels of one split": Row(
        all_of(pair(), arrays("s.npz", x_train=WORLD.x, y_train=LABELS, x_test=WORLD.x)),
        encode("s.npz"), "add it, or remove the labels of the other splits",
        [arrays("s.npz", x_train=WORLD.x, x_test=WORLD.x), encode("s.npz")],
    ),
    # Vectors.
    "several arrays of vectors": Row(
        arrays("v.npz", a=Z, b=Z[:, :3]), run("v.npz"),
        "/v.npz:vectors=b, or take all as the inputs of a model:", [run("v.npz:vectors=b")],
    ),
    "several arrays for a model": Row(
        all_of(pair(), arrays("v.npz", a=WORLD.x.reshape(COUNT, -1), b=Z)), encode("v.npz"),
        "or take all as the inputs of a model: v.npz:kind=arrays", [encode("v.npz:kind=arrays")],
    ),
    "several columns of vectors": Row(
        table("v.parquet", a=list(map(list, Z)), b=list(map(list, Z[:, :3]))), run("v.parquet"),
        "/v.parquet:vectors=a, or take all as the inputs of a model:",
        [run("v.parquet:vectors=a")],
    ),
    "several arrays in HDF5": Row(
        hdf5("v.h5", a=Z, b=Z[:, :3]), run("v.h5"), "/v.h5:vectors=b", [run("v.h5:vectors=b")]
    ),
    "vectors that are not there": Row(
        arrays("v.npz", a=Z), run("v.npz:vectors=b"), NO_SUCH, [run("v.npz:vectors=a")]
    ),
    "labels of a file that has none": Row(
        arrays("v.npz", a=Z), run("v.npz:labels=[b]"), "leave the option out", [run("v.npz")]
    ),
    "columns of texts": Row(
        table("t.parquet", a=["x"] * COUNT), run("t.parquet"),
        "name the columns with the option vectors", [run("t.parquet:vectors=[a]")],
        "numbers in the column 'a'",
    ),
    "ids that are not unique": Row(
        hdf5("v.h5", a=Z, k=LABELS, n=np.arange(COUNT)), run("v.h5:ids=k"),
        "name another column with the option ids", [run("v.h5:ids=n")],
    ),
    "NaN in vectors": Row(
        array("p.npy", np.where(Z[3, 2] == Z, np.nan, Z)), run("p.npy"),
        "add --nonfinite drop to leave them out", [f"{run('p.npy')} --nonfinite drop"],
    ),
    # Options.
    "an unknown option": Row(
        basic, encode("faces.npy:limt=9"), "did you mean limit?", [encode("faces.npy:limit=9")]
    ),
    "an option without a value": Row(
        basic, encode("faces.npy:resize"), "write it as name:key=value",
        [encode("faces.npy:resize=[8,6]")],
    ),
    "a value that an option does not take": Row(
        basic, encode("faces.npy:kind=arays"), "see: latent-analyze plugins show image_arrays",
        ["plugins show image_arrays", encode("faces.npy:kind=arrays")],
    ),
    # Columns.
    "whole numbers among the values": Row(
        COLUMNS, run("t.parquet"), "To change that: t.parquet:integers=labels,",
        [run("t.parquet:integers=labels")],
    ),
    "columns that a run is about": Row(
        COLUMNS, run("t.parquet"), "t.parquet:vectors=[...]", [run("t.parquet:vectors=[a,b]")]
    ),
    "columns that a model takes": Row(
        all_of(COLUMNS, custom("v.onnx", lambda net: net.linear("x", np.eye(3)[:, :2]),
               tensor_info("x", (3,)), mu=(2,))),
        "encode v.onnx t.parquet",
        "name what the model takes, in its order: DATA:vectors=[a,b,c]",
        ["encode v.onnx 't.parquet:vectors=[a,b,c]'"],
    ),
    "a column of numbers that are too large": Row(
        table("t.parquet", a=Z[:, 0], n=np.arange(COUNT) * 2**24 + 1), run("t.parquet"),
        "/t.parquet:labels=[n]'", [run("t.parquet:labels=[n]")],
    ),
    "texts as classes": Row(
        TEXTS, "encode e.onnx t.npz", "add --signature 'classes.kind=[\"c\", \"b\", \"a\"]'",
        ["+ -o t.zarr --signature 'classes.kind=[\"c\", \"b\", \"a\"]'"],
    ),
    "a text that is no class": Row(
        TEXTS, "encode e.onnx t.npz --signature 'classes.kind=[\"a\", \"b\"]'",
        "leave out these rows, or state all classes: --signature 'classes.kind=",
        ["encode e.onnx t.npz --signature 'classes.kind=[\"a\", \"b\", \"c\"]'"],
    ),
}  # fmt: skip
