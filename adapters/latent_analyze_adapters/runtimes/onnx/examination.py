"""What the graph of a file shows without being run, found once for each content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, EncoderSpec
from latent_analyze_adapters.runtimes.onnx.files import OnnxFile, load_proto
from latent_analyze_adapters.runtimes.onnx.surgery.codebook import quantized_output
from latent_analyze_adapters.runtimes.onnx.surgery.evaluation import Changes, to_evaluation
from latent_analyze_adapters.runtimes.onnx.surgery.input_facts import InputFact, input_fact
from latent_analyze_adapters.runtimes.onnx.surgery.positive import positive_outputs
from latent_analyze_adapters.runtimes.onnx.surgery.posterior import Posterior, find_posterior
from latent_analyze_adapters.runtimes.onnx.surgery.sampling import Draws
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

if TYPE_CHECKING:
    from latent_analyze.plugin import Bundle
    from latent_analyze_adapters.models.graph import NetworkSpec, Role
    from latent_analyze_adapters.models.session import ModelFile

WHY = "it is looked up in a codebook"

KEPT = 64
"""Examinations that are kept in memory; they hold names, no weights."""


@dataclass(frozen=True)
class Examination:
    """What a graph shows.

    Attributes
    ----------
    changes
        What is changed for evaluation.
    posterior
        What is drawn, if anything.
    input
        The value range of the input.
    positive
        Outputs that cannot be negative, with the operator that makes them so.
    drawn
        Outputs that depend on random noise.
    quantized
        The output that is looked up in a codebook.
    """

    changes: Changes = field(default_factory=Changes)
    posterior: Posterior | None = None
    input: InputFact | None = None
    positive: Mapping[str, str] = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    quantized: str | None = None

    def mu_of(self, spec: EncoderSpec) -> str | None:
        """Return the output that is looked up in a codebook, if nothing else is said to be mu."""
        free = spec.mu is None and self.posterior is None
        return self.quantized if free else None


def specs_of(bundle: Bundle) -> dict[Role, NetworkSpec]:
    """Return the specs of encoder and decoder, as far as there are."""
    specs: dict[Role, NetworkSpec | None] = {"encoder": bundle.encoder, "decoder": bundle.decoder}
    return {role: spec for role, spec in specs.items() if spec is not None}


def load_graph(file: ModelFile, spec: NetworkSpec) -> tuple[GraphIndex, Changes]:
    """Return the graph of a file as it is to be run, and what was changed for that.

    Raises
    ------
    ModelError
        If batch normalization is in training mode, and its running statistics are not in the file.
    """
    proto = load_proto(file.path)
    if spec.batch_mode == "keep":
        return GraphIndex(proto), Changes()
    proto, changes = to_evaluation(proto, file.path, {*spec.constants, *spec.columns})
    return GraphIndex(proto), changes


def examine(file: ModelFile, bundle: Bundle, role: Role) -> Examination:
    """Return what the file of an encoder or decoder shows.

    Raises
    ------
    ModelError
        See `load_graph`.
    """
    spec: NetworkSpec | None = getattr(bundle, role)
    assert spec is not None
    if role == "decoder" and not (isinstance(file, OnnxFile) and file.training_mode):
        return Examination()
    decoder = bundle.decoder
    z = decoder.input if decoder is not None and decoder.file == spec.file else None
    given = spec.input if role == "encoder" else None
    fed = frozenset({*spec.constants, *spec.columns})
    key = (file.path, file.sha256, spec.batch_mode, fed, given, z)
    if key not in _FOUND:
        while len(_FOUND) >= KEPT:
            _FOUND.pop(next(iter(_FOUND)), None)
        _FOUND[key] = _examine(*load_graph(file, spec), given, z)
    return _FOUND[key]


_FOUND: dict[tuple[object, ...], Examination] = {}


def _examine(index: GraphIndex, changes: Changes, given: str | None, z: str | None) -> Examination:
    return Examination(
        changes, find_posterior(index, z), input_fact(index, given), positive_outputs(index),
        Draws(index).random_outputs, quantized_output(index),
    )  # fmt: skip


def choices_of(found: Examination, spec: NetworkSpec) -> tuple[Choice, ...]:
    """Return the entries of model.toml that a graph shows, without those that it contradicts."""
    role = "encoder" if isinstance(spec, EncoderSpec) else "decoder"
    entries: list[tuple[str, str, str]] = []
    if isinstance(spec, EncoderSpec) and found.posterior is not None:
        entries += found.posterior.entries(spec)
    elif isinstance(spec, EncoderSpec) and found.quantized in (found.mu_of(spec), spec.mu):
        entries += [("mu", repr(found.quantized), WHY)] if found.quantized else []
    if found.changes:
        entries.append(("batch_mode", "eval", found.changes.why))
    return tuple(
        Choice(key=f"{role}.{key}", value=value, known="graph", why=why)
        for key, value, why in entries
    )
