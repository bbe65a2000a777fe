"""What the graph of a file shows without being run, found once for each content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, EncoderSpec
from latent_analyze_adapters.runtimes.onnx.files import OnnxFile, load_proto
from latent_analyze_adapters.runtimes.onnx.surgery.codebook import (
    chosen_codes,
    looked_up,
    quantized_output,
)
from latent_analyze_adapters.runtimes.onnx.surgery.distances import Codebook
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
WHY_CODES = "the decoder looks it up in a codebook"

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
    codes
        Outputs that are chosen from a codebook.
    looked_up
        The codebook in which the input of a decoder is looked up.
    """

    changes: Changes = field(default_factory=Changes)
    posterior: Posterior | None = None
    input: InputFact | None = None
    positive: Mapping[str, str] = field(default_factory=dict)
    drawn: frozenset[str] = frozenset()
    quantized: str | None = None
    codes: Mapping[str, Codebook] = field(default_factory=dict)
    looked_up: Codebook | None = None

    def mu_of(self, spec: EncoderSpec, taken: Codebook | None) -> str | None:
        """Return the output that is looked up in a codebook, if nothing else is said to be mu.

        Where the decoder does the looking up (`taken`), these are the only codes, if there are any.
        """
        if spec.mu is not None or self.posterior is not None:
            return None
        if taken is not None:
            return next(iter(self.codes)) if len(self.codes) == 1 else None
        return self.quantized


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
    if role == "decoder" and not _is_worth_parsing(file):
        return Examination()
    decoder = bundle.decoder
    z = decoder.input if decoder is not None and decoder.file == spec.file else None
    given = spec.input if role == "encoder" else None
    fed = frozenset({*spec.constants, *spec.columns})
    key = (file.path, file.sha256, role, spec.batch_mode, fed, given, z)
    if key not in _FOUND:
        while len(_FOUND) >= KEPT:
            _FOUND.pop(next(iter(_FOUND)), None)
        graph = load_graph(file, spec)
        _FOUND[key] = _examine(*graph, given, z)
        if role == "decoder":
            _FOUND[key] = replace(_FOUND[key], looked_up=looked_up(graph[0], spec.input))
    return _FOUND[key]


def _is_worth_parsing(file: ModelFile) -> bool:
    """Whether the file of a decoder may show something: most are large, and show nothing."""
    return isinstance(file, OnnxFile) and (file.training_mode or file.whole_inputs)


_FOUND: dict[tuple[object, ...], Examination] = {}


def _examine(index: GraphIndex, changes: Changes, given: str | None, z: str | None) -> Examination:
    return Examination(
        changes, find_posterior(index, z), input_fact(index, given), positive_outputs(index),
        Draws(index).random_outputs, quantized_output(index), chosen_codes(index),
    )  # fmt: skip


def choices_of(
    found: Examination, spec: NetworkSpec, taken: Codebook | None = None
) -> tuple[Choice, ...]:
    """Return the entries of model.toml that a graph shows, without those that it contradicts.

    `taken` is the codebook in which the decoder looks its input up, if it does.
    """
    role = "encoder" if isinstance(spec, EncoderSpec) else "decoder"
    entries: list[tuple[str, str, str]] = []
    if isinstance(spec, EncoderSpec) and found.posterior is not None:
        entries += found.posterior.entries(spec)
    elif isinstance(spec, EncoderSpec) and (mu := found.mu_of(spec, taken) or spec.mu):
        if mu in found.codes and taken is not None:
            entries.append(("mu", f"{mu!r} holds codes", WHY_CODES))
        elif mu == found.quantized:
            entries.append(("mu", repr(mu), WHY))
    if found.changes:
        entries.append(("batch_mode", "eval", found.changes.why))
    return tuple(
        Choice(key=f"{role}.{key}", value=value, known="graph", why=why)
        for key, value, why in entries
    )
