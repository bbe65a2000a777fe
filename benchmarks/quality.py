"""Is this one decoded image good? A statistic of single images, held against judges.

    python benchmarks/quality.py judges --folder FOLDER --mnist mnist.npz
    python benchmarks/quality.py models --folder FOLDER --mnist mnist.npz
    python benchmarks/quality.py table --folder FOLDER --mnist mnist.npz --statistic MODULE:FUNCTION

`judges` trains the judges of all data sets and prints what they make of junk; `models` trains the
models; what is in FOLDER already stays as it is. `table` prints the figures of a statistic:
FUNCTION takes a `sampling.space.Space`, and returns a function of z-points (n, dim) that returns
(n,) numbers, higher where the image is better. The judge sees no statistic, and no statistic the
judge. `sampling.baselines` has some to compare with.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import argparse
import json
from dataclasses import asdict
from itertools import product
from pathlib import Path

DATA = "mnist,digits,shapes,noisy"
JUDGED = "mnist,digits,shapes"


def listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("judges", "models", "table"))
    parser.add_argument("--folder", type=Path, required=True, help="of everything made here")
    parser.add_argument("--mnist", type=Path, required=True, help="Keras' mnist.npz")
    parser.add_argument("--data", default="", help=f"some of {DATA}; default all, or mnist")
    parser.add_argument("--models", default="", help="names of models; default all, or ae,vae")
    parser.add_argument("--training-seeds", default="0", help="of the models; default 0")
    parser.add_argument("--seeds", default="0", help="of the draws; default 0")
    parser.add_argument("--statistic", action="append", default=[], help="module:function")
    parser.add_argument("--handed", type=Path, help="folder with judge0.keras and judge1.keras")
    parser.add_argument("--resamples", type=int, default=200, help="of the bootstrap")
    parser.add_argument("-o", "--output", type=Path, help="JSON file for the numbers of a table")
    return parser.parse_args()


def main() -> None:
    given = parse_arguments()
    {"judges": make_judges, "models": make_models, "table": make_table}[given.what](given)


def make_judges(given: argparse.Namespace) -> None:
    from sampling.data import load
    from sampling.judges import make

    for name in listed(given.data or JUDGED):
        print(f"\n## {name}\n", flush=True)
        make(name, load(name, given.folder, given.mnist), given.folder)


def make_models(given: argparse.Namespace) -> None:
    from sampling.models import make

    for name in listed(given.data or DATA):
        for seed in map(int, listed(given.training_seeds)):
            chosen = listed(given.models) or None
            make(name, given.folder, mnist=given.mnist, seed=seed, chosen=chosen)


def make_table(given: argparse.Namespace) -> None:
    from sampling.printing import show_outcomes
    from sampling.tables import compare, qualities, statistic_named

    numbers = {}
    for name, model in product(listed(given.data or "mnist"), listed(given.models or "ae,vae")):
        by_judge = trials(given, name, model)
        first = next(iter(by_judge.values()))
        found = {}
        for text in given.statistic:
            statistic = statistic_named(text)
            found[text] = [qualities(statistic, trial.space, trial.drawn) for trial in first]
        for judge, of in by_judge.items():
            outcomes = {t: compare(of, q, resamples=given.resamples) for t, q in found.items()}
            title = f"{name} {model}, judge: {judge}"
            show_outcomes(title, outcomes)
            numbers[title] = {text: asdict(outcome) for text, outcome in outcomes.items()}
    if given.output:
        given.output.write_text(json.dumps(numbers, indent=1) + "\n")


def trials(given: argparse.Namespace, name: str, model: str) -> dict[str, list]:
    """Return judge -> one trial per seed of training and of draws."""
    from sampling.data import load
    from sampling.drawn import Opinion, ask_judge, drawn_points
    from sampling.judges import open_judges
    from sampling.models import bundle_of
    from sampling.space import open_space
    from sampling.tables import Trial

    images = load(name, given.folder, given.mnist)
    judges = open_judges(name, given.folder, given.handed)
    found: dict[str, list] = {judge.name: [] for judge in judges}
    for training_seed in map(int, listed(given.training_seeds)):
        bundle = bundle_of(given.folder, name, model, training_seed)
        for seed in map(int, listed(given.seeds)):
            space = open_space(bundle, images, seed)
            at = given.folder / "drawn" / f"{name}-{model}-{training_seed}-{seed}"
            drawn = drawn_points(space, at / "z.npz")
            for judge in judges:
                answers = ask_judge(judge, space, drawn, path=at / f"{judge.name}.npz")
                found[judge.name].append(Trial(space, drawn, Opinion(judge, answers)))
    return found


if __name__ == "__main__":
    main()
