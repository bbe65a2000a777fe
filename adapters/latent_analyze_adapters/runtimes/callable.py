"""The adapter of Python functions: the way for JAX, diffusers and everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

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
from latent_analyze_adapters.models.location import SIDECAR, is_for
from latent_analyze_adapters.models.probing import named, probe_graph
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    cause,
    does_not_run,
    inside,
    unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import DecoderSpec, EncoderSpec
    from latent_analyze_adapters.models.graph import Graph


class CallableSession:
    """A function of arrays; see `Session`."""

    device = "whatever the function runs on"

    def __init__(
        self,
        function: Callable[..., Any],
        half: EncoderSpec | DecoderSpec,
        row: tuple[int, ...] | None,
    ) -> None:
        self._function, self._half, self._row = function, half, row

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs, found by a call with one row."""
        return probe_graph(self._call, self._half, self._row, name=str(self._half.entry))

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Call the function; ModelError for whatever it raises."""
        given = self._call(feeds)
        return [given[name] for name in outputs]

    def _call(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        (_, rows), *constants = feeds.items()
        try:
            given = self._function(rows, **dict(constants))
            return named(given, _to_array, name=str(self._half.entry))
        except ModelError:
            raise
        except Exception as error:
            found = f"{type(error).__name__}: {cause(error)}"
            raise does_not_run(feeds, found) from error


class CallableOpener(FolderOpener):
    """Imports functions; see `Opener`."""

    name: ClassVar[str] = "callable"
    suffixes: ClassVar[tuple[str, ...]] = (".py",)
    layout: ClassVar[Layout] = "HWC"

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Import the function; hash its module and the file of its weights, if one is named."""
        entry = self._load(half)
        hashes = [entries.entry_sha256(entry, str(half.entry)), *entries.kinds_of_constants(half)]
        size = 0
        if half.file is not None:
            weights = inside(self.folder, half.file)
            try:
                hashes.append(file_sha256(weights))
            except OSError as error:
                raise ModelError(
                    f"the file {weights}", found=(error.strerror or str(error)).lower(),
                    next_step=f"correct {SIDECAR}",
                ) from None  # fmt: skip
            size = weights.stat().st_size
        facts = {"entry": half.entry, "weights": half.file}
        return ModelFile(entry.source, content_hash(*hashes), size, facts=facts)

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> CallableSession:
        """Return a session of the function."""
        unchanged(file, self.read(half))
        return CallableSession(self._load(half).value, half, row)

    def _load(self, half: EncoderSpec | DecoderSpec) -> entries.Entry:
        if half.entry is None:
            raise ModelError(
                f"entry = 'package.module:function' for each half in {self.folder / SIDECAR}",
                found="none", next_step=f"correct {SIDECAR}",
            )  # fmt: skip
        entries.require_trust(self.trusted, f"the function {half.entry}")
        entry = entries.load_entry(half.entry, self.folder)
        if not callable(entry.value):
            raise ModelError(
                f"a function called {half.entry}", found=f"a {type(entry.value).__name__}"
            )
        return entry


class CallableRuntime(FileAdapter):
    """Calls Python functions.

    A bundle folder with model.toml that names them; or ``package.module:name`` of an object that is
    a model itself (`latent_analyze.Model`), or of a function or class that makes one.
    """

    name = CallableOpener.name
    opener = CallableOpener

    @classmethod
    def import_runtime(cls) -> None:
        """Import nothing: the functions do."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether it is a folder with model.toml for it, or ``package.module:name``."""
        return entries.ENTRY.fullmatch(str(path)) is not None or is_for(path, cls.name)

    def open(
        self,
        path: Path,
        *,
        device: str | None = None,
        trust: bool = False,
        image_shape: tuple[int, ...] | None = None,
    ) -> Model:
        """Open a bundle folder, or an object that is a model."""
        if is_for(path, self.name):
            return super().open(path, device=device, trust=trust, image_shape=image_shape)
        entries.require_trust(trust, f"the object {path}")
        value = entries.load_entry(str(path), None).value
        if isinstance(value, type) or (callable(value) and not isinstance(value, Model)):
            value = _made(value, str(path))
        if not isinstance(value, Model):
            raise ModelError(
                f"an object with spec, fingerprint, encode and decode at {path}",
                found=f"a {type(value).__name__}",
                next_step=f"name functions in {SIDECAR}: entry = 'package.module:function'",
            )
        return value


def _to_array(value: Any) -> NDArray[Any] | None:
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    # Half precisions that NumPy itself does not know, such as JAX's bfloat16.
    if array.dtype.kind == "V" and "float" in array.dtype.name:
        array = array.astype(np.float32)
    return array if array.dtype.kind in "iufb" else None


def _made(factory: Callable[[], Any], text: str) -> Any:
    try:
        return factory()
    except Exception as error:
        raise ModelError(
            f"a model made by {text}()", found=f"{type(error).__name__}: {cause(error)}",
            next_step=f"name functions in {SIDECAR}: entry = 'package.module:function'",
        ) from error  # fmt: skip


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register Python functions."""
    return [CallableRuntime]
