"""Tells an encoder from a decoder."""

from __future__ import annotations

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.graph import IMAGE_RANKS, VECTOR_RANKS, Graph, Role


def infer_role(graph: Graph) -> Role:
    """Tell an encoder from a decoder by the ranks of its tensors, or else by its file name.

    Raises
    ------
    ModelError
        If neither helps, or the graph is a whole autoencoder that returns images only.
    """
    first, last = graph.inputs[0], graph.outputs[0]
    rank_in, rank_out = len(first.shape), len(last.shape)
    if rank_in in IMAGE_RANKS and rank_out in VECTOR_RANKS:
        return "encoder"
    if rank_in in VECTOR_RANKS and rank_out in IMAGE_RANKS:
        return "decoder"
    roles: tuple[Role, ...] = ("encoder", "decoder")
    name = graph.name.lower().replace("autoencoder", "")
    named = [role for role in roles if role in name]
    if len(named) == 1:
        return named[0]
    if first.shape[1:] == last.shape[1:]:
        raise _autoencoder(graph)
    raise ModelError(
        f"an encoder (images in, vectors out) or a decoder in {graph.name}",
        found=f"{first} in and {last} out",
        next_step="call it encoder.onnx or decoder.onnx, or write model.toml",
    )


def _autoencoder(graph: Graph) -> ModelError:
    return ModelError(
        f"z-points among the outputs of {graph.name}",
        found=f"{graph.inputs[0]} in and {graph.outputs[0]} out, a whole autoencoder",
        next_step="export encoder and decoder separately, or name the tensor between them in "
        "model.toml: as mu (for ONNX, any tensor inside) or part",
    )
