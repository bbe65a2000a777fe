"""What is wrong with a run of data and a model, said before its data are encoded."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.host.options import parse_spec
from latent_analyze.runs.beside import check_beside, fitting, is_sampler, open_beside
from latent_analyze.runs.case_model import CaseModel
from latent_analyze.runs.opening import absolute, derive, label_of, make_sampler, open_source
from latent_analyze.runs.plan import why_not_paired
from latent_analyze.runs.selection import applicable, choose
from latent_analyze.runs.source_text import SourceText
from latent_analyze.sources.codes import Codes, latent_kind
from latent_analyze.sources.source import Z_ONLY, Batch, Block, BlockSource
from latent_analyze.sources.views import RelabeledSource

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Dataset
    from latent_analyze.host.discovery import Host
    from latent_analyze.models.reference import ModelRef
    from latent_analyze.models.spec import ModelSpec
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.sources.source import Source


class PendingSource(BlockSource):
    """The z-points of data that are not encoded yet: their size and labels; the values are 0."""

    def __init__(self, spec: ModelSpec, dataset: Dataset, label: str) -> None:
        self.spec = spec
        self.label, self.count, self.dim = label, int(dataset.count), spec.dim
        self.dataset, names = dataset, [f"label:{name}" for name in dataset.label_names]
        own = {"log_var"} if spec.variational else set()
        self.fields = frozenset({"z", "id", *names, *own, *(() if spec.has_codes else ("mu",))})
        self.codes = Codes(spec.latent.shape, spec.codes or 1) if spec.has_codes else None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the data."""
        return self.dataset.fingerprint

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the labels of a block."""
        rows = slice(block.start, block.stop)
        names = [field.removeprefix("label:") for field in fields if field.startswith("label:")]
        labels = {name: self.dataset.label_values(name)[rows] for name in names}
        numbers = np.arange(block.start, block.stop)
        return Batch(np.zeros((len(numbers), self.dim), np.float32), numbers, labels=labels)


def check_paths(config: RunConfig, store: Path, host: Host) -> None:
    """Raise LatentAnalyzeError if a file or store of ``--with`` cannot be opened."""
    for text in config.shown:
        if not is_sampler(text, host) and not _is_of(text, store):
            open_source(
                text, host, label=label_of(text), seed=config.seed, nonfinite=config.nonfinite
            )


def check_pending(
    config: RunConfig, store: Path, pending: PendingSource, *, ref: ModelRef, host: Host
) -> None:
    """Raise LatentAnalyzeError if analyses, nulls or ``--with`` do not go with what is encoded."""
    can = {"encoder": True, "decoder": pending.spec.can_decode}
    offers = CaseModel(host, pending, ref=ref, can=can).offers(pending)
    offers |= {"images": "", "paired": why_not_paired(pending, ())}
    applicable(
        choose(config, host), offers, latents=latent_kind(pending), asked=bool(config.plugins)
    )
    for text in config.nulls:
        spec = parse_spec(text)
        if latent_kind(pending) in host.get("sampler", spec.name).cls.latents:
            make_sampler(spec, host, pending)
    found = [_beside(text, config, store, pending, host) for text in config.shown]
    check_beside(config, host, references=[pending], shown=fitting(pending, found))


def _beside(
    text: str, config: RunConfig, store: Path, pending: PendingSource, host: Host
) -> Source | None:
    """Return what will be shown beside the z-points, with their rows in place of drawn ones."""
    if is_sampler(text, host):
        spec = parse_spec(text)
        if latent_kind(pending) not in host.samplers[spec.name].cls.latents:
            return None
        make_sampler(spec, host, pending).size(pending)
        return RelabeledSource(pending, text)
    if not _is_of(text, store):
        return open_beside(text, config, host, reference=pending)
    parts, own = SourceText.parse(text), RelabeledSource(pending, label_of(text))
    if parts.output:
        # Only its values say what a further output is.
        return RelabeledSource(pending, label_of(text) + parts.suffix)
    return derive(own, parts, config.seed)


def _is_of(text: str, store: Path) -> bool:
    """Whether a source is a view of the store that the run is about to make."""
    return Path(absolute(SourceText.parse(text).base)).absolute() == store.absolute()
