"""Encodes the data of each case with its model, as anybody would, and compares with the truth."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exports.confusion import print_tables

TIMEOUT = 180
TOLERANCE = 1e-3
"""Largest error of a latent, in standard deviations of the truth."""
GOOD = ("right", "rightly refused", "rightly flagged")


@dataclass(frozen=True)
class Grade:
    """What became of a case.

    Attributes
    ----------
    result
        right, rightly refused, rightly flagged; advised (right after ``inspect --write``), lacks
        (right, without log_var), refused, flagged (not the truth, and said so), WRONG.
    signature
        The attribute of that name of the store; empty without one.
    """

    result: str
    why: str = ""
    signature: Mapping[str, Any] = field(default_factory=dict)


def call(*words: object) -> tuple[int, str]:
    """Run latent-analyze; return its exit status, and all that it printed."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        done = subprocess.run(
            ["latent-analyze", *map(str, words)], capture_output=True, text=True, timeout=TIMEOUT,
            env={**os.environ, **quiet}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {TIMEOUT} s"
    return done.returncode, (done.stdout + done.stderr).strip()


def grade(answer: Mapping[str, Any], source: Path) -> Grade:
    """Grade one case, in a copy of its folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "case"
        shutil.copytree(source, folder)
        model, data, store = folder / answer["model"], folder / answer["data"], folder / "z.zarr"
        options, expect, how = answer.get("options", []), answer["expect"], "right"
        status, said = call("encode", model, data, "-o", store, "-q", *options)
        if status and expect != "refused":
            call("inspect", model, "--data", data, "--write", *options)
            status, again = call("encode", model, data, "-o", store, "-q", *options)
            how, said = "advised", again if status == 0 else said
        if status:
            return refused(answer, said)
        return stored(answer, folder, store, how)


def refused(answer: Mapping[str, Any], said: str) -> Grade:
    """Grade a refusal: one that is expected gives the reason, and none is a traceback."""
    rightly = "refused" in answer["expect"] or answer["expect"] == "flagged"
    last = said.splitlines()[-1][:250] if said else "nothing said"
    if "Traceback" in said:
        return Grade("WRONG", f"traceback: {last}")
    if rightly and answer.get("reason", "") in said:
        return Grade("rightly refused", last)
    return Grade("refused", last)


def stored(answer: Mapping[str, Any], folder: Path, store: Path, how: str) -> Grade:
    """Grade a store."""
    attributes = json.loads((store / "zarr.json").read_text(encoding="utf-8"))["attributes"]
    signature, expect = attributes.get("signature", {}), answer["expect"]
    problem, share = analyze(store, folder, answer)
    if expect in ("refused", "flagged"):
        return Grade("rightly flagged" if problem else "WRONG", problem or "no problem", signature)
    why = missed(store, np.load(folder / "truth.npz"))
    least = answer.get("explained_variance")
    if not why and least and not share >= least:
        why = f"reconstructions explain {share:.2g}, not {least}"
    if why == "no log_var":
        return Grade("lacks", why, signature)
    if why and problem:
        return Grade("rightly flagged" if "flagged" in expect else "flagged", why, signature)
    return Grade("WRONG", f"{why} ({how})", signature) if why else Grade(how, "", signature)


def missed(store: Path, truth: Any) -> str:
    """Return what is missing or wrong among the stored latents; empty if nothing is."""
    import zarr

    group: Any = zarr.open_group(str(store), mode="r")
    for name in truth.files:
        if name not in group:
            return f"no {name}"
        found, wanted = np.asarray(group[name]).astype(np.float64), truth[name]
        if found.size != wanted.size:
            return f"{name} of shape {found.shape}, not {wanted.shape}"
        off = np.abs(found.reshape(wanted.shape) - wanted).max() / wanted.std()
        if not off < TOLERANCE:
            return f"{name} is off by {off:.2g} standard deviations"
    return ""


def analyze(store: Path, folder: Path, answer: Mapping[str, Any]) -> tuple[str, float]:
    """Return the first finding of severity problem, the share explained."""
    options = answer.get("options", [])
    call(
        "run", store, "-p", "radius,reconstruct", "--null", "none", "-q",
        "-o", folder / "report", *options,
    )  # fmt: skip
    results = folder / "report/results.json"
    if not results.exists():
        return "", float("nan")
    (case, *_) = json.loads(results.read_text(encoding="utf-8"))["cases"]
    problems = [f for f in case["findings"] if f["severity"] == "problem"]
    sources = case["analyses"].get("reconstruct", {})
    scalars = next(iter(sources.values()), {}).get("scalars", {})
    text = str(problems[0].get("text", "a problem")) if problems else ""
    return text, float(scalars.get("explained", "nan"))


def grade_all(folder: Path, names: Collection[str], jobs: int) -> int:
    """Grade the cases of these names, print tables and lists, return the exit status."""
    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    chosen = {name: answer for name, answer in answers.items() if name in names}
    grades: dict[str, Grade] = {}
    with ThreadPoolExecutor(jobs) as pool:
        done = pool.map(lambda name: grade(chosen[name], folder / name), chosen)
        for name, found in zip(chosen, done, strict=True):
            grades[name] = found
            mark = found.result if found.result in GOOD else found.result.upper()
            print(f"{name:52s} {mark:16s} {found.why}", flush=True)
    print_tables(chosen, {name: found.signature for name, found in grades.items()})
    summarize(chosen, grades)
    return int(any(found.result == "WRONG" for found in grades.values()))


def summarize(answers: Mapping[str, Any], grades: Mapping[str, Grade]) -> None:
    """Print the counts, those of every kind, and all that is not right."""
    counts = Counter(found.result for found in grades.values())
    print("\nnot right:")
    for name, found in sorted(grades.items(), key=lambda entry: entry[1].result):
        if found.result not in GOOD:
            print(f"  {found.result:9s} {name:52s} {answers[name]['what']}: {found.why}")
    print("\nright of all, by kind:")
    for kind in sorted({answer["kind"] for answer in answers.values()}):
        results = [grades[name].result for name, a in answers.items() if a["kind"] == kind]
        good = sum(result in GOOD for result in results)
        rest = Counter(result for result in results if result not in GOOD)
        said = ", ".join(f"{count} {result}" for result, count in rest.items())
        print(f"  {kind:20s} {good:3d} of {len(results):3d}  {said}")
    texts = [f"{count} {result}" for result, count in counts.most_common()]
    print(f"\n{len(grades)} cases: {', '.join(texts)}")
