"""Adapters open models, trainers make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from latent_analyze.host.contracts.progress import Progress, no_progress
from latent_analyze.host.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from latent_analyze.host.contracts.dataset import Dataset
    from latent_analyze.models.signature import Sample, Signature
    from latent_analyze.models.spec import Model

NOTHING: Mapping[str, str] = MappingProxyType({})


class Adapter(ABC):
    """Opens models of one runtime or format. Subclass it, set `name`, and write `open`.

    Attributes
    ----------
    suffixes
        Suffixes of its files, in lower case: ``(".npz",)``.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether this adapter is for `path`; cheap, imports no runtime, never raises.

        Unless overridden, it is for files with one of the `suffixes`.
        """
        try:
            return path.suffix.lower() in cls.suffixes and path.is_file()
        except (OSError, ValueError):
            return False

    @abstractmethod
    def open(
        self,
        path: Path,
        *,
        device: str | None = None,
        trust: bool = False,
        image_shape: tuple[int, ...] | None = None,
    ) -> Model:
        """Open a bundle folder or a bare file; raises ModelError or MissingDependencyError.

        Without `trust` nothing of the file may run code, and what is checked about it is checked.
        `image_shape` is (H, W, C) of the images at hand, for what the model does not tell itself.
        """

    def open_for(
        self,
        path: Path,
        sample: Sample,
        *,
        device: str | None = None,
        trust: bool = False,
        stated: Mapping[str, str] = NOTHING,
    ) -> Model:
        """Open a model for data, and find out by trying what its files mean.

        Parameters
        ----------
        sample
            Some rows of the data.
        stated
            Key -> value, as ``--signature`` gives them: ``{"encoder.range": "[-1, 1]"}``.

        Returns
        -------
        Model
            With an attribute `signature`, where the files leave something open. Unless overridden,
            the model that `open` returns.
        """
        del stated
        shape = tuple(sample.x.shape[1:]) if sample.kind == "images" else None
        return self.open(path, device=device, trust=trust, image_shape=shape)

    def reopen(
        self, path: Path, signature: Signature, *, device: str | None = None, trust: bool = False
    ) -> Model:
        """Open a model with a signature that was found before, without trying anything."""
        del signature
        return self.open(path, device=device, trust=trust)

    @classmethod
    def adopts(cls, value: object) -> bool:
        """Whether this adapter runs models like `value`, which exist in Python and not in files.

        Cheap, imports no runtime. Unless overridden, it runs none.
        """
        del value
        return False

    def adopt(
        self,
        parts: Mapping[str, object],
        sample: Sample,
        *,
        dtype: str = "float32",
        device: str | None = None,
        given: Mapping[str, str] = NOTHING,
        stated: Mapping[str, str] = NOTHING,
        signature: Signature | None = None,
    ) -> Model:
        """Open a model that exists in Python.

        Parameters
        ----------
        parts
            ``"encoder"`` and perhaps ``"decoder"``, or ``"model"``, which is both or the encoder.
        sample
            Some rows of the data.
        dtype
            Type of the rows as the encoder gets them.
        given
            How the rows are, as keys of a signature: they go in unchanged where `stated` says no
            other.
        stated
            What users state about the parts, as in `open_for`.
        signature
            What was found before: then nothing is tried.
        """
        raise NotImplementedError(f"{self.name} opens files only")


class Trainer(ABC):
    """Trains a model on a data set and writes a bundle folder. Subclass and set `name`."""

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any = None) -> None:
        self.options: Any = self.Options() if options is None else options

    @abstractmethod
    def train(self, dataset: Dataset, output: Path, progress: Progress = no_progress) -> None:
        """Train on the images of `dataset` and write ``model.toml`` and its files to `output`."""
