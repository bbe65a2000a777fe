"""Which analyses run on a case: those that were asked for, and that the case can serve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from latent_analyze.errors import OptionError
from latent_analyze.sources.codes import NO_DISTANCES, LatentKind

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Analysis
    from latent_analyze.host.discovery import Host, Plugin
    from latent_analyze.host.options import Options
    from latent_analyze.runs.config import RunConfig


@dataclass(frozen=True)
class Choice:
    """An analysis of the run: its key there, its plugin and its options."""

    key: str
    plugin: Plugin[Analysis]
    options: Options

    def make(self) -> Analysis:
        """Return a fresh instance."""
        return self.plugin.cls(self.options)


@dataclass(frozen=True)
class LeftOut:
    """An analysis that does not apply to a case, and why."""

    analysis: str
    reason: str


def choose(config: RunConfig, host: Host) -> tuple[Choice, ...]:
    """Return the analyses of a run, the same plugin perhaps twice; raises OptionError."""
    if not config.plugins:
        light = [p for p in host.analyses.values() if p.cls.cost == "light"]
        return tuple(Choice(p.name, p, p.options({})) for p in light if not _must_be_given(p))
    times = Counter(choice.name for choice in config.plugins)
    chosen = []
    for choice in config.plugins:
        plugin = host.get("analysis", choice.name)
        key = choice.name if times[choice.name] == 1 else choice.text
        chosen.append(Choice(key, plugin, plugin.options(choice.options)))
    twice = [key for key, n in Counter(c.key for c in chosen).items() if n > 1]
    if twice:
        raise OptionError(
            "each analysis once, or with other options", found=f"{twice[0]!r} more than once"
        )
    return tuple(chosen)


def other_kind(latents: LatentKind) -> str:
    """Return why what is made for the other kind of latents does not apply."""
    if latents == "codes":
        return f"takes coordinates: {NO_DISTANCES}"
    return "takes codes: these are coordinates"


def by_reason(left_out: Sequence[LeftOut]) -> list[LeftOut]:
    """Return what was left out, with the names of all that were for one reason."""
    names: dict[str, list[str]] = {}
    for entry in left_out:
        names.setdefault(entry.reason, []).append(entry.analysis)
    return [LeftOut(", ".join(found), reason) for reason, found in names.items()]


def _must_be_given(plugin: Plugin[Analysis]) -> list[str]:
    fields = plugin.cls.Options.model_fields
    return [name for name, info in fields.items() if info.is_required()]


def unasked(host: Host) -> list[LeftOut]:
    """Return the light analyses not asked for and that cannot run without an option."""
    needs = {name: _must_be_given(p) for name, p in host.analyses.items() if p.cls.cost == "light"}
    return [LeftOut(k, f"needs a value for {', '.join(v)}") for k, v in needs.items() if v]


def applicable(
    choices: tuple[Choice, ...], offers: Mapping[str, str], *, latents: LatentKind, asked: bool
) -> tuple[tuple[Choice, ...], tuple[LeftOut, ...]]:
    """Return the analyses that a case can serve, and the others with the reason.

    Parameters
    ----------
    offers
        What analyses may require -> reason why the case lacks it (empty if it has).
    latents
        What the values of the case are.
    asked
        Whether the user named the analyses. If not, those of codes alone go without saying where
        there are none.
    """
    chosen, left_out = [], []
    for choice in choices:
        if latents not in choice.plugin.cls.latents:
            if asked or latents != "coordinates":
                left_out.append(LeftOut(choice.key, other_kind(latents)))
            continue
        reasons = [
            f"needs {need}: {offers.get(need, 'unknown')}"
            for need in sorted(choice.plugin.cls.requires)
            if offers.get(need, "unknown")
        ]
        if reasons:
            left_out.append(LeftOut(choice.key, "; ".join(reasons)))
        else:
            chosen.append(choice)
    if asked and not chosen:
        listed = "; ".join(f"{entry.analysis} {entry.reason}" for entry in by_reason(left_out))
        raise OptionError("an analysis that applies to the source", found=listed)
    return tuple(chosen), tuple(left_out)
