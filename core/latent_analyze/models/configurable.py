"""Models whose files can be opened again with other settings in ``model.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze.models.bundle import Bundle
    from latent_analyze.models.spec import Latents


@runtime_checkable
class ConfigurableModel(Protocol):
    """A model that reads its files as a bundle says: layout, value range, outputs, ...

    May also have `latent_outputs`, the names of the outputs that could be mu, log_var or z.
    """

    @property
    def bundle(self) -> Bundle:
        """The settings in use."""
        ...

    def with_bundle(self, bundle: Bundle) -> ConfigurableModel:
        """Return the same files with other settings; raises ModelError if they do not fit."""
        ...

    def encode(self, x: NDArray[np.float32]) -> Latents:
        """Encode images, as `Model.encode` does."""
        ...

    def decode(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode z-points, as `Model.decode` does."""
        ...
