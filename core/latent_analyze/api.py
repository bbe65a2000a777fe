"""The notebook's way in: open, encode, train, run; the command line calls the same functions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze.errors import OptionError
from latent_analyze.host.contracts import Analysis, Progress, Sampler, no_progress
from latent_analyze.host.discovery import Host
from latent_analyze.host.numbers import seconds_of
from latent_analyze.host.options import PluginSpec, parse_specs
from latent_analyze.models.signature import stated_texts
from latent_analyze.report.report import Report, check_output
from latent_analyze.runs.budget import fit_to_budget
from latent_analyze.runs.config import PluginChoice, RunConfig, make_config
from latent_analyze.runs.encoding import encode_for_run, open_encoding
from latent_analyze.runs.inspecting import Inspection, inspect_model
from latent_analyze.runs.opening import DEFAULT_STORE, open_dataset
from latent_analyze.runs.opening import open_source as open_source_text
from latent_analyze.runs.plan import make_plan
from latent_analyze.runs.result_files import ResultFiles
from latent_analyze.runs.runner import Runner
from latent_analyze.runs.source_text import split_texts as split_texts
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.sources.source import Source

if TYPE_CHECKING:
    from latent_analyze.store import Store

SourceLike = str | Path | Source | np.ndarray


def open_source(text: str | Path, *, label: str = "data", host: Host | None = None) -> Source:
    """Open a store or a file of vectors: ``"latents.zarr"``, ``"latents.zarr[split=test]"``.

    Raises
    ------
    LatentAnalyzeError
        If nothing usable is there; the message says what to do.
    """
    return open_source_text(str(text), host or Host(), label=label, seed=0)


def run(
    *sources: SourceLike,
    plugins: str | type[Analysis] | Sequence[str | type[Analysis] | Analysis] = (),
    shown: str | type[Sampler] | Sequence[str | type[Sampler] | Sampler] = (),
    null: str | type[Sampler] | Sequence[str | type[Sampler] | Sampler] = "gaussian",
    null_repeats: int = 20,
    seed: int = 0,
    output: str | Path | None = None,
    budget: str | float | None = None,
    host: Host | None = None,
    progress: Progress = no_progress,
    **more: Any,
) -> Report:
    """Run analyses over one or more sources.

    Parameters
    ----------
    sources
        Paths of stores or files of vectors, arrays (n, dim), or open sources.
    plugins
        ``"radius:bin_width=0.05,slices"``, or a list of such texts, of classes and of instances,
        such as ``@analysis`` functions of a notebook cell; all light ones if empty.
    shown
        Sources beside each case: ``"uniform:b=1.5"``, or sampler classes and instances.
    null, null_repeats
        Null models and the number of their members; ``"none"`` for no null.
    output
        Folder for the report; results are kept there and reused by the next run.
    budget
        Time that the run may take, ``"60s"``: turned into counts of z-points and null members once;
        ``report.outcome.config.cut`` says what was cut.
    more
        Further fields of `RunConfig`: ``model``, ``data``, ``labels``, ``nonfinite``, ``device``.
    """
    given = {_text(s, i): s for i, s in enumerate(sources)}
    if len(given) < len(sources):
        labels = ", ".join(_text(s, i) for i, s in enumerate(sources))
        raise OptionError(
            "sources of different labels",
            found=labels,
            next_step='name them: ArraySource(z, "name"), la.open_source(path, label="name")',
        )
    analyses, beside, nulls = (
        [part] if isinstance(part, (str, type, Sampler, Analysis)) else list(part)
        for part in (plugins, shown, null)
    )
    classes = {_class_of(p, Analysis) for p in analyses if not isinstance(p, str)}
    classes |= {_class_of(p, Sampler) for p in (*beside, *nulls) if not isinstance(p, str)}
    host = (host or Host()).including(classes) if classes else host
    values: dict[str, Any] = {
        "sources": tuple(given),
        "plugins": tuple(choice for plugin in analyses for choice in _choices_of(plugin)),
        "shown": split_texts([_source_text(p) for p in beside]),
        "nulls": split_texts([_source_text(p) for p in nulls]),
        "null_repeats": null_repeats,
        "seed": seed,
    }
    config = make_config(values | more, where="run()")
    opened = {text: _opened(s) for text, s in given.items() if not isinstance(s, (str, Path))}
    report = run_config(config, output, budget=budget, host=host, progress=progress, given=opened)
    for failure in report.failures:
        text = f"{failure.analysis} failed on {failure.source}: {failure.error}"
        warnings.warn(text, stacklevel=2)
    return report


def run_config(
    config: RunConfig,
    output: str | Path | None = None,
    *,
    budget: str | float | None = None,
    host: Host | None = None,
    progress: Progress = no_progress,
    given: Mapping[str, Source] | None = None,
) -> Report:
    """Run what a config says; with `output`, write the report there.

    A `budget` is turned into counts first, see `latent_analyze.runs.budget`.
    """
    host = host or Host()
    folder = None if output is None else Path(output)
    if folder is not None:
        check_output(folder)
    if config.data is not None and config.model is not None and not config.sources:
        config = encode_for_run(config, folder, host, progress)
    plan = make_plan(config, host, progress=progress, given=given)
    if budget is not None:
        fitted, _ = fit_to_budget(plan, seconds_of(budget))
        plan = make_plan(fitted, host, progress=progress, given=given)
    files = ResultFiles(None if folder is None else folder / "results")
    report = Report(Runner(host, files=files, progress=progress).run(plan))
    if folder is not None:
        report.write(folder, progress)
    return report


def encode(
    model: Any,
    data: Any,
    output: str | Path = DEFAULT_STORE,
    *,
    host: Host | None = None,
    signature: Mapping[str, object] | None = None,
    nonfinite: Literal["refuse", "drop"] = "refuse",
    device: str | None = None,
    trust: bool = False,
    progress: Progress = no_progress,
) -> Store:
    """Encode a data set into a store; an interrupted encode goes on where it stopped.

    Parameters
    ----------
    model
        A path, or ``(encoder, decoder)`` or an encoder in Python: modules of PyTorch, Keras models,
        or functions of NumPy arrays. Modules are switched to evaluation while they encode.
    data
        A data set as on the command line, or an array (n, ...), a data loader, whose data set is
        read in order, or an iterable of batches, which is read once. The rows go into a model in
        Python as they are.
    signature
        What you know about the model's files, ``{"encoder.range": [-1, 1]}``; the rest is tried.

    Raises
    ------
    ModelError
        If the runtime does not give what the trainer stored with the bundle.
    LatentAnalyzeError
        For anything else that is wrong with model, data or output.
    """
    model, data = (str(given) if isinstance(given, Path) else given for given in (model, data))
    encoding = open_encoding(
        model, data, Path(output), host or Host(), device=device, trust=trust,
        stated=stated_texts(signature),
    )  # fmt: skip
    return encoding.write(nonfinite=nonfinite, progress=progress)


def train(
    data: str | Path = "digits",
    output: str | Path = "model",
    *,
    model: str = "vae",
    host: Host | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Path:
    """Train a model and write a bundle folder; `options` are those of the trainer."""
    host = host or Host()
    trainer = host.get("trainer", model).make(options)
    trainer.train(open_dataset(str(data), host), Path(output), progress)
    return Path(output)


def inspect(
    model: str | Path,
    data: str | Path | None = None,
    *,
    write: bool = False,
    signature: Mapping[str, object] | None = None,
    host: Host | None = None,
    device: str | None = None,
    trust: bool = False,
) -> Inspection:
    """Say what a model takes and gives; with a data set, what it does with real rows.

    Parameters
    ----------
    write
        Save ``model.toml`` beside the files; a former one is kept.
    signature
        What you know about the model's files, as in `encode`; needs `data`.

    Raises
    ------
    LatentAnalyzeError
        If model or data cannot be opened, or there is nothing to write.
    """
    return inspect_model(
        str(model), None if data is None else str(data), host or Host(),
        write=write, device=device, trust=trust, stated=stated_texts(signature),
    )  # fmt: skip


def choices(plugins: str | Sequence[str]) -> tuple[PluginChoice, ...]:
    """Return the analyses named in ``"radius:bin_width=0.05,slices"`` or in a list of such."""
    texts = [plugins] if isinstance(plugins, str) else plugins
    specs = [spec for text in texts for spec in parse_specs(text)]
    return tuple(PluginChoice(name=s.name, options=dict(s.options)) for s in specs)


def _class_of(plugin: object, base: type) -> type:
    cls = plugin if isinstance(plugin, type) else type(plugin)
    if not issubclass(cls, base):
        kind = base.__name__.lower()
        raise OptionError(
            f"names, {kind} classes or their instances", found=repr(plugin)[:80],
            next_step=f"decorate a function with @{kind} from latent_analyze.plugin",
        )  # fmt: skip
    return cls


def _given_options(plugin: Any) -> dict[str, Any]:
    if isinstance(plugin, type):
        return {}
    options: dict[str, Any] = plugin.options.model_dump(
        mode="json", exclude_unset=True, exclude_none=True
    )
    return options


def _choices_of(plugin: Any) -> tuple[PluginChoice, ...]:
    if isinstance(plugin, str):
        return choices(plugin)
    return (PluginChoice(name=plugin.name, options=_given_options(plugin)),)


def _source_text(sampler: Any) -> str:
    if isinstance(sampler, str):
        return sampler
    return PluginSpec(sampler.name, _given_options(sampler)).text


def _text(source: SourceLike, index: int) -> str:
    if isinstance(source, (str, Path)):
        return str(source)
    return source.label if isinstance(source, Source) else f"array-{index}"


def _opened(source: SourceLike) -> Source:
    if isinstance(source, np.ndarray):
        return ArraySource(source)
    if isinstance(source, Source):
        return source
    raise OptionError("a path, an array or a source", found=type(source).__name__)
