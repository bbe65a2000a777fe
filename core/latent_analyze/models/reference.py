"""How to open a model again, in another process or later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latent_analyze.models.signature import Signature


@dataclass(frozen=True)
class ModelRef:
    """How to open a model again: path, hash, adapter and signature; no open session.

    Attributes
    ----------
    path, adapter
        Where it is, and what opens it.
    fingerprint
        Hash of its files; without a signature, also of the settings around them.
    signature
        What its files mean, if that was found for data.
    device, trust
        How it was opened; not saved in a store.
    """

    path: str
    fingerprint: str
    adapter: str
    device: str | None = None
    trust: bool = False
    signature: Signature | None = None

    @property
    def identity(self) -> str:
        """What makes results of this model differ from those of another."""
        return self.fingerprint + (self.signature.fingerprint if self.signature else "")

    def to_dict(self) -> dict[str, str]:
        """Return the fields that are saved in a store as its model."""
        return {"path": self.path, "fingerprint": self.fingerprint, "adapter": self.adapter}
