"""Advice about runs of data and a model, said before anything is encoded."""

from __future__ import annotations

from advising import Row
from material import RUN, WORLD, all_of, array, basic, pair, rename
from rows_of_runs import run, three

ENCODED = {
    "no rows of a label in the store of a run": Row(
        all_of(pair(), three),
        f"run --model m --data faces.npz --with r/latents.zarr[label=7] {RUN}",
        "choose from: label = 0, 1, 2",
        [f"run --model m --data faces.npz --with r/latents.zarr[label=1] {RUN}"],
    ),
    "no store beside data and a model": Row(
        basic, f"run --model m --data faces.npy --with gone.zarr {RUN}",
        "make one: latent-analyze encode MODEL DATA -o gone.zarr",
        ["encode m faces.npy -o gone.zarr",
         f"run --model m --data faces.npy --with gone.zarr {RUN}"],
    ),
    "other dimensions beside data and a model": Row(
        all_of(basic, array("p.npy", WORLD.latents[:, :3])),
        f"run --model m --data faces.npy --with normal:dim=3 {RUN}", "leave dim out of normal",
        [f"run --model m --data faces.npy --with normal {RUN}"],
    ),
    "vectors of other dimensions beside data and a model": Row(
        all_of(basic, array("p.npy", WORLD.latents[:, :3])),
        f"run --model m --data faces.npy --with p.npy {RUN}",
        "give it as a case of its own, without --with",
        [f"run --model m --data faces.npy {RUN}", run("r/latents.zarr", "p.npy")],
    ),
    "no analysis applies to data and a model": Row(
        all_of(basic, rename("m/encoder.onnx", "e.onnx")),
        "run --model e.onnx --data faces.npy --null none --plugins traversals --output r",
        "traversals needs decoder: the model has no decoder",
        ["run --model e.onnx+m/decoder.onnx --data faces.npy --null none --plugins traversals "
         "--output r"],
    ),
}  # fmt: skip
