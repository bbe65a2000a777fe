"""Models whose files can be opened again with other settings in ``model.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from latent_analyze.models.spec import Model

if TYPE_CHECKING:
    from latent_analyze.models.bundle import Bundle


@runtime_checkable
class ConfigurableModel(Model, Protocol):
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
