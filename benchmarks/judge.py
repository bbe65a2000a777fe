"""The rates of `random_decode` against a judge that knows nothing of latent space.

The judge is a digit classifier, trained on the training images. To it a decoded image is good if
it lies within the k-NN radius of some test image in the space of the classifier's features; the
share of good images is the precision of Kynkäänniemi et al. (2019). The reference of the analysis
is the training split: no test image is behind a z-point that a threshold or a sampler has seen.

    python benchmarks/judge.py --data mnist.npz --ae AE --vae VAE -o judge.json

AE and VAE are bundles trained on the training split of the same data. The tables hold what came
out: there is no value that counts as passed.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from judge_classifier import Digits, Judge, Verdicts
from judge_statistics import Estimate, Scored, median_auc, pooled_auc, rank_correlation
from numpy.typing import NDArray

import latent_analyze as la
from latent_analyze.plugin import Host, Result, keyed_rng, take_rows
from latent_analyze.runs.opening import fit_sampler, open_model
from latent_analyze.testing import run_analysis

PREREGISTERED = "2026-11-21"
"""Written on this day, before any decoded image was judged: sources, controls, k, statistics.

The rates themselves were known from earlier runs over these two models (see the page of
`random_decode`); what the judge would say of them was not. What counts first is the rank
correlation of the joint rate with the precision, over all sources of a model.
"""

SOURCES = (
    "posterior",
    "interpolate",
    "gaussian",
    "gaussian:covariance=diag",
    "gmm",
    "kde",
    "kde:bandwidth=0.2",
    "ellipsoid",
    "box",
    "shuffled",
    "normal:sigma=1",
    "uniform:b=0.5",
    "uniform:b=1",
    "uniform:b=1.5",
    "uniform:b=2",
    "uniform:b=3",
)
"""Beside held-out data; `posterior` for variational models alone."""

HELD_OUT = "held-out data"
CONTROLS = ("training images", "the same, pixels permuted")
"""Of the judge alone, in no correlation: what it says of real images, and of none at all."""

NEIGHBORS = 3
POINTS = 2000
EPOCHS = 3
RESAMPLES = 1000
RATES = ("joint", "cycle", "support")
JUDGMENTS = ("precision", "strict precision", "certainty")
"""`strict precision` was added after the first run, in which the preregistered one took images of
permuted pixels for digits. It was chosen by the controls, before it judged any decoded image; the
results of the first run had been seen by then."""

VERDICTS = {"precision": "good", "strict precision": "strict"}
"""Judgment -> verdict per image, of which it is the share."""

SCORES = ("cycle score", "support score", "both scores", "joint decision")
"""Of each z-point: those of the analysis; the larger of the two; whether that is at most 1."""

VERSIONS = (
    "latent-analyze",
    "numpy",
    "scikit-learn",
    "scipy",
    "onnxruntime",
    "tensorflow",
    "keras",
)


@dataclass(frozen=True)
class Judged:
    """One source in the eyes of the analysis and of the judge, point by point.

    Attributes
    ----------
    rates
        Name -> share.
    scores
        Name -> score per z-point, its sign turned where less is better.
    verdicts
        What the judge says of the decoded images.
    """

    label: str
    rates: dict[str, float]
    scores: dict[str, NDArray[np.float64]]
    verdicts: Verdicts


def judge_model(bundle: Path, store: Path, judge: Judge, arguments: Any) -> list[Judged]:
    """Run the analysis over all sources, and show the judge the images of the same z-points."""
    host = Host()
    model, _ = open_model(str(bundle), host)
    made_with = la.open_store(store).schema.model.fingerprint
    if made_with != model.fingerprint:
        raise SystemExit(f"{store} was made with another model than {bundle}")
    reference = la.open_source(f"{store}[split=train]", host=host)
    texts = [t for t in SOURCES if t != "posterior" or "log_var" in reference.fields]
    seed = arguments.seed
    shown = [fit_sampler(text, host, reference=reference, seed=seed) for text in texts]
    analysis = host.get("analysis", "random_decode").make({"points": arguments.points})
    results = run_analysis(analysis, reference, shown=shown, model=model, seed=seed)
    judged = []
    for source in (reference, *shown):
        result = results.results[source.label]
        images = model.decode(take_rows(source, result["row"]).z)
        label = HELD_OUT if source is reference else source.label
        judged.append(Judged(label, rates_of(result), scores_of(result), judge.verdicts(images)))
    return judged


def rates_of(result: Result) -> dict[str, float]:
    return {name: float(result[f"{name}_rate"]) for name in RATES}


def scores_of(result: Result) -> dict[str, NDArray[np.float64]]:
    cycle, support = (result[f"{name}_score"].astype(np.float64) for name in ("cycle", "support"))
    both = np.maximum(cycle, support)
    values = (-cycle, -support, -both, (both <= 1).astype(np.float64))
    return dict(zip(SCORES, values, strict=True))


def judge_controls(digits: Digits, judge: Judge, arguments: Any) -> dict[str, dict[str, float]]:
    """Return what the judge says of training images, and of their pixels in random order."""
    rng = keyed_rng(arguments.seed, "controls")
    real = digits.x_train[rng.choice(len(digits.x_train), arguments.points, replace=False)]
    permuted = rng.permuted(real.reshape(len(real), -1), axis=1).reshape(real.shape)
    pairs = zip(CONTROLS, (real, permuted), strict=True)
    return {label: judge.verdicts(images).shares for label, images in pairs}


def summarize(sources: list[Judged], arguments: Any) -> dict[str, Any]:
    """Return the rows of all sources, rank correlations over them, and AUCs over their images."""
    rng = keyed_rng(arguments.seed, "bootstrap")
    rows = {judged.label: {**judged.rates, **judged.verdicts.shares} for judged in sources}
    columns = {n: [row[n] for row in rows.values()] for n in (*RATES, *JUDGMENTS)}
    more = {"resamples": arguments.resamples}
    correlations = {
        judgment: {r: rank_correlation(columns[r], columns[judgment], rng, **more) for r in RATES}
        for judgment in JUDGMENTS
    }
    aucs: dict[str, Any] = {judgment: {} for judgment in VERDICTS}
    for judgment, name in [(j, n) for j in VERDICTS for n in SCORES]:
        scored = scored_images(sources, judgment, name)
        aucs[judgment][name] = {
            "pooled": pooled_auc(list(scored.values()), rng, **more),
            "median": median_auc(list(scored.values()), rng, **more),
            "sources": {label: images.auc() for label, images in scored.items()},
        }
    return {"sources": rows, "correlations": correlations, "aucs": aucs}


def scored_images(sources: list[Judged], judgment: str, name: str) -> dict[str, Scored]:
    """Return label -> scores and verdicts, of the artificial sources."""
    return {
        judged.label: Scored(judged.scores[name], getattr(judged.verdicts, VERDICTS[judgment]))
        for judged in sources
        if judged.label != HELD_OUT
    }


def show_sources(rows: dict[str, dict[str, float]]) -> None:
    names = next(iter(rows.values()))
    print(f"| source | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for label, row in rows.items():
        print(f"| {label} | {' | '.join(f'{value:.2f}' for value in row.values())} |")
    print()


def show_statistics(found: dict[str, Any]) -> None:
    print(f"| rank correlation with | {' | '.join(RATES)} |\n| --- |{' --- |' * len(RATES)}")
    for judgment, cells in found["correlations"].items():
        print(f"| {judgment} | {' | '.join(map(str, cells.values()))} |")
    for judgment, aucs in found["aucs"].items():
        print(f"\n| AUC, {judgment} | pooled | median | sources |\n| --- | --- | --- | --- |")
        for name, both in aucs.items():
            print(f"| {name} | {both['pooled']} | {both['median']} | {both['median'].sources} |")
    print(flush=True)


def as_json(value: Any) -> Any:
    """Return estimates as objects, and what is no number as null: JSON has no NaN."""
    if isinstance(value, Estimate):
        return as_json(asdict(value))
    if isinstance(value, dict):
        return {key: as_json(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Keras' mnist.npz")
    for name in ("ae", "vae"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="folder of the bundle")
        parser.add_argument(f"--{name}-store", type=Path, help="its store; encoded if not given")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file for the numbers")
    parser.add_argument("--points", type=int, default=POINTS, help="z-points per source")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the classifier")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0, help="of everything")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    digits = Digits.load(arguments.data)
    judge = Judge(digits, NEIGHBORS, epochs=arguments.epochs, seed=arguments.seed)
    found: dict[str, Any] = {
        "preregistered": PREREGISTERED,
        "versions": {name: version(name) for name in VERSIONS},
        "options": {n: getattr(arguments, n) for n in ("points", "epochs", "resamples", "seed")},
        "neighbors": NEIGHBORS,
        "accuracy": judge.accuracy,
        "controls": judge_controls(digits, judge, arguments),
        "models": {},
    }
    print(f"classifier: test accuracy {judge.accuracy:.4f}\n")
    show_sources(found["controls"])
    with TemporaryDirectory() as folder:
        for name in ("ae", "vae"):
            bundle, store = getattr(arguments, name), getattr(arguments, f"{name}_store")
            if store is None:
                store = Path(folder) / f"{name}.zarr"
                la.encode(bundle, arguments.data, store)
            summary = summarize(judge_model(bundle, store, judge, arguments), arguments)
            found["models"][name] = summary
            print(f"{name.upper()}\n")
            show_sources(summary["sources"])
            show_statistics(summary)
    arguments.output.write_text(json.dumps(as_json(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
