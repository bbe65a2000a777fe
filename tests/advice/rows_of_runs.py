"""Advice about runs and stores: sources, options, files that have moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from advising import Row
from material import (
    DIM,
    FLOAT,
    RUN,
    WORLD,
    Net,
    all_of,
    array,
    basic,
    decoder,
    encode_rows,
    faces,
    pair,
    points,
    rename,
    replace,
    store,
    stored,
    tensor_info,
    text,
)

IMAGES = "--plugins reconstruct --null none --output r"
ENCODE = "encode m faces.npy -o s.zarr"
STATED = "--signature 'encoder.range=[0.0, 1.0]'"


LOCKED: list[object] = []
"""Open files: a lock ends when its file is closed."""


def run(*sources: str) -> str:
    """Return the command of a short run over these sources."""
    return f"run {' '.join(sources)} {RUN}"


def variational(path: str = "m/encoder.onnx"):
    """Return a function that writes an encoder with a spread and z2."""

    def write() -> None:
        net = Net()
        mu = encode_rows(net)
        spread = net.op("Sub", net.op("Mul", mu, net.const(0.1)), net.const(3.0))
        z2 = net.linear(net.op("Tanh", mu), np.eye(DIM)[:, :3])
        shapes = {"mu": (mu, FLOAT, (DIM,)), "log_var": (spread, FLOAT, (DIM,))}
        ends = [tensor_info("x", WORLD.shape)]
        net.save(Path(path), ends, {**shapes, "z2": (z2, FLOAT, (3,))})

    return write


def interrupted(name: str = "s.zarr"):
    """Return a function that makes a store look as if its encoding had been interrupted."""

    def change() -> None:
        path = Path(name) / "zarr.json"
        content = json.loads(path.read_text())
        content["attributes"]["complete"] = False
        path.write_text(json.dumps(content))

    return change


def lock() -> None:
    """Lock the journal of s.zarr, as a process that writes it does."""
    import fcntl

    stream = next(Path("s.zarr").glob("journal*")).open("rb")
    LOCKED.append(stream)
    fcntl.flock(stream, fcntl.LOCK_EX)


def in_python() -> None:
    """Encode with functions, and forget them, as another process would not know them."""
    import latent_analyze as la
    from latent_analyze.models import in_python as kept

    def encode_images(x):
        return (x.reshape(len(x), -1) - WORLD.center) @ WORLD.basis.T

    la.encode(encode_images, WORLD.x, "s.zarr")
    kept._MODELS.clear()


def three() -> None:
    """Write images of three labels."""
    np.savez("faces.npz", x=WORLD.x, y=np.arange(len(WORLD.x)) % 3)


def remove(*names: str):
    """Return a function that deletes folders."""
    return lambda: [shutil.rmtree(name) for name in names]


deep = all_of(faces, variational(), decoder("m/decoder.onnx"), store())
other = all_of(stored, decoder("n/decoder.onnx"), rename("m/encoder.onnx", "n/encoder.onnx"),
               pair(world=type(WORLD)(seed=3)))  # fmt: skip
moved = all_of(stored, rename("faces.npy", "new/pictures.npy"))
differ = all_of(stored, store("t.zarr", signature={"encoder.range": [0, 2]}))

RUNS = {
    # What has moved.
    "data that have moved": Row(
        moved, f"run s.zarr {IMAGES}", "give --data",
        [f"run s.zarr {IMAGES} --data new/pictures.npy"],
    ),
    "data that have moved, by default": Row(
        all_of(moved, rename("s.zarr", "latents.zarr")), f"run {IMAGES}", "give --data",
        ["+ --data new/pictures.npy"],
    ),
    "other data": Row(
        all_of(moved, array("faces.npy", WORLD.x * 0.9)), f"run s.zarr {IMAGES} --data faces.npy",
        "give the old ones with --data, or encode again",
        [f"run s.zarr {IMAGES} --data new/pictures.npy"],
    ),
    "other data, encoded again": Row(
        all_of(moved, array("faces.npy", WORLD.x * 0.9)), f"run s.zarr {IMAGES}",
        "give the old ones with --data, or encode again",
        ["encode m faces.npy -o t.zarr", f"run t.zarr {IMAGES}"],
    ),
    "data of what is no store": Row(
        basic, f"{run('points.npy')} --data faces.npy",
        "leave --data out, or give it with --model and without a source",
        [f"run --data faces.npy --model m {RUN}"],
    ),
    "a model that has moved": Row(
        all_of(stored, rename("m", "n/model")), f"run s.zarr {IMAGES}", "give --model",
        ["+ --model n/model"],
    ),
    "files of a model that were renamed": Row(
        all_of(stored, rename("m/encoder.onnx", "n/a.onnx"), rename("m/decoder.onnx", "n/b.onnx"),
               remove("m")),
        f"run s.zarr {IMAGES}", "give --model", ["+ --model n/a.onnx+n/b.onnx"],
    ),
    "one file of a model that was renamed": Row(
        all_of(stored, rename("m/encoder.onnx", "n/a.onnx"), rename("m/decoder.onnx", "n/b.onnx")),
        f"run s.zarr {IMAGES} --model n/a.onnx",
        "name both files, with a plus between them: encoder.onnx+decoder.onnx",
        [f"run s.zarr {IMAGES} --model n/a.onnx+n/b.onnx"],
    ),
    "another model in its place": Row(
        other, f"run s.zarr {IMAGES}", "encode again, or put the old model back",
        ["encode m faces.npy -o t.zarr", f"run t.zarr {IMAGES}"],
    ),
    "another model": Row(
        other, f"run s.zarr {IMAGES} --model m", "encode again with this model, or leave --model "
        "out", ["encode m faces.npy -o t.zarr", f"run t.zarr {IMAGES} --model m"],
    ),
    "a model of other dimensions": Row(
        all_of(basic, array("p.npy", WORLD.latents[:, :3])), f"{run('p.npy')} --model m",
        "give the model that the z-points are of, or leave --model out", [run("p.npy")],
    ),
    "no model": Row(
        basic, "run points.npy --plugins traversals --null none --output r",
        "encode a store, or give --model", ["+ --model m"],
    ),
    # Stores.
    "two signatures of one model": Row(
        differ, run("s.zarr", "t.zarr"), f"with the right one stated, as with {STATED}",
        [remove("t.zarr"), f"encode m faces.npy -o t.zarr {STATED}", run("s.zarr", "t.zarr")],
    ),
    "two signatures of one model, beside each other": Row(
        differ, f"{run('s.zarr')} --with t.zarr", f"with the right one stated, as with {STATED}",
        [remove("t.zarr"), f"encode m faces.npy -o t.zarr {STATED}",
         f"{run('s.zarr')} --with t.zarr"],
    ),
    "another signature": Row(
        stored, f"{ENCODE} --signature 'encoder.range=[0,2]'",
        "choose another -o, delete the store, or state no other signature", [ENCODE],
    ),
    "another signature, elsewhere": Row(
        stored, f"{ENCODE} --signature 'encoder.range=[0,2]'",
        "choose another -o, delete the store, or state no other signature",
        ["encode m faces.npy -o t.zarr --signature 'encoder.range=[0,2]'"],
    ),
    "a store of another model": Row(
        other, ENCODE, "choose another -o, or remove it", ["encode m faces.npy -o t.zarr"]
    ),
    "a store of another model, removed": Row(
        other, ENCODE, "choose another -o, or remove it", [remove("s.zarr"), ENCODE]
    ),
    "something else in its place": Row(
        all_of(basic, text("s.zarr/notes.txt", "mine")), ENCODE, "choose another -o",
        ["encode m faces.npy -o t.zarr"],
    ),
    "an interrupted store": Row(
        all_of(stored, interrupted()), run("s.zarr"),
        "run the same encode command again to finish it", [ENCODE, run("s.zarr")],
    ),
    "a damaged store": Row(
        all_of(stored, replace("s.zarr/zarr.json", '"journal_sha256"', '"journal"')),
        run("s.zarr"), "delete the store and encode again",
        [remove("s.zarr"), ENCODE, run("s.zarr")],
    ),
    "no store": Row(
        basic, run("gone.zarr"), "make one: latent-analyze encode MODEL DATA -o gone.zarr",
        ["encode m faces.npy -o gone.zarr", run("gone.zarr")],
    ),
    "no source": Row(
        basic, run(), "name one, or make one: latent-analyze encode MODEL DATA",
        ["encode m faces.npy", run()],
    ),
    "no source, named": Row(
        basic, run(), "name one, or make one: latent-analyze encode MODEL DATA",
        [run("points.npy")],
    ),
    "latents that are not finite": Row(
        all_of(pair(), array("rows.npy", np.where(np.arange(len(WORLD.x)) == 3, np.nan, 1)[
               :, None] * WORLD.x.reshape(len(WORLD.x), -1))),
        "encode m rows.npy -o s.zarr",
        "repair these rows, or drop such rows: --nonfinite drop", ["+ --nonfinite drop"],
    ),
    # Views.
    "no posterior": Row(
        stored, run("s.zarr@posterior"), "leave @posterior out, or encode with a variational model",
        [run("s.zarr")],
    ),
    "no posterior, with a variational model": Row(
        all_of(stored, variational("v/encoder.onnx")), run("s.zarr@posterior"),
        "leave @posterior out, or encode with a variational model",
        ["encode v faces.npy -o t.zarr", run("t.zarr@posterior")],
    ),
    "no further output": Row(
        deep, run("s.zarr@z3"), "/s.zarr@z2", [run("s.zarr@z2")]
    ),
    "an output of what is no store": Row(
        points, run("points.npy@z2"), "leave @z2 out", [run("points.npy")]
    ),
    "no rows of a label": Row(
        all_of(pair(), three),
        "run --model m --data faces.npz --with latents.zarr[label=7] --plugins radius",
        "make one: latent-analyze encode MODEL DATA -o latents.zarr",
        ["encode m faces.npz", run("latents.zarr[label=7]")], "choose from: label = 0, 1, 2",
    ),
    "a label's value": Row(
        all_of(pair(), three, store(data="faces.npz")),
        run("s.zarr[label=7]"), "choose from: label = 0, 1, 2", [run("s.zarr[label=2]")],
    ),
    # Samplers.
    "a sampler without a store": Row(
        points, run("shuffled"), "give a store and write --with shuffled",
        [f"{run('points.npy')} --with shuffled"],
    ),
    "a sampler without dimensions": Row(
        points, run("normal"), "write normal:dim=16:count=10000", [run("normal:dim=16:count=10000")]
    ),
    "a sampler of other dimensions": Row(
        points, f"{run('points.npy')} --with normal:dim=3", "leave dim out of normal",
        [f"{run('points.npy')} --with normal"],
    ),
    "a source of other dimensions": Row(
        all_of(points, array("p.npy", WORLD.latents[:, :3])),
        f"{run('points.npy')} --with p.npy", "give it as a case of its own, without --with",
        [run("points.npy", "p.npy")],
    ),
    # Names.
    "two sources of one name": Row(
        points, run("points.npy", "points.npy"), "name the cases with --label",
        ["+ --label a --label b"],
    ),
    "too few names": Row(
        points, f"{run('points.npy', 'points.npy')} --label a",
        "repeat --label, in the order of the sources", ["+ --label b"],
    ),
    "a source beside itself": Row(
        all_of(points, array("data.npy", WORLD.latents)), f"{run('points.npy')} --with data.npy",
        "name each source once, and the case with --label", ["+ --label mine"],
    ),
    # Options.
    "a setting without plugins": Row(
        points, "run points.npy --set radius.bin_width=0.1 --null none",
        "add --plugins radius", ["+ --plugins radius"],
    ),
    "a setting without a name": Row(
        points, f"{run('points.npy')} --set bin_width=0.1", "write the plugin's name first",
        [f"{run('points.npy')} --set radius.bin_width=0.1"],
    ),
    "a budget": Row(
        points, f"{run('points.npy')} --budget 0", "write --budget 60s, 2m or 1h",
        [f"{run('points.npy')} --budget 60s"],
    ),
    "no config": Row(
        points, f"run --config gone.toml {RUN}", "name the run.toml of a report",
        [run("points.npy"), "run --config r/run.toml --output q"],
    ),
    "no TOML": Row(
        all_of(points, text("run.toml", "sources = ")), f"run --config run.toml {RUN}",
        "correct it, or name the run.toml of a report",
        [text("run.toml", "sources = ['points.npy']"), f"run --config run.toml {RUN}"],
    ),
    "a folder with other files": Row(
        all_of(points, text("r/notes.txt", "mine")), run("points.npy"), "choose another with -o",
        ["run points.npy --plugins radius --null none -o q"],
    ),
    "one case only": Row(
        stored, "run s.zarr --plugins similarity --null none -o r",
        "give two stores of one data set",
        ["encode m faces.npy -o t.zarr", "run s.zarr t.zarr --plugins similarity --null none -o r"],
    ),
    "an unknown option": Row(
        basic, "encode m faces.npy --bogus", "see: latent-analyze encode --help", ["encode --help"]
    ),
    "a store that another process writes": Row(
        all_of(stored, interrupted(), lock), ENCODE,
        "wait until it ends, or choose another path with -o", ["encode m faces.npy -o t.zarr"],
    ),
    "a model in Python": Row(
        all_of(basic, in_python), "run s.zarr --plugins traversals --null none --output r",
        "existed in Python only; give a file as --model", ["+ --model m"],
    ),
    "what a decoder makes": Row(
        decoder("decoder.onnx"), "inspect decoder.onnx",
        "next: latent-analyze run normal:dim=4:count=2000 --model decoder.onnx",
        ["run normal:dim=4:count=2000 --model decoder.onnx --plugins traversals --null none"],
    ),
}  # fmt: skip
