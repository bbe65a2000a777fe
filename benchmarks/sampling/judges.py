"""Making and opening the judges of each data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sampling.data import Images
from sampling.exact import ShapeJudge, make_judge
from sampling.judge import DigitJudge, HandedJudge, Judge, Verdicts
from sampling.junk import TRAINED, UNSEEN
from sampling.printing import show_examination

CLEAN = {"noisy": "mnist"}
GRAY_ONLY = ("distorted", "strokes")
JUNK = 1000
"""Images of each kind that a judge is examined with."""


def make(name: str, images: Images, folder: Path) -> None:
    """Make the judge of a data set where it is not there, examine it, and print what comes out.

    Parameters
    ----------
    name
        ``mnist``, ``digits`` or ``shapes``.
    images
        Its images.
    folder
        Gets ``judges/NAME``, with ``examination.json`` in it.
    """
    place = folder / "judges" / name
    if name == "shapes":
        if not (place / "real.npz").exists():
            tried = make_judge(place)
            (place / "blur.json").write_text(json.dumps(tried, indent=1) + "\n")
        print("blur -> shares found:", (place / "blur.json").read_text(), flush=True)
    elif not (place / "real.npz").exists():
        from sampling.training import train_judge

        train_judge(images, place)
    judge = own_judge(name, folder)
    assert judge is not None
    found = examine(judge, images)
    (place / "examination.json").write_text(json.dumps(found, indent=1) + "\n")
    show_examination(found)


def own_judge(name: str, folder: Path) -> Judge | None:
    """Open the judge that `make` made, if it did; noisy images have that of clean ones."""
    place = folder / "judges" / CLEAN.get(name, name)
    if not (place / "real.npz").exists():
        return None
    return ShapeJudge.open(place) if name == "shapes" else DigitJudge.open(place)


def open_judges(name: str, folder: Path, handed: Path | None) -> list[Judge]:
    """Return the judge handed over (of MNIST, if its folder is given) and that made here.

    Raises
    ------
    SystemExit
        If there is neither.
    """
    judges: list[Judge | None] = [own_judge(name, folder)]
    if handed is not None and CLEAN.get(name, name) == "mnist":
        judges.insert(0, HandedJudge(handed))
    found = [judge for judge in judges if judge is not None]
    if not found:
        raise SystemExit(
            f"expected a judge of {name} in {folder}, found none; run: quality.py judges"
        )
    return found


def examine(judge: Judge, images: Images, *, seed: int = 0) -> dict[str, Any]:
    """Return a judge's accuracy and its pass rates for real images and junk of the test split.

    Returns
    -------
    ``accuracy``, ``pass`` and ``ambiguous``, each by group: "all" members, and each alone; the
    latter two then by kind of image.
    """
    rng = np.random.default_rng(seed)
    x, y = images.x_test[: 2 * JUNK], images.y_test[: 2 * JUNK]
    kinds = {n: k for n, k in (TRAINED | UNSEEN).items() if x.shape[3] == 1 or n not in GRAY_ONLY}
    sets = {"real": x} | {name: kind(x, y, rng)[:JUNK] for name, kind in kinds.items()}
    answers = {name: judge.ask(made) for name, made in sets.items()}
    groups = {"all": None} | {member: [i] for i, member in enumerate(judge.members)}
    found: dict[str, Any] = {"accuracy": {}, "pass": {}, "ambiguous": {}}
    for group, members in groups.items():
        verdicts: dict[str, Verdicts] = {
            name: judge.verdicts(given, answers["real"], members) for name, given in answers.items()
        }
        found["accuracy"][group] = float((verdicts["real"].label == y).mean())
        for key, share in (("pass", "good"), ("ambiguous", "ambiguous")):
            found[key][group] = {n: float(getattr(v, share).mean()) for n, v in verdicts.items()}
    return found
