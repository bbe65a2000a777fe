"""Generates the cases, and checks every file against the truth with ONNX Runtime."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exports.arrays import NumpyOps, evaluate
from exports.case import Case, File, MissingExporterError, write, write_answers
from exports.kinds import Variant
from exports.net import outputs

LEAST_EXPLAINED, ATTEMPTS = 0.4, 3
TOLERANCE = 3e-4
"""Largest difference of an output from the truth, in its standard deviations."""


def generate(variants: Sequence[Variant], folder: Path, jobs: int = 2) -> int:
    """Write all cases and answers.json; other cases that are there stay. Return the failures.

    A failure is a file that does not give what is true, or a decoder that explains too little; its
    case is left out and named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "answers.json"
    answers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    started, said = time.perf_counter(), Counter[str]()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        done = pool.map(partial(generate_one, folder=folder), variants)
        for number, (variant, (answer, note)) in enumerate(zip(variants, done, strict=True), 1):
            answers.pop(variant.name, None)
            if answer:
                answers[variant.name] = answer
            said.update([note] if note else [])
            if number % 20 == 0:
                write_answers(answers, folder)
                print(f"{number} cases, {time.perf_counter() - started:.0f} s", flush=True)
    write_answers(answers, folder)
    for note, count in said.items():
        print(f"{count} x {note}")
    print(f"{len(variants)} cases in {time.perf_counter() - started:.0f} s")
    return sum(count for note, count in said.items() if note.startswith("FAILED"))


def generate_one(variant: Variant, folder: Path) -> tuple[dict[str, Any], str]:
    """Write and check one case; return its answer, or why there is none."""
    target = folder / variant.name
    shutil.rmtree(target, ignore_errors=True)
    try:
        attempts = (variant.case(attempt) for attempt in range(ATTEMPTS))
        case = next((case for case in attempts if trained_well(case)), None)
        assert case is not None, f"{ATTEMPTS} trainings explain too little"
        write(case, target)
        check(case, target)
    except Exception as error:  # an exporter's own errors are of any kind
        shutil.rmtree(target, ignore_errors=True)
        missing = isinstance(error, MissingExporterError)
        return (
            {},
            f"left out: {error}" if missing else f"FAILED: {variant.name}: {repr(error)[:300]}",
        )
    return {"kind": variant.kind, **case.answer()}, ""


def trained_well(case: Case) -> bool:
    """Whether reconstructions explain enough, where there are any that should."""
    return case.explained is None or case.explained >= LEAST_EXPLAINED


def check(case: Case, folder: Path) -> None:
    """Raise an AssertionError if a file does not give what is true."""
    for name, file in case.files.items():
        if name.endswith(".onnx") and not file.edit:
            first = name == next(iter(case.files))
            fed = dict(case.fed) if first else decoder_rows(file, case)
            compare(folder / name, file, fed)


def decoder_rows(file: File, case: Case) -> dict[str, NDArray[Any]]:
    """Return random rows for the inputs of a decoder."""
    rng, rows = np.random.default_rng(0), 32
    found: dict[str, NDArray[Any]] = {}
    for name, (shape, dtype) in file.net.inputs.items():
        draw = rng.standard_normal((rows, *shape)).astype(np.float32)
        found[name] = draw if dtype == "float32" else rng.integers(0, 10, (rows, *shape))
    return found


def compare(path: Path, file: File, fed: Mapping[str, NDArray[Any]]) -> None:
    """Compare the outputs of a file, by order or name, with those of NumPy."""
    found = run_file(path, file, fed)
    values = evaluate(file.net, dict(fed))
    wanted = outputs(file.net, values, NumpyOps(last=file.net.last))
    noisy = {"z", "tail"} if file.net.draw is not None else set()
    for (name, heads), other in zip(file.net.outputs.items(), found, strict=True):
        got = found.get(name, found[other])
        if noisy.isdisjoint(heads):
            off = np.abs(got.astype(float) - wanted[name]).max() / max(wanted[name].std(), 1e-6)
            allowed = 0.05 if got.dtype == np.uint8 else TOLERANCE
            assert off < allowed, f"{path}: {name} is off by {off:.2g} standard deviations"
        elif "z" in heads:
            off = float(np.corrcoef(got.ravel(), wanted[name].ravel())[0, 1])
            assert off > 0.3, f"{path}: the draw {name} has little to do with its mean"


def run_file(path: Path, file: File, fed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run a file as in evaluation, batch by batch."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = ort.InferenceSession(evaluated(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    inputs = [given.name for given in session.get_inputs()]
    rows = len(next(iter(fed.values())))
    size = file.batch or rows
    parts = []
    for start in range(0, rows - size + 1, size):
        batch = {k: fed[k][start : start + size] for k in file.net.inputs}
        parts.append(session.run(None, {k: batch[k] for k in inputs}))
    joined = {n: np.concatenate([part[i] for part in parts]) for i, n in enumerate(names)}
    missing = rows - len(next(iter(joined.values())))
    return {n: np.concatenate([y, run_last(session, fed, i, size, missing)]) if missing else y
            for i, (n, y) in enumerate(joined.items())}  # fmt: skip


def run_last(session: Any, fed: Mapping[str, Any], output: int, size: int, count: int) -> Any:
    """Return the last rows of an output, which do not fill a batch."""
    batch = {given.name: fed[given.name][-size:] for given in session.get_inputs()}
    return session.run(None, batch)[output][-count:]


def evaluated(path: Path) -> bytes:
    """Return a graph in which nothing is in training mode."""
    import onnx

    proto = onnx.load(path)
    switched = {"Dropout": drop_dropout, "BatchNormalization": drop_moments}
    for node in proto.graph.node:
        if node.op_type in switched:
            switched[node.op_type](node)
    return bytes(proto.SerializeToString())


def drop_dropout(node: Any) -> None:
    del node.input[1:]


def drop_moments(node: Any) -> None:
    kept = [entry for entry in node.attribute if entry.name != "training_mode"]
    del node.attribute[:]
    node.attribute.extend(kept)
    del node.output[1:]
