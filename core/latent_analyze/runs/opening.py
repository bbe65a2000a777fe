"""From the texts that users write to models, data sets and sources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from latent_analyze.errors import (
    DatasetError,
    ModelError,
    OptionError,
    StoreError,
    printable,
    unknown_name,
)
from latent_analyze.files.pairs import all_exist, missing_part, resolved, split_pair
from latent_analyze.files.writing import exists
from latent_analyze.host.contracts import NOTHING
from latent_analyze.host.options import PluginSpec, parse_spec
from latent_analyze.models.in_python import is_in_python, kept_model
from latent_analyze.models.reference import ModelRef
from latent_analyze.runs.advice import no_data, taken_for_data
from latent_analyze.runs.outputs import output_source
from latent_analyze.runs.source_text import SourceText
from latent_analyze.runs.usable_rows import usable as usable
from latent_analyze.sources.codes import latent_kind
from latent_analyze.sources.seeding import derived_seed
from latent_analyze.sources.views import PosteriorSource, RelabeledSource, select
from latent_analyze.store import is_store, open_store

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Dataset, Sampler
    from latent_analyze.host.discovery import Host, Plugin
    from latent_analyze.models.signature import Sample, Signature
    from latent_analyze.models.spec import Model
    from latent_analyze.sources.source import Source

T = TypeVar("T")

DEFAULT_STORE = "latents.zarr"


def is_path(text: str) -> bool:
    """Whether a source text names, or is meant to name, something on the disk."""
    base = SourceText.parse(text).base
    return is_store(base) or exists(base) or any(mark in base.partition(":")[0] for mark in "/\\.")


def absolute(text: str) -> str:
    """Return a text whose path, if it names one that exists, is absolute.

    Raises
    ------
    OptionError
        If the path holds bytes that are no text: no report could name it.
    """
    base = SourceText.parse(text).base
    path = text if len(split_pair(text)) == 2 else base
    if not all_exist(path) and is_path(base) and "://" not in base:
        path = base.partition(":")[0]
    if not all_exist(path):
        return text
    found = resolved(path)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise OptionError("a path in UTF-8", found=found, next_step="rename it") from None
    return found + text.removeprefix(path)


def label_of(text: str) -> str:
    """Return what a source is called in a report if the user gave no name."""
    base = SourceText.parse(text).base
    if not is_path(text):
        return base
    path = Path(base if exists(base) else base.partition(":")[0])
    return printable(path.stem or path.name)


def open_model(
    path: str,
    host: Host,
    *,
    device: str | None = None,
    trust: bool = False,
    sample: Sample | None = None,
    stated: Mapping[str, str] = NOTHING,
    signature: Signature | None = None,
) -> tuple[Model, ModelRef]:
    """Open a model by the first adapter that recognizes it; see `Adapter`.

    Parameters
    ----------
    sample, stated
        Rows of the data that it is opened for, and what the user states about it.
    signature
        What its files mean, if that was found before: then nothing is tried.

    Raises
    ------
    ModelError
        If nothing is there or no adapter is for it.
    """
    place = Path(path)
    for name, plugin in installed_first(host.adapters):
        if plugin.cls.recognizes(place):
            adapter = plugin.cls()
            if signature is not None:
                model = adapter.reopen(place, signature, device=device, trust=trust)
            elif sample is not None:
                model = adapter.open_for(place, sample, device=device, trust=trust, stated=stated)
            else:
                model = adapter.open(place, device=device, trust=trust)
            stays = resolved(path) if all_exist(path) else path
            found = getattr(model, "signature", None)
            return model, ModelRef(stays, fingerprint_of(model), name, device, trust, found)
    if not all_exist(path):
        missing = missing_part(path)
        raise ModelError(
            f"a model at {path}",
            found=f"nothing at {missing}" if missing else "nothing there",
            next_step="train one with 'latent-analyze train', or check the path",
        )  # fmt: skip
    raise ModelError(
        f"a model that one of the adapters opens ({', '.join(host.adapters) or 'none installed'})",
        found=f"{path}, which none of them recognizes",
        next_step="name a bundle folder with model.toml, or the file of a model",
    )


def fingerprint_of(model: Model) -> str:
    """Return the hash of a model's files; without a signature, also of the settings around them."""
    if getattr(model, "signature", None) is not None:
        return model.fingerprint
    settings: str = getattr(model, "settings_fingerprint", model.fingerprint)
    return settings


def installed_first(plugins: Mapping[str, Plugin[T]]) -> list[tuple[str, Plugin[T]]]:
    """Return plugins in the order in which they are asked: those that users added come first."""
    return sorted(plugins.items(), key=lambda item: (item[1].is_built_in, item[0]))


def model_exists(path: str, host: Host) -> bool:
    """Whether a path, or a name that only its adapter understands, still leads to a model."""
    place = Path(path)
    return all_exist(path) or any(p.cls.recognizes(place) for p in host.adapters.values())


def reopen_model(ref: ModelRef, host: Host) -> Model:
    """Open a model again and verify that it is still the same one.

    Raises
    ------
    ModelError
        If the file has changed since.
    """
    kept = kept_model(ref.fingerprint) if is_in_python(ref.path) else None
    if kept is not None:
        model = kept()
    else:
        model, _ = open_model(
            ref.path, host, device=ref.device, trust=ref.trust, signature=ref.signature
        )
    fingerprint = fingerprint_of(model)
    if fingerprint != ref.fingerprint:
        raise ModelError(
            f"the model that the store was made with ({ref.fingerprint[:12]})",
            found=f"another one at {ref.path} ({fingerprint[:12]})",
            next_step="encode again, or put the old model back",
        )
    return model


def open_dataset(text: str, host: Host) -> Dataset:
    """Open a data set: ``PATH``, ``digits``, or either with options, ``faces:resize=96``.

    Raises
    ------
    DatasetError
        If nothing usable is there.
    """
    spec = PluginSpec(text) if exists(text) else parse_spec(text)
    # The rows of a store are encoded already.
    for _, plugin in () if is_store(spec.name) else installed_first(host.datasets):
        if plugin.cls.recognizes(spec.name):
            options = plugin.options(spec.options)
            try:
                return plugin.cls(spec.name, options)
            except DatasetError as error:
                # A folder may hold a model instead of images.
                if not Path(spec.name).is_dir() or error.found != "none":
                    raise
                raise taken_for_data(error, spec.name, host) from None
    if exists(spec.name):
        raise taken_for_data(no_data(spec.name, host), spec.name, host)
    if "/" not in spec.name and "." not in spec.name:
        raise unknown_name("data set", spec.name, host.datasets)
    raise DatasetError(
        f"a data set at {spec.name}", found="nothing there", next_step="check the path"
    )


def open_source(
    text: str, host: Host, *, label: str, seed: int, nonfinite: str = "refuse"
) -> Source:
    """Open a source that stands on its own: a store, a file of vectors, a sampler with dim=.

    Raises
    ------
    StoreError, DatasetError
        If nothing usable is at the path, or rows hold NaN or infinity and are not to be dropped.
    OptionError
        For an unknown sampler or a wrong option.
    """
    parts = SourceText.parse(text)
    source = _base(parts.base, host, label=label, seed=seed)
    if parts.output:
        source = output_source(source, parts.output)
    source = usable(source, nonfinite)
    return derive(source, parts, seed)


def derive(source: Source, parts: SourceText, seed: int) -> Source:
    """Return the subset and posterior draws that a source text asks for."""
    view = f"@{parts.output}" if parts.output else ""
    label = source.label.removesuffix(view)
    if parts.conditions:
        label += SourceText("", parts.conditions, False, parts.output).suffix
        source = select(source, parts.conditions, label)
    if parts.posterior:
        source = PosteriorSource(source, seed, f"{label}@posterior")
    return source


def fit_sampler(text: str, host: Host, *, reference: Source | None, seed: int) -> Source:
    """Fit a sampler to a reference (or to its own ``dim=``); its label is its text."""
    spec = parse_spec(text)
    sampler = make_sampler(spec, host, reference)
    return RelabeledSource(sampler.fit(reference, seed), text)


def make_sampler(spec: PluginSpec, host: Host, reference: Source | None) -> Sampler:
    """Return a sampler that can be fitted to `reference`; raises OptionError."""
    sampler: Sampler = host.get("sampler", spec.name).make(spec.options)
    if sampler.needs_reference and reference is None:
        raise OptionError(
            f"a store for {spec.name} to be fitted to", found="none",
            next_step=f"give a store and write --with {spec.text}",
        )  # fmt: skip
    kind = latent_kind(reference)
    if kind not in sampler.latents:
        fitting = [name for name, plugin in host.samplers.items() if kind in plugin.cls.latents]
        raise OptionError(
            f"a sampler of {kind}", found=f"{spec.text}, of {' and '.join(sampler.latents)}",
            next_step=f"use one of {', '.join(fitting)}",
        )  # fmt: skip
    missing = sampler.requires - (reference.fields if reference else frozenset())
    if missing:
        raise OptionError(
            f"a source with {', '.join(sorted(missing))} for {spec.text}",
            found=f"{reference.label if reference else 'none'}, which has none",
        )
    return sampler


def _base(base: str, host: Host, *, label: str, seed: int) -> Source:
    if is_store(base):
        return open_store(base, label=label)
    if exists(base):
        return _vectors(base, host, label)
    spec = parse_spec(base)
    if spec.name in host.samplers:
        # As data it must not be the same draw as the sampler of its name beside it.
        own = derived_seed("data", seed)
        return RelabeledSource(fit_sampler(base, host, reference=None, seed=own), label)
    if exists(spec.name) and spec.options:
        return _vectors(base, host, label)
    if any(mark in base for mark in "/\\.") or base == DEFAULT_STORE:
        raise StoreError(
            f"a store or a file of vectors at {base}", found="nothing there",
            next_step=f"make one: latent-analyze encode MODEL DATA -o {base}",
        )  # fmt: skip
    raise unknown_name("store, file or sampler", spec.name, host.samplers)


def _vectors(text: str, host: Host, label: str) -> Source:
    dataset = open_dataset(text, host)
    if dataset.kind != "vectors":
        found = "images" if dataset.kind == "images" else "rows that are the input of a model"
        raise DatasetError(
            "a store or vectors (n, dim)", found=f"{found} at {text}",
            next_step="encode them first: latent-analyze encode MODEL DATA -o latents.zarr",
        )  # fmt: skip
    return dataset.source(label)
