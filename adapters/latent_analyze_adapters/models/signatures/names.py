"""What the names of outputs and inputs say, in the conventions of many libraries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from latent_analyze_adapters.models.graph import canonical

if TYPE_CHECKING:
    from latent_analyze.plugin import Spread

Meaning = Literal["mean", "halves", "codes", "quantized", "log_var", "log_std", "variance", "std"]

FILLING = frozenset({
    "z", "q", "qz", "enc", "encoder", "encoded", "latent", "latents", "output", "out", "fc",
    "layer", "dense", "linear", "head", "posterior", "dist", "x", "vae", "identity", "diag",
})  # fmt: skip
"""Words that say nothing about the role of an output."""

MEANINGS: dict[Meaning, frozenset[str]] = {
    "mean": frozenset({"mu", "mean", "means", "loc", "m", "mode", "average", "embedding", "mus"}),
    "halves": frozenset({"moments", "parameters", "params", "mulogvar", "meanlogvar", "stats"}),
    "codes": frozenset({"indices", "index", "codes", "code", "ids", "tokens", "idx"}),
    "quantized": frozenset({"quantized", "quantised", "quant", "zq"}),
    "log_var": frozenset({
        "logvar", "logvariance", "logcovariance", "logcov", "lv", "logsigma2", "logsigmasq",
        "logsigmasquared", "logvars", "logv", "lnvar", "lnvariance",
    }),
    "log_std": frozenset({
        "logstd", "logsigma", "logscale", "logsd", "lnsigma", "logstddev", "lnstd", "logs",
    }),
    "variance": frozenset({
        "var", "variance", "variances", "v", "covariance", "cov", "sigma2", "sigmasq",
        "sigmasquared",
    }),
    "std": frozenset({
        "std", "sigma", "scale", "stddev", "sd", "stdev", "standarddeviation", "sigmas", "s",
    }),
}  # fmt: skip

MU_NAMES = frozenset({"mu", "z_mean", "mean"})
LOG_VAR_NAMES = frozenset({"log_var", "z_log_var", "logvar", "z_logvar"})
"""The canonical names that version 0.1 knew. Its stores are verified with what these lead to, and
with more of them some stores would be taken to be of another model; so they never change.
"""

SPREADS: tuple[Spread, ...] = ("log_var", "log_std", "variance", "std")

NOISE = frozenset({"eps", "epsilon", "noise", "random", "rand", "randn"})
MASK = frozenset({"mask", "masks"})
ZERO = frozenset({"type", "segment", "time", "timestep", "timesteps", "t", "step", "temperature"})
LABELS = frozenset({"y", "c"})
"""Short names of inputs that take a label, besides `extra_inputs.LABEL_WORDS`."""


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: ``"encoder/zLog_var:0"`` -> z, log, var."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rsplit("/", 1)[-1].split(":")[0])
    return [word for word in re.split(r"[^a-z0-9]+", split.lower()) if word]


def meaning(name: str) -> Meaning | None:
    """Return what the name of an output says it holds, or None.

    ``z_log_var``, ``qz_v``, ``log_covariance`` and ``fc_mu`` do; ``a`` and ``getitem_1`` do not.
    """
    parts = words(name)
    squared = len(parts) > 1 and parts[-1] == "2" and parts[-2] in ("sigma", "std", "sd")
    while len(parts) > 1 and parts[-1].isdigit() and not squared:
        parts = parts[:-1]
    telling = [word for word in parts if word not in FILLING]
    whole = "".join(parts)
    joined = {"".join(telling), whole, canonical(name), *_without_filling(whole)}
    for found, known in MEANINGS.items():
        if joined & known:
            return found
    return None


LATENTS = ("z", "z1", "z2", "z3", "latent", "code", "h")
"""First words of names of latents."""

GENERAL = frozenset({"spread", "dispersion", "uncertainty", "width"})
"""Words for a spread in any form."""


def names_spread(name: str) -> bool:
    """Whether a name says that an output is a spread, in whatever form."""
    return is_spread(name) is not None or not GENERAL.isdisjoint(words(name))


def is_latent(name: str) -> bool:
    """Whether a name says that an output is another latent, such as z2."""
    parts = words(name)
    return bool(parts) and parts[0] in LATENTS


def is_spread(name: str) -> Spread | None:
    """Return what a name says about the spread, or None."""
    found = meaning(name)
    return next((kind for kind in SPREADS if kind == found), None)


def _without_filling(joined: str) -> set[str]:
    """Return a name without a filling word that it begins with: ``"zmean"`` -> ``"mean"``."""
    heads = [word for word in FILLING if joined.startswith(word)]
    return {joined.removeprefix(word) for word in heads} - {""}
