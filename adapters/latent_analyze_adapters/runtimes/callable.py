"""The adapter for Python functions, which covers JAX, diffusers and everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from latent_analyze.plugin import (
    Adapter,
    Layout,
    Model,
    ModelError,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Shape
from latent_analyze_adapters.models.location import SIDECAR, is_model_for
from latent_analyze_adapters.models.messages import os_cause, run_error, typed_cause
from latent_analyze_adapters.models.probing import name_outputs, probe_graph
from latent_analyze_adapters.models.session import (
    Feeds,
    FolderOpener,
    ModelFile,
    bundle_path,
    require_unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class CallableSession:
    """A function of arrays; see `Session`."""

    device = "whatever the function runs on"

    def __init__(
        self, function: Callable[..., object], spec: NetworkSpec, row_shape: Shape | None
    ) -> None:
        self._function, self._spec, self._row_shape = function, spec, row_shape

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs, found by a call with one row."""
        return probe_graph(self._call, self._spec, self._row_shape, name=str(self._spec.entry))

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


class CallableRuntime(FileAdapter):
    """Calls Python functions.

    These are named by the model.toml of a bundle. Or ``package.module:name`` is an object that is a
    model itself (`latent_analyze.plugin.Model`), or a function or class that makes one.
    """

    name = CallableOpener.name
    opener = CallableOpener

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
