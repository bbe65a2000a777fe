"""Sources beside the data (``--with``): opened, and held against the cases that show them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from latent_analyze.errors import OptionError
from latent_analyze.files.writing import exists
from latent_analyze.host.options import parse_spec
from latent_analyze.runs.opening import fit_sampler, label_of, open_source
from latent_analyze.runs.source_text import SourceText
from latent_analyze.sources.codes import codes_of, latent_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze.host.discovery import Host
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.sources.source import Source


def open_beside(text: str, config: RunConfig, host: Host, *, reference: Source) -> Source | None:
    """Open a source that is shown beside a reference; None if a sampler is for other latents."""
    if not is_sampler(text, host):
        label = label_of(text)
        return open_source(text, host, label=label, seed=config.seed, nonfinite=config.nonfinite)
    if latent_kind(reference) not in host.samplers[parse_spec(text).name].cls.latents:
        return None
    return fit_sampler(text, host, reference=reference, seed=config.seed)


def fitting(reference: Source, sources: Sequence[Source | None]) -> tuple[Source, ...]:
    """Return the sources of the dimensions of a reference.

    Raises
    ------
    OptionError
        If two of them, or one and the reference, have the same label.
    """
    size = reference.dim, latent_kind(reference)
    found = [s for s in sources if s is not None and (s.dim, latent_kind(s)) == size]
    for label, times in Counter(s.label for s in (reference, *found)).items():
        if times > 1:
            raise OptionError(
                "sources with labels of their own", found=f"{label!r} {times} times",
                next_step="name each source once, and the case with --label",
            )  # fmt: skip
    return tuple(found)


def check_beside(
    config: RunConfig, host: Host, *, references: Sequence[Source], shown: Sequence[Source]
) -> None:
    """Raise OptionError if a source fits no reference; `shown` are those that fit one."""
    labels = {source.label for source in shown}
    for text in config.shown:
        if text not in labels and label_of(text) + SourceText.parse(text).suffix not in labels:
            sizes = ", ".join(f"{r.label}: {codes_of(r) or r.dim}" for r in references)
            kinds = {latent_kind(reference) for reference in references}
            samplers = [name for name, p in host.samplers.items() if kinds & p.cls.latents]
            raise OptionError(
                f"a source of the same dimensions as a case ({sizes})", found=f"--with {text}",
                next_step=f"use one of {', '.join(samplers)}" if is_sampler(text, host)
                else "give it as a case of its own, without --with",
            )  # fmt: skip


def is_sampler(text: str, host: Host) -> bool:
    """Whether a source text names a sampler; a path that exists is a path."""
    return not exists(text) and parse_spec(text).name in host.samplers
