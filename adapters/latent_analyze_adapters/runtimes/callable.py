"""The adapter for Python functions, which covers JAX, diffusers and everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from latent_analyze.plugin import (
    Adapter,
    Bundle,
    Layout,
    Model,
    ModelError,
    Sample,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.function_code import function_hash
from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Shape
from latent_analyze_adapters.models.location import SIDECAR, is_model_for
from latent_analyze_adapters.models.messages import os_cause, run_error, typed_cause
from latent_analyze_adapters.models.objects import HALVES, ObjectAdapter, ObjectOpener
from latent_analyze_adapters.models.probing import name_outputs, probe_graph
from latent_analyze_adapters.models.session import (
    Feeds,
    FolderOpener,
    ModelFile,
    Read,
    bundle_path,
    require_unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WEIGHTS = ("state_dict", "get_weights")
"""What modules and models of other libraries have, and functions do not."""


class CallableSession:
    """A function of arrays; see `Session`."""

    device = "whatever the function runs on"

    def __init__(
        self,
        function: Callable[..., object],
        spec: NetworkSpec,
        row_shape: Shape | None,
        *,
        dtype: str = "float32",
    ) -> None:
        self._function, self._spec, self._row_shape = function, spec, row_shape
        self._dtype = dtype

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs, found by a call with one row."""
        return probe_graph(
            self._call, self._spec, self._row_shape, name=str(self._spec.entry), dtype=self._dtype
        )

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Call the function; any error of it becomes a ModelError."""
        given = self._call(feeds)
        return [given[name] for name in outputs]

    def _call(self, feeds: Feeds) -> Feeds:
        (_, rows), *extra = feeds.items()
        try:
            given = self._function(rows, **dict(extra))
            return name_outputs(given, _to_array, name=str(self._spec.entry))
        except ModelError:
            raise
        except Exception as error:
            raise run_error(feeds, typed_cause(error)) from error


class CallableOpener(FolderOpener):
    """Imports functions; see `Opener`."""

    name: ClassVar[str] = "callable"
    suffixes: ClassVar[tuple[str, ...]] = (".py",)
    default_layout: ClassVar[Layout] = "HWC"

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Import the function; hash its module and the file of its weights, if one is named."""
        entry = self._load(spec)
        hashes = [entries.entry_sha256(entry, str(spec.entry)), *entries.typed_constants(spec)]
        size = 0
        if spec.file is not None:
            weights = bundle_path(self.folder, spec.file)
            try:
                hashes.append(file_sha256(weights))
            except OSError as error:
                raise ModelError(
                    f"the file {weights}", found=os_cause(error), next_step=f"correct {SIDECAR}"
                ) from None
            size = weights.stat().st_size
        facts = {"entry": spec.entry, "weights": spec.file}
        return ModelFile(entry.source, content_hash(*hashes), size, facts=facts)

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> CallableSession:
        """Return a session of the function."""
        require_unchanged(file, self.read(spec))
        return CallableSession(self._load(spec).value, spec, row_shape)

    def _load(self, spec: NetworkSpec) -> entries.Entry:
        if spec.entry is None:
            raise ModelError(
                f"entry = 'package.module:function' under [encoder] and [decoder] in "
                f"{self.folder / SIDECAR}", found="none", next_step=f"correct {SIDECAR}",
            )  # fmt: skip
        entries.require_trust(self.trusted, f"the function {spec.entry}")
        entry = entries.load_entry(spec.entry, self.folder)
        if not callable(entry.value):
            raise ModelError(
                f"a function called {spec.entry}", found=f"a {type(entry.value).__name__}"
            )
        return entry


_RANDOM: dict[int, tuple[object, str]] = {}
"""Hashes of functions that have no other, with the functions, by their numbers in memory."""


@dataclass(frozen=True)
class FunctionOpener(ObjectOpener):
    """Opens functions that exist in Python; see `Opener`."""

    name: ClassVar[str] = "callable"
    default_layout: ClassVar[Layout] = "HWC"

    def hash_of(self, owner: object) -> str:
        """Hash the code of a function and the values that it uses; random if one is unknown."""
        found, complete = function_hash(owner)
        return found if complete else _RANDOM.setdefault(id(owner), (owner, found))[1]

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Return the bundle unchanged, and notes about functions that cannot be hashed."""
        del read
        notes = (
            f"{role}: {half.label} uses objects that cannot be hashed: its store belongs to this "
            "process, and an interrupted encode cannot be resumed in another"
            for role, half in self.halves.items()
            if not function_hash(half.owner)[1]
        )
        return bundle, tuple(notes)

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> CallableSession:
        """Return a session of a function."""
        del file
        half = self.half(spec)
        return CallableSession(half.call, spec, row_shape, dtype=self.dtype_of(spec))


class CallableRuntime(ObjectAdapter):
    """Calls Python functions.

    These are named by the model.toml of a bundle. Or ``package.module:name`` is an object that is a
    model itself (`latent_analyze.plugin.Model`), or a function or class that makes one.
    """

    name = CallableOpener.name
    opener = CallableOpener
    object_opener = FunctionOpener

    @classmethod
    def import_runtime(cls) -> None:
        """Import nothing: the functions do."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether this is a folder with a model.toml for it, or ``package.module:name``."""
        return entries.ENTRY.fullmatch(str(path)) is not None or is_model_for(path, cls.name)

    def open(
        self,
        path: Path,
        *,
        device: str | None = None,
        trust: bool = False,
        image_shape: tuple[int, ...] | None = None,
    ) -> Model:
        """Open a bundle, or an object that is a model."""
        if is_model_for(path, self.name):
            return super().open(path, device=device, trust=trust, image_shape=image_shape)
        return _open_object(path, trust)

    def open_for(
        self,
        path: Path,
        sample: Sample,
        *,
        device: str | None = None,
        trust: bool = False,
        stated: Mapping[str, str] = MappingProxyType({}),
    ) -> Model:
        """Open a bundle, and find out what its functions mean, or an object that is a model."""
        if is_model_for(path, self.name):
            return super().open_for(path, sample, device=device, trust=trust, stated=stated)
        return _open_object(path, trust)

    @classmethod
    def adopts(cls, value: object) -> bool:
        """Whether this or its encoder can be called, and is of no other library."""
        calls = [value, *(getattr(value, encode, None) for encode, _ in HALVES)]
        return any(map(callable, calls)) and not any(hasattr(value, name) for name in WEIGHTS)


def _open_object(path: Path, trust: bool) -> Model:
    entries.require_trust(trust, f"the object {path}")
    value = entries.load_entry(str(path), None).value
    if isinstance(value, type) or (callable(value) and not isinstance(value, Model)):
        value = _make_model(value, str(path))
    if not isinstance(value, Model):
        raise ModelError(
            f"an object with spec, fingerprint, encode and decode at {path}",
            found=f"a {type(value).__name__}",
            next_step=f"name functions in {SIDECAR}: entry = 'package.module:function'",
        )
    return value


def _to_array(value: object) -> NDArray[np.generic] | None:
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    # Half-precision types that NumPy itself lacks, such as JAX's bfloat16.
    if array.dtype.kind == "V" and "float" in array.dtype.name:
        array = array.astype(np.float32)
    return array if array.dtype.kind in "iufb" else None


def _make_model(factory: Callable[[], object], text: str) -> object:
    try:
        return factory()
    except Exception as error:
        raise ModelError(
            f"a model made by {text}()", found=typed_cause(error),
            next_step=f"name functions in {SIDECAR}: entry = 'package.module:function'",
        ) from error  # fmt: skip


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register Python functions."""
    return [CallableRuntime]
