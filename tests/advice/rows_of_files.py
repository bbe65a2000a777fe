"""Advice about what is inside the files of models: graphs, functions, modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from advising import Row
from material import (
    BYTES_LIMIT,
    DIM,
    FLOAT,
    WORLD,
    Net,
    World,
    all_of,
    custom,
    encode_rows,
    encoder,
    faces,
    mean_head,
    narrow,
    pair,
    rename,
    replace,
    tensor_info,
    text,
)

SIX = World(dim=6, count=60)

ENCODE = "encode f faces.npy -o s.zarr --trust"
CORRECT = "correct it in model.toml or --signature, or leave it out"
CODE = """
import numpy as np

def encode(x):
    return x.reshape(len(x), -1)[:, :4]

def wrong(x):
    return "text"

class Model:
    def __init__(self, size):
        self.size = size
"""
FUNCTIONS = 'runtime = "callable"\n[encoder]\nentry = "code_of_f:encode"\n'


def functions(sidecar: str = FUNCTIONS, code: str = CODE):
    """Return a function that writes a model of functions."""
    return all_of(faces, text("f/code_of_f.py", code), text("f/model.toml", sidecar))


def mixing(path: str):
    """Return a function that writes an encoder that gives many rows other latents than few."""

    def build(net: Net) -> str:
        shape = net.op("Cast", net.op("Shape", "x", start=0, end=1), to=FLOAT)
        more = net.op("Relu", net.op("Sub", shape, net.const(3.0)))
        return net.op("Add", encode_rows(net), more)

    return custom(path, build, mu=(DIM,))


def training(path: str):
    """Return a function that writes an encoder in training mode without running statistics."""

    def write() -> None:
        net = Net()
        flat = net.ints("x", -1, WORLD.size)
        ones, zeros = net.const(np.ones(WORLD.size)), net.const(np.zeros(WORLD.size))
        mean = net.op("ReduceMean", flat, axes=[0], keepdims=0)
        net.nodes.append(
            onnx.helper.make_node(
                "BatchNormalization", [flat, ones, zeros, mean, mean], ["n", "m", "v"],
                training_mode=1,
            )
        )  # fmt: skip
        mu = net.linear(net.op("Add", "n", flat), WORLD.basis.T)
        net.save(Path(path), [tensor_info("x", WORLD.shape)], {"mu": (mu, FLOAT, (DIM,))})

    return write


def spatial(encoded: tuple[int, ...], decoded: tuple[int, ...]):
    """Return a function that writes a pair of six latent dimensions in two orders."""

    def build(net: Net) -> str:
        return net.ints(net.linear(net.ints("x", -1, SIX.size), SIX.basis.T), -1, *encoded)

    def back(net: Net) -> str:
        return net.ints(net.linear(net.ints("z", -1, 6), SIX.basis), -1, *SIX.shape)

    return all_of(
        faces, custom("m/encoder.onnx", build, mu=encoded),
        custom("m/decoder.onnx", back, tensor_info("z", decoded), y=SIX.shape),
    )  # fmt: skip


def huge(path: str):
    """Return a function that writes an encoder with an output that is declared to be huge."""

    def build(net: Net) -> tuple[str, str]:
        mu = encode_rows(net)
        return mu, net.op("Identity", mu)

    return custom(path, build, mu=(DIM,), more=(BYTES_LIMIT,))


def torch_file(path: str, make: str):
    """Return a function that writes a file of PyTorch; `make` is code that sets `found`."""

    def write() -> None:
        import torch

        names: dict[str, object] = {"torch": torch, "path": path}
        exec(make, names)

    return write


MODULE = """
from torch import nn

class Encoder(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(48, dim))

    def forward(self, x):
        return self.body(x)
"""
STATE = (
    MODULE + "torch.manual_seed(0)\nEncoder().eval()\n"
    "torch.save({k: v for k, v in Encoder().state_dict().items()}, path)"
)
TRACED = """
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(48), nn.Linear(48, 4)

    def forward(self, x):
        flat = x.flatten(1)
        return self.head(self.norm(flat) + flat)

rows = torch.rand(9, 8, 6, 1)
torch.jit.save(torch.jit.trace(Encoder().train(), rows, check_trace=False), path)
"""
TORCH = 'runtime = "torch"\n[encoder]\nfile = "e.pt"\nlayout = "HWC"\nentry = "mods:Encoder"\n'
state = all_of(faces, text("t/mods.py", MODULE), torch_file("t/e.pt", STATE))

PROGRAM = """
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(48, 4), nn.Linear(48, 4)

    def forward(self, x):
        flat = x.flatten(1)
        return self.a(flat), self.b(flat)

rows = {0: torch.export.Dim("batch")}
torch.export.save(
    torch.export.export(Encoder().eval(), (torch.rand(2, 8, 6, 1),), dynamic_shapes=(rows,)), path
)
"""
OBJECT = """
from latent_analyze.plugin import Latents, ModelSpec, TensorSpec

class Model:
    spec = ModelSpec(
        name="mine", adapter="mine", can_encode=True, latent=TensorSpec(shape=(4,)),
        input=TensorSpec(shape=(8, 6, 1), layout="HWC", range=(0, 1)),
    )
    fingerprint = "mine"

    def encode(self, x):
        return Latents(x.reshape(len(x), -1)[:, :3])

    def decode(self, z):
        raise NotImplementedError

model = Model()
"""


def keras_file(path: str, make: str):
    """Return a function that writes a Keras model; `make` is code with a function `outputs`."""

    def write() -> None:
        import keras

        names: dict[str, object] = {}
        exec(make, names)
        given = keras.Input((8, 6, 1))
        Path(path).parent.mkdir(exist_ok=True)
        keras.Model(given, names["outputs"](given)).save(path)  # type: ignore[operator]

    return write


LAYER = """
import keras

class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def outputs(x):
    return keras.layers.Dense(4)(Twice()(keras.layers.Flatten()(x)))
"""
NORMALIZED = """
import keras

def outputs(x):
    flat = keras.layers.Flatten()(x)
    return keras.layers.Dense(4)(keras.layers.BatchNormalization()(flat, training=True) + flat)
"""


def pickled() -> None:
    """Write a module whose class is in t/classes_of_t.py."""
    import sys

    import torch

    sys.path.insert(0, "t")
    try:
        import classes_of_t  # type: ignore[import-not-found]

        torch.save(classes_of_t.Encoder().eval(), "t/e.pt")
    finally:
        sys.path.remove("t")
        sys.modules.pop("classes_of_t", None)


def crowded() -> None:
    """Write more Python files beside a model than are hashed."""
    for number in range(2001):
        Path(f"f/other_{number}.py").touch()


FILES = {
    # Trust.
    "functions": Row(
        functions(), "encode f faces.npy -o s.zarr",
        "add --trust if you know who made it, or export it to ONNX", ["+ --trust"],
    ),
    "functions, inspected": Row(
        functions(), "inspect f", "add --trust if you know who made it, or export it to ONNX",
        ["+ --trust"], "state them in model.toml or --signature, as 'image_shape=[28,28,1]'",
    ),
    "a huge tensor": Row(
        all_of(faces, huge("e.onnx")), "encode e.onnx faces.npy",
        "open it with --trust if you know who made it", ["+ --trust"],
    ),
    # Functions.
    "shapes of functions": Row(
        functions(), "inspect f --trust",
        "state them in model.toml or --signature, as 'image_shape=[28,28,1]'",
        [text("f/model.toml", f"image_shape = [8, 6, 1]\n{FUNCTIONS}"), "inspect f --trust"],
    ),
    "a misspelled entry": Row(
        functions(FUNCTIONS.replace(":encode", ":encod")), ENCODE,
        "check the spelling, or install the package",
        [text("f/model.toml", FUNCTIONS), ENCODE],
    ),
    "no entry": Row(
        functions(FUNCTIONS.replace("entry", "file")), ENCODE, "correct model.toml",
        [text("f/model.toml", FUNCTIONS), ENCODE],
    ),
    "weights that are not there": Row(
        functions(f'{FUNCTIONS}file = "w.bin"\n'), ENCODE, "correct model.toml",
        [text("f/model.toml", FUNCTIONS), ENCODE],
    ),
    "a function that returns no array": Row(
        functions(FUNCTIONS.replace(":encode", ":wrong")), ENCODE,
        "return one of these, or name another function or part in model.toml",
        [text("f/model.toml", FUNCTIONS), ENCODE],
    ),
    "a function that fails": Row(
        functions(code=CODE.replace("x.reshape(len(x), -1)", "x.reshape(len(x), 7, 7)")), ENCODE,
        "compare them with what it takes: latent-analyze inspect MODEL",
        ["inspect f --trust"], "image_shape",
    ),
    "an object that is no model": Row(
        all_of(functions(), text("code_of_f.py", CODE)),
        "encode code_of_f:Model faces.npy -o s.zarr --trust",
        "name functions in model.toml: entry = 'package.module:function'", [ENCODE],
    ),
    "an array that is no model": Row(
        all_of(functions(), text("code_of_f.py", f"{CODE}\nvalue = 3\n")),
        "encode code_of_f:value faces.npy -o s.zarr --trust",
        "name functions in model.toml: entry = 'package.module:function'", [ENCODE],
    ),
    # Graphs.
    "training mode without statistics": Row(
        all_of(faces, training("e.onnx")), "encode e.onnx faces.npy",
        "export it after model.eval(), or run it as it is: --batch-mode keep",
        ["+ --batch-mode keep"],
    ),
    "rows that change each other": Row(
        all_of(faces, mixing("e.onnx")), "inspect e.onnx --data faces.npy",
        "state it, --signature encoder.batch=1", ["+ --signature encoder.batch=1"],
    ),
    "z-points in another order": Row(
        spatial((2, 3), (3, 2)), "inspect m", "run: latent-analyze inspect m --data DATA",
        ["inspect m --data faces.npy"],
    ),
    "a z-point of open axes": Row(
        all_of(
            custom("m/decoder.onnx", lambda net: net.ints(net.linear(net.ints("z", -1, DIM),
                   WORLD.basis), -1, *WORLD.shape), tensor_info("z", ("a", "b")), y=WORLD.shape),
            text("m/model.toml", "[decoder]\nfile = 'decoder.onnx'\n"),
        ),
        "inspect m", "state it in model.toml or --signature, as 'latent_shape=[4,8,8]'",
        [text("m/model.toml", "latent_shape=[2,2]\n[decoder]\nfile = 'decoder.onnx'\n"),
         "inspect m"],
    ),
    "an image before the mean": Row(
        all_of(faces, custom("encoder.onnx", lambda net: (net.op("Neg", "x"), encode_rows(net)),
               y=WORLD.shape, c=(DIM,))),
        "inspect encoder.onnx", "run: latent-analyze inspect encoder.onnx --data DATA",
        ["inspect encoder.onnx --data faces.npy"],
    ),
    "an image before the mean, in model.toml": Row(
        all_of(faces, custom("m/encoder.onnx", lambda net: (net.op("Neg", "x"), encode_rows(net)),
               y=WORLD.shape, c=(DIM,)), text("m/model.toml", "[encoder]\nfile = 'encoder.onnx'")),
        "inspect m", "name mu, and log_var if there is one, in model.toml or --signature",
        [text("m/model.toml", "[encoder]\nfile = 'encoder.onnx'\nmu = 'c'"), "inspect m"],
    ),
    "which is the mean": Row(
        encoder("m/encoder.onnx", a=mean_head, b=narrow), "inspect m",
        "state mu and log_var in model.toml if that is wrong",
        [text("m/model.toml", "[encoder]\nfile = 'encoder.onnx'\nmu = 'b'\nlog_var = 'a'\n"),
         "inspect m"],
    ),
    "a decoder that takes more": Row(
        all_of(pair(), custom("m/both.onnx", lambda net: net.op("Add", net.op("Add", net.ints(
               net.linear(encode_rows(net), WORLD.basis), -1, *WORLD.shape), "x"), "x"),
               y=WORLD.shape), faces, text("m/model.toml", "[encoder]\nfile = 'encoder.onnx'\n"
               "[decoder]\nfile = 'both.onnx'\ninput = 't3'\n")),
        "encode m faces.npy", "name another one as input: it also takes x",
        [replace("m/model.toml", "'t3'", "'x'"), "encode m faces.npy"], "decoder",
    ),
    # PyTorch.
    "a state dict": Row(
        state, "encode t/e.pt faces.npy -o s.zarr --trust",
        "state the class in model.toml, or save the model with torch.export",
        [text("t/model.toml", TORCH), "encode t faces.npy -o s.zarr --trust"],
    ),
    "arguments of a class": Row(
        all_of(state, text("t/model.toml", f"{TORCH}arguments = {{ size = 3 }}\n")),
        "encode t faces.npy -o s.zarr --trust", "correct arguments in model.toml",
        [replace("t/model.toml", "size = 3", "dim = 4"), "encode t faces.npy -o s.zarr --trust"],
    ),
    "weights of another class": Row(
        all_of(state, text("t/model.toml", f"{TORCH}arguments = {{ dim = 3 }}\n")),
        "encode t faces.npy -o s.zarr --trust",
        "correct entry and arguments in model.toml, so that they make the same model as the one "
        "whose model.state_dict() was saved",
        [replace("t/model.toml", "dim = 3", "dim = 4"), "encode t faces.npy -o s.zarr --trust"],
    ),
    "a part that is not there": Row(
        all_of(state, text("t/model.toml", f"{TORCH}part = 'head'\n")),
        "encode t faces.npy -o s.zarr --trust", CORRECT,
        [replace("t/model.toml", "head", "body"), "encode t faces.npy -o s.zarr --trust"],
    ),
    "a trace in training mode": Row(
        all_of(faces, torch_file("e.pt", TRACED)),
        "encode e.pt faces.npy --trust -o s.zarr --signature encoder.layout=HWC",
        "--batch-mode keep runs it as it was exported",
        ["encode e.pt faces.npy --trust -o t.zarr --signature encoder.layout=HWC --batch-mode "
         "keep"],
    ),
    "a class of a pickle": Row(
        all_of(faces, text("t/classes_of_t.py", MODULE), pickled,
               rename("t/classes_of_t.py", "away/classes_of_t.py")),
        "encode t/e.pt faces.npy -o s.zarr --trust",
        "put its file there; if a script or notebook defined it, save model.state_dict() and name "
        "the class as entry in model.toml",
        [rename("away/classes_of_t.py", "t/classes_of_t.py"),
         "encode t/e.pt faces.npy -o s.zarr --trust"],
    ),
    "a folder with too much code": Row(
        all_of(functions(), crowded), ENCODE,
        "move model.toml and the modules it needs into a folder of their own",
        [rename("f/model.toml", "g/model.toml"), rename("f/code_of_f.py", "g/code_of_f.py"),
         "encode g faces.npy -o s.zarr --trust"],
    ),
    "an object with other z-points than it says": Row(
        all_of(faces, text("objects_of_f.py", OBJECT)),
        "encode objects_of_f:model faces.npy -o s.zarr --trust",
        "run: latent-analyze inspect MODEL --data DATA",
        ["inspect objects_of_f:model --data faces.npy --trust"],
    ),
}  # fmt: skip

SLOW = {
    "outputs of a program": Row(
        all_of(faces, torch_file("e.pt2", PROGRAM)),
        "inspect e.pt2 --trust",
        "state mu by its node, in model.toml or --signature, if that is wrong",
        ["inspect e.pt2 --trust --data faces.npy --signature encoder.layout=HWC --signature "
         "encoder.mu=linear_1 --signature encoder.log_var=linear"],
    ),
    "a layer of its own": Row(
        all_of(faces, keras_file("k/e.keras", LAYER)), "encode k/e.keras faces.npy -o s.zarr",
        "put its code into a file my_layers.py next to model.toml, state entry = 'my_layers:Twice' "
        "there, and add --trust",
        [text("k/my_layers.py", LAYER),
         text("k/model.toml", "runtime = 'keras'\n[encoder]\nfile = 'e.keras'\n"
              "entry = 'my_layers:Twice'\n"),
         "encode k faces.npy -o s.zarr --trust"],
    ),
    "a Keras model in training mode": Row(
        all_of(faces, keras_file("e.keras", NORMALIZED)), "encode e.keras faces.npy -o s.zarr",
        "--batch-mode keep runs it as it was saved",
        ["encode e.keras faces.npy -o t.zarr --batch-mode keep"],
    ),
}  # fmt: skip
"""These import PyTorch's exporter or TensorFlow."""
