"""Whether a graph is an encoder or a decoder."""

from __future__ import annotations

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import IMAGE_RANKS, VECTOR_RANKS, Graph, Role


def find_role(graph: Graph) -> Role:
    """Tell an encoder from a decoder by the ranks of its tensors, or else by its file name.

    Raises
    ------
    ModelError
        If neither tells, or it is both in one and gives images only.
    """
    first, last = graph.inputs[0], graph.outputs[0]
    taken, given = len(first.shape), len(last.shape)
    if taken in IMAGE_RANKS and given in VECTOR_RANKS:
        return "encoder"
    if taken in VECTOR_RANKS and given in IMAGE_RANKS:
        return "decoder"
    roles: tuple[Role, ...] = ("encoder", "decoder")
    name = graph.name.lower().replace("autoencoder", "")
    named = [role for role in roles if role in name]
    if len(named) == 1:
        return named[0]
    if first.shape[1:] == last.shape[1:]:
        raise _whole(graph)
    raise ModelError(
        f"an encoder (images in, vectors out) or a decoder in {graph.name}",
        found=f"{first} in and {last} out",
        next_step="call it encoder.onnx or decoder.onnx, or write model.toml",
    )


def _whole(graph: Graph) -> ModelError:
    return ModelError(
        f"z-points among the outputs of {graph.name}",
        found=f"{graph.inputs[0]} in and {graph.outputs[0]} out, a whole autoencoder",
        next_step="export its halves, or name in model.toml where they meet: mu (of ONNX any "
        "tensor inside) or part",
    )
