"""An encoder or decoder as it was found, ready to be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import DecoderSpec, EncoderSpec, Latents, TensorSpec
from latent_analyze_adapters.models.graph import canonical
from latent_analyze_adapters.models.resolving import shows_layout
from latent_analyze_adapters.models.signatures.names import LOG_VAR_NAMES, MU_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Spread
    from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Shape
    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import ModelFile


MAX_BATCH = 256
BATCH_VALUES = 1 << 24
"""Image values per call: 64 MiB of float32. Throughput is flat from 8 rows on."""


@dataclass(frozen=True)
class Network:
    """An encoder or decoder: its file, its graph and how to call it.

    `spec` is its table of model.toml when it was opened, and `row_shape` the shape of one row of
    the input, if model.toml states it.
    """

    file: ModelFile
    graph: Graph
    plan: Plan
    spec: NetworkSpec
    row_shape: Shape | None

    def describe(self) -> dict[str, object]:
        """Describe it in plain data, for people."""
        file, plan = self.file, self.plan
        return {
            "file": file.path.name,
            "bytes": file.size,
            "sha256": file.sha256,
            **file.facts,
            "producer": file.producer,
            "inputs": [str(t) for t in self.graph.inputs],
            "outputs": [str(t) for t in self.graph.outputs],
            "used outputs": list(plan.outputs),
            **({"further outputs": [f.name for f in plan.further]} if plan.further else {}),
            "layout": plan.image.layout,
            "range": list(plan.image.range),
            "batch": plan.batch or "free",
            **({"assumed": found} if (found := self.assumed) else {}),
        }

    @property
    def assumed(self) -> list[str]:
        """What is neither stated nor shown by the file, and only data could tell, in words."""
        plan, spec, image = self.plan, self.spec, self.plan.image
        stated = spec.model_fields_set
        low, high = image.range
        found = [f"layout {image.layout}"] if self._guesses_layout else []
        if image.is_image and "range" not in stated and np.dtype(image.dtype).kind == "f":
            found.append(f"values in [{low:g}, {high:g}]")
        if isinstance(spec, DecoderSpec) and image.is_image and "activation" not in stated:
            found.append("no activation: the output holds values, not logits")
        if isinstance(spec, EncoderSpec) and len(self.graph.outputs) > 1:
            roles = (("mu", MU_NAMES, "is the mean"), ("log_var", LOG_VAR_NAMES, "holds log_var"))
            found += [
                f"{name!r} {role}"
                for name, (key, usual, role) in zip(plan.outputs, roles, strict=False)
                if key not in stated and canonical(name) not in usual
            ]
            if not plan.is_variational and "log_var" not in stated:
                found.append("no output holds log_var")
        return found

    @property
    def _guesses_layout(self) -> bool:
        return "layout" not in self.spec.model_fields_set and not shows_layout(self.plan.image)


def columns_of(network: Network | None) -> tuple[str, ...]:
    """Return the labels of the data set that an encoder or a decoder takes."""
    extra_inputs = network.plan.extra_inputs if network else ()
    return tuple(dict.fromkeys(e.column for e in extra_inputs if e.column is not None))


def latent_spec(encoder: Network | None, shape: Shape) -> TensorSpec:
    """Return shape and dtype of a z-point, or of its codes."""
    has_codes = encoder is not None and encoder.plan.has_codes
    return TensorSpec(shape=shape, dtype="int64" if has_codes else "float32")


def code_count(encoder: Network | None) -> int | None:
    """Return the number of codes in the codebook, if z-points are codes and it is known."""
    if encoder is None or not isinstance(encoder.spec, EncoderSpec):
        return None
    return (encoder.spec.codes or {}).get(encoder.plan.outputs[0]) or None


def suitable_batch(plans: Sequence[Plan]) -> int:
    """Return how many rows per call suit both encoder and decoder."""
    size = max(int(np.prod(plan.image.shape)) for plan in plans)
    rows = min(max(BATCH_VALUES // max(size, 1), 1), MAX_BATCH)
    fixed = plans[0].batch or 1
    return max(rows // fixed, 1) * fixed


def to_latents(outputs: Mapping[str, NDArray[Any]], plan: Plan, spec: EncoderSpec) -> Latents:
    """Return mu and log_var (n, dim), or None, from the outputs of an encoder, (n, values) each."""
    mu, *rest = (outputs[name] for name in plan.outputs)
    spread = rest[0] if rest else None
    further = {output.name: outputs[output.name] for output in plan.further}
    if plan.whole and spec.halves_axis is not None:
        halves = np.split(mu.reshape(len(mu), *plan.whole), 2, axis=spec.halves_axis + 1)
        mean, spread = halves if spec.mean_half == 0 else halves[::-1]
        mu, spread = mean.reshape(len(mu), -1), spread.reshape(len(mu), -1)
    log_var = None if spread is None else to_log_var(spread, spec.spread)
    return Latents(mu, log_var, further or None)


def to_decoder(z: NDArray[np.float32], plan: Plan, spec: NetworkSpec) -> NDArray[np.number]:
    """Return z-points (n, dim) as a decoder takes them."""
    assert isinstance(spec, DecoderSpec)
    if (spec.shift, spec.scale) != (0.0, 1.0):
        z = (z + np.float32(spec.shift)) * np.float32(spec.scale)
    if plan.axes:
        z = z.reshape(len(z), *plan.given).transpose(0, *(axis + 1 for axis in plan.axes))
    return np.ascontiguousarray(z, plan.input.dtype).reshape(len(z), *plan.latent)


def to_log_var(spread: NDArray[Any], kind: Spread) -> NDArray[Any]:
    """Convert a log-variance, variance, standard deviation or its logarithm to log_var."""
    if kind == "log_var":
        return spread
    if kind == "log_std":
        return 2 * spread
    if kind == "softplus":
        spread = np.logaddexp(np.float32(0), spread)
    power = 1 if kind == "variance" else 2
    found: NDArray[Any] = power * np.log(np.maximum(spread, np.finfo(np.float32).tiny))
    return found
