"""Models that exist in Python instead of in files, opened like files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from latent_analyze.plugin import (
    Bundle,
    DecoderSpec,
    EncoderSpec,
    Layout,
    Model,
    ModelError,
    Sample,
    Signature,
    content_hash,
)
from latent_analyze_adapters.models.adapter import FileAdapter, open_with_signature
from latent_analyze_adapters.models.entries import typed_constants
from latent_analyze_adapters.models.graph import NetworkSpec, Role, Shape
from latent_analyze_adapters.models.model import FileModel
from latent_analyze_adapters.models.session import FolderOpener, ModelFile, Read, Session, Specs
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.models.signatures.stated import apply_stated

HALVES = (("encode", "decode"), ("encoder", "decoder"))
"""Names of methods or submodules that are the two networks of a model."""

PLACE = Path("python:")


@dataclass(frozen=True)
class Half:
    """An encoder or a decoder.

    Attributes
    ----------
    owner
        The object, whose content is hashed.
    call
        What takes arrays: the object itself, or a method or part of it.
    label
        What it is called.
    """

    owner: Any
    call: Callable[..., object]
    label: str


def halves_of(parts: Mapping[str, object]) -> dict[Role, Half]:
    """Return the encoder and perhaps the decoder of what was given.

    Raises
    ------
    ModelError
        If one of them cannot be called.
    """
    if "model" in parts:
        whole = parts["model"]
        for encode, decode in HALVES:
            inner = [getattr(whole, name, None) for name in (encode, decode)]
            if all(map(callable, inner)):
                return {
                    "encoder": _half(whole, inner[0], f".{encode}"),
                    "decoder": _half(whole, inner[1], f".{decode}"),
                }
        return {"encoder": _half(whole, whole)}
    roles: tuple[Role, ...] = ("encoder", "decoder")
    return {role: _half(parts[role], parts[role]) for role in roles if role in parts}


@dataclass(frozen=True)
class ObjectOpener(FolderOpener):
    """Base class of openers of objects.

    Attributes
    ----------
    halves
        The objects.
    dtype
        Type of the rows as the encoder gets them.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    default_layout: ClassVar[Layout]

    halves: Mapping[Role, Half]
    dtype: str

    @abstractmethod
    def hash_of(self, owner: Any) -> str:
        """Return a hash of everything that decides what an object computes."""

    @abstractmethod
    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> Session:
        """Return a session of an object."""

    def half(self, spec: NetworkSpec) -> Half:
        """Return the object that a table of the bundle is about."""
        return self.halves["encoder" if isinstance(spec, EncoderSpec) else "decoder"]

    def dtype_of(self, spec: NetworkSpec) -> str:
        """Return the type of the rows that a half gets; z-points are float32."""
        return self.dtype if isinstance(spec, EncoderSpec) else "float32"

    def infer_specs(self, name: str, read: Read) -> Specs:
        """Return nothing: there are no files."""
        del name, read
        return None, None

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Hash an object; `path` is what it is called."""
        half = self.half(spec)
        parts = (half.label, *typed_constants(spec), spec.batch_mode)
        sha256 = content_hash(self.hash_of(half.owner), *parts)
        return ModelFile(Path(half.label), sha256, 0, self.name, {"kind": "in Python"})

    @property
    def bundle(self) -> Bundle:
        """What is known about the objects before anything is stated or tried."""
        first, decoder = self.halves["encoder"], self.halves.get("decoder")
        return Bundle(
            name=type(first.owner).__name__ if first.owner is not first.call else first.label,
            runtime=self.name,
            encoder=EncoderSpec(entry=f"python:{first.label}"),
            decoder=DecoderSpec(entry=f"python:{decoder.label}") if decoder else None,
        )


class ObjectAdapter(FileAdapter):
    """Opens models in files, and models that exist in Python.

    Attributes
    ----------
    object_opener
        What opens those that exist in Python.
    """

    object_opener: ClassVar[type[ObjectOpener]]

    def adopt(
        self,
        parts: Mapping[str, object],
        sample: Sample,
        *,
        dtype: str = "float32",
        device: str | None = None,
        given: Mapping[str, str] = MappingProxyType({}),
        stated: Mapping[str, str] = MappingProxyType({}),
        signature: Signature | None = None,
    ) -> Model:
        """Open a model that exists in Python; see `Adapter`."""
        opener = self.object_opener(PLACE, device, True, halves_of(parts), dtype)
        cache = SessionCache(opener)
        if signature is not None:
            return FileModel(PLACE, signature.bundle, cache, signature=signature)
        bundle = apply_stated(apply_stated(opener.bundle, given), stated)
        # A key without its role is stated for both halves.
        unstated = [key for key in given if not {key, key.partition(".")[2]} & {*stated}]
        return open_with_signature(PLACE, bundle, cache, sample=sample, given=unstated)


def _half(owner: object, call: object, suffix: str = "") -> Half:
    name = getattr(owner, "__qualname__", type(owner).__qualname__)
    if not callable(call):
        raise ModelError(
            "an encoder and a decoder that can be called", found=f"a {type(call).__name__}",
            next_step="give modules, models or functions: (encoder, decoder)",
        )  # fmt: skip
    return Half(owner, call, f"{name}{suffix}".replace("<", "").replace(">", ""))
