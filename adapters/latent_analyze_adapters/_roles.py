"""Whether a graph is an encoder or a decoder."""

from __future__ import annotations

from latent_analyze import ModelError
from latent_analyze_adapters.graph import IMAGE_RANKS, VECTOR_RANKS, Graph, Role


def find_role(graph: Graph) -> Role:
    """Tell an encoder from a decoder by the ranks of its tensors, or else by its file name.

    Raises
    ------
    ModelError
        If neither tells.
    """
    taken, given = len(graph.inputs[0].shape), len(graph.outputs[0].shape)
    if taken in IMAGE_RANKS and given in VECTOR_RANKS:
        return "encoder"
    if taken in VECTOR_RANKS and given in IMAGE_RANKS:
        return "decoder"
    roles: tuple[Role, ...] = ("encoder", "decoder")
    named = [role for role in roles if role in graph.name.lower()]
    if len(named) == 1:
        return named[0]
    raise ModelError(
        f"an encoder (images in, vectors out) or a decoder in {graph.name}",
        found=f"{graph.inputs[0]} in and {graph.outputs[0]} out",
        next_step="call it encoder.onnx or decoder.onnx, or write model.toml",
    )
