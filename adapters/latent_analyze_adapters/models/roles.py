"""Tells an encoder from a decoder."""

from __future__ import annotations

import math
import re

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import IMAGE_RANKS, VECTOR_RANKS, Graph, Role

ROLES: tuple[Role, ...] = ("encoder", "decoder")
COLORS = (1, 3, 4)
"""Lengths that an axis of colors has."""

_WORDS: dict[str, Role] = {
    "encoder": "encoder", "enc": "encoder",
    "decoder": "decoder", "dec": "decoder", "generator": "decoder",
}  # fmt: skip
# An autoencoder is both. Short words stand alone: "codec" and "fence" say nothing.
_IN_NAME = re.compile(
    r"(?<!auto)(?<!auto[-_. ])(?P<word>encoder|decoder|generator)"
    r"|(?<![a-z])(?P<short>enc|dec)(?![a-z])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=(?:Enc|Dec)(?![a-z]))")
_SEPARATORS = "-_. "


def role_in_name(name: str) -> tuple[Role | None, str]:
    """Return the role that a name without suffix contains, and the rest of the name.

    The role is None if there is none or both.
    """
    text = _CAMEL.sub("_", name)
    found = list(_IN_NAME.finditer(text))
    roles = {_WORDS[match[0].lower()] for match in found}
    if len(roles) != 1:
        return None, name
    before, after = text[: found[0].start()], text[found[0].end() :]
    rest = f"{before.rstrip(_SEPARATORS)}_{after.lstrip(_SEPARATORS)}"
    return roles.pop(), rest.strip(_SEPARATORS)


def infer_role(graph: Graph) -> Role:
    """Tell an encoder from a decoder by the ranks of its tensors, or else by its file name.

    Raises
    ------
    ModelError
        If neither helps, or the graph is a whole autoencoder that returns images only.
    """
    first, last = graph.inputs[0], graph.outputs[0]
    ranks = _role_of_ranks(graph)
    named = role_in_name(graph.name.rpartition(".")[0] or graph.name)[0]
    if ranks or named:
        return ranks or named or "encoder"
    if first.shape[1:] == last.shape[1:]:
        raise _autoencoder(graph)
    raise ModelError(
        f"an encoder (images in, vectors out) or a decoder in {graph.name}",
        found=f"{first} in and {last} out",
        next_step="call it encoder.onnx or decoder.onnx, or write model.toml",
    )


def require_encoder_like(graph: Graph) -> None:
    """Raise ModelError for a whole autoencoder: its outputs are no z-points.

    A graph whose rows keep their shape is one, unless its name says that it is an encoder.
    """
    first, last = graph.inputs[0], graph.outputs[0]
    same = len(first.shape) > 1 and first.shape[1:] == last.shape[1:]
    if same and None not in first.shape[1:] and role_in_name(graph.name)[0] is None:
        raise _autoencoder(graph)


def is_decoder(graph: Graph) -> bool:
    """Whether a graph that data are to be encoded with is clearly a decoder.

    It takes vectors and returns images, or more values than it takes if its name says decoder.
    """
    first, last = graph.inputs[0], graph.outputs[0]
    named = role_in_name(graph.name.rpartition(".")[0] or graph.name)[0]
    if named == "encoder" or "int" in first.dtype:
        # Tokens are vectors too, and have a vector each.
        return False
    if named == "decoder":
        sizes = [_size(shape) for shape in (first.shape[1:], last.shape[1:])]
        larger = None not in sizes and (sizes[0] or 0) < (sizes[1] or 0)
        return _role_of_ranks(graph) == "decoder" or larger
    colors = len(last.shape) == max(IMAGE_RANKS) and {last.shape[1], last.shape[-1]} & {*COLORS}
    return len(first.shape) in VECTOR_RANKS and bool(colors)


def _role_of_ranks(graph: Graph) -> Role | None:
    taken, given = len(graph.inputs[0].shape), len(graph.outputs[0].shape)
    if taken in IMAGE_RANKS and given in VECTOR_RANKS:
        return "encoder"
    return "decoder" if taken in VECTOR_RANKS and given in IMAGE_RANKS else None


def _size(shape: tuple[int | None, ...]) -> int | None:
    return None if None in shape else math.prod(length or 0 for length in shape)


def _autoencoder(graph: Graph) -> ModelError:
    return ModelError(
        f"z-points among the outputs of {graph.name}",
        found=f"{graph.inputs[0]} in and {graph.outputs[0]} out, a whole autoencoder",
        next_step="export encoder and decoder separately, or name what is between them: "
        "--signature encoder.mu=NAME for a tensor inside ONNX, else --signature encoder.part=NAME",
    )
