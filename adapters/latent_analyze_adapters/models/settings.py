"""What is known about an encoder or decoder apart from its file."""

from __future__ import annotations

from dataclasses import dataclass

from latent_analyze.plugin import DecoderSpec, Layout
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.latents import reordered


@dataclass(frozen=True)
class Settings:
    """What is known about an encoder or decoder apart from its file.

    Attributes
    ----------
    spec
        Its table of model.toml.
    image, latent
        Shapes of an image and of a z-point, if model.toml or the other network states them.
    data
        Shape of the images at hand, for what neither model.toml nor the file states.
    encoder_layout
        Layout of the encoder that a decoder belongs to.
    """

    spec: NetworkSpec
    image: Shape | None = None
    latent: Shape | None = None
    data: Shape | None = None
    encoder_layout: Layout | None = None

    @property
    def layout(self) -> Layout | None:
        """The layout, if it is stated and not a default."""
        if self.spec.layout == "array" and "layout" in self.spec.model_fields_set:
            return "array"
        if self.image is not None and len(self.image) == 1:
            return "flat"
        return self.spec.layout if "layout" in self.spec.model_fields_set else None

    @property
    def taken(self) -> Shape | None:
        """Shape of a z-point with its axes in the order in which a decoder takes them."""
        axes = self.spec.latent_axes if isinstance(self.spec, DecoderSpec) else None
        where = str(self.spec.file or self.spec.entry)
        return reordered(self.latent, axes, where) if axes else self.latent

    @property
    def range(self) -> tuple[float, float] | None:
        """The value range, if it is stated and not a default."""
        return self.spec.range if "range" in self.spec.model_fields_set else None
