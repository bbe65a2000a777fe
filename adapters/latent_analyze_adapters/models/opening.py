"""Opens an encoder or a decoder: its session, and the plan to call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import DecoderSpec
from latent_analyze_adapters.models.extra_inputs import find_extra_inputs
from latent_analyze_adapters.models.image_tensor import file_shape
from latent_analyze_adapters.models.network import Network
from latent_analyze_adapters.models.plan import make_plan
from latent_analyze_adapters.models.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze.plugin import Layout
    from latent_analyze_adapters.models.graph import Role, Shape, Tensor
    from latent_analyze_adapters.models.session import Feeds
    from latent_analyze_adapters.models.session_cache import SessionCache


def open_network(cache: SessionCache, role: Role, settings: Settings) -> Network:
    """Open an encoder or a decoder as its settings say; what they leave open is inferred.

    Raises
    ------
    ModelError
        If the settings do not fit the file, or something cannot be inferred.
    """
    spec = settings.spec
    file = cache.file(spec)
    row_shape = row_shape_of(settings, cache.opener.default_layout)
    session = cache.session(file, spec, row_shape)
    graph = session.graph

    def probe(input_tensor: Tensor, rows: NDArray[np.number], output: str) -> Shape:
        feeds: Feeds = {input_tensor.name: rows}
        for extra in find_extra_inputs(graph, input_tensor, spec):
            feeds[extra.tensor.name] = extra.fill(len(rows), rows.shape)
        return session.run([output], feeds)[0].shape

    plan = make_plan(graph, settings, probe)
    plan = cache.check_batching(file, spec, row_shape, plan)
    return Network(file, graph, plan, spec, row_shape)


def row_shape_of(settings: Settings, default_layout: Layout) -> Shape | None:
    """Return the shape of one row of the input, if model.toml or the data define it."""
    if isinstance(settings.spec, DecoderSpec):
        return settings.taken
    image = settings.image or settings.data
    if image is None:
        return None
    return (
        image
        if settings.layout == "array"
        else file_shape(image, settings.layout or default_layout)
    )
