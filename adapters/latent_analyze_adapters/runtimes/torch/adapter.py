"""The adapter for PyTorch: exported programs, TorchScript, and state dicts with their class."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from latent_analyze.plugin import Adapter, Layout, ModelError, content_hash, file_sha256, hookimpl
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.location import ROLES
from latent_analyze_adapters.models.messages import typed_cause
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    Read,
    Session,
    bundle_path,
    require_unchanged,
)
from latent_analyze_adapters.runtimes.torch.programs import (
    limit_batch,
    notes_on_program,
    notes_on_script,
)
from latent_analyze_adapters.runtimes.torch.session import (
    ModuleSession,
    ProgramSession,
    choose_device,
    import_torch,
)
from latent_analyze_adapters.runtimes.torch.weights import load_weights, not_torch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import torch

    from latent_analyze.plugin import Bundle

PROGRAM_SUFFIX = ".pt2"
Kind = Literal["exported program", "TorchScript", "state dict"]


@dataclass(frozen=True)
class Loaded:
    """What a file holds: a program or a module, with notes for people."""

    kind: Kind
    value: Any  # an ExportedProgram, a ScriptModule or a Module, by kind
    notes: tuple[str, ...] = ()


class TorchOpener(FolderOpener):
    """Reads and opens files of PyTorch; see `Opener`."""

    name: ClassVar[str] = "torch"
    suffixes: ClassVar[tuple[str, ...]] = (PROGRAM_SUFFIX, ".pt", ".pth", ".ts")
    default_layout: ClassVar[Layout] = "CHW"

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Hash a file and determine its kind, without opening it."""
        path = bundle_path(self.folder, spec.file)
        kind, sha256 = _kind(path), file_sha256(path)
        if spec.entry is not None:
            entries.require_trust(self.trusted, f"the class {spec.entry}")
            entry = entries.load_entry(spec.entry, self.folder)
            sha256 = content_hash(sha256, entries.entry_sha256(entry, spec.entry), spec.arguments)
        if spec.constants:
            sha256 = content_hash(sha256, *entries.typed_constants(spec))
        facts = {"kind": kind, "entry": spec.entry, "part": spec.part}
        return ModelFile(path, sha256, path.stat().st_size, "PyTorch", facts)

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Limit batches to what exported programs accept, and note what was found in the files."""
        changes: dict[str, NetworkSpec] = {}
        notes: list[str] = []
        for role in ROLES:
            spec = getattr(bundle, role)
            if spec is None:
                continue
            loaded = self._load(read(spec), spec)
            found = list(loaded.notes)
            if loaded.kind == "exported program":
                found += notes_on_program(loaded.value, spec)
                rows, note = limit_batch(loaded.value, spec)
                changes[role] = spec.model_copy(update={"batch": rows}) if note else spec
                found += [note] if note else []
            elif loaded.kind == "TorchScript":
                path = bundle_path(self.folder, spec.file)
                found += notes_on_script(_part(loaded.value, spec.part, path))
            notes += [f"{role}: {note}" for note in found]
        return bundle.model_copy(update=changes), tuple(notes)

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> Session:
        """Open a file, if it is still the same.

        Raises
        ------
        ModelError
            If the file is not trusted, is damaged, or needs something that model.toml does not
            state.
        """
        require_unchanged(file, self.read(spec))
        device, loaded = choose_device(self.device), self._load(file, spec)
        name = file.path.name
        if loaded.kind == "exported program":
            return ProgramSession(loaded.value, spec, name=name, device=device)
        module = loaded.value.to(device).eval()
        dtype, part = _dtype(module), _part(module, spec.part, file.path)
        return ModuleSession(part, spec, row_shape, name=name, device=device, dtype=dtype)

    @cached_property
    def _loaded(self) -> dict[str, Loaded]:
        """What was loaded, by hash: an encoder and a decoder in one file share its weights."""
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}

    def _load(self, file: ModelFile, spec: NetworkSpec) -> Loaded:
        path, kind = file.path, _kind(file.path)
        entries.require_trust(self.trusted, f"{path} ({kind})")
        if kind == "exported program":
            _require_no_part(spec, path)
        if file.sha256 not in self._loaded:
            self._loaded[file.sha256] = self._load_anew(kind, path, spec)
        return self._loaded[file.sha256]

    def _load_anew(self, kind: Kind, path: Path, spec: NetworkSpec) -> Loaded:
        if kind == "exported program":
            return Loaded(kind, _load(path, lambda torch: torch.export.load(path)))
        if kind == "TorchScript":
            return Loaded(kind, _load(path, lambda t: t.jit.load(path, map_location="cpu")))
        if spec.entry is None:
            raise ModelError(
                f"entry = 'package.module:Class' for {path}", found="a state dict without it",
                next_step="state the class in model.toml, or save the model with torch.export",
            )  # fmt: skip
        content = _load(path, lambda t: t.load(path, map_location="cpu", weights_only=True))
        module = _make(entries.load_entry(spec.entry, self.folder).value, spec)
        notes = load_weights(module, content, entry=spec.entry, path=path)
        return Loaded(kind, module, notes)


class TorchRuntime(FileAdapter):
    """Opens PyTorch models, all of which can run code and so require trust.

    These are programs of `torch.export` (.pt2), TorchScript (.pt), and state dicts whose class
    model.toml names. A pickled module is never opened.
    """

    name = TorchOpener.name
    opener = TorchOpener

    @classmethod
    def import_runtime(cls) -> object:
        """Import PyTorch."""
        return import_torch()


def _kind(path: Path) -> Kind:
    """Determine the kind of a file by the names in its archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.split("/", 1)[-1] for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError) as error:
        raise not_torch(path, error) from None
    if any(name in ("archive_format", "serialized_exported_program.json") for name in names):
        return "exported program"
    if path.suffix.lower() == PROGRAM_SUFFIX:
        # A truncated program may look like one of the archives of tensors inside it.
        raise not_torch(path, ValueError("not an exported program"))
    return "TorchScript" if any(name.startswith("code/") for name in names) else "state dict"


def _load(path: Path, load: Callable[[ModuleType], object]) -> object:
    try:
        return load(import_torch())
    # Damaged archives raise errors of zip, pickle, JSON or PyTorch, whichever notices first.
    except Exception as error:
        raise not_torch(path, error) from error


def _make(factory: Callable[..., object], spec: NetworkSpec) -> torch.nn.Module:
    try:
        module = factory(**spec.arguments)
    except Exception as error:
        raise ModelError(
            f"{spec.entry} made with the arguments {spec.arguments}", found=typed_cause(error),
            next_step="correct arguments in model.toml",
        ) from error  # fmt: skip
    if not isinstance(module, import_torch().nn.Module):
        raise ModelError(f"a torch.nn.Module from {spec.entry}", found=type(module).__name__)
    return module


def _part(module: torch.nn.Module, part: str | None, path: Path) -> Callable[..., object]:
    """Return a submodule or method by its dotted name."""
    try:
        return reduce(getattr, part.split("."), module) if part else module
    except AttributeError:
        children = ", ".join(repr(name) for name, _ in module.named_children())
        raise ModelError(
            f"a submodule or method {part!r} in {path}", found=children or "no submodules",
            next_step="correct part in model.toml",
        ) from None  # fmt: skip


def _require_no_part(spec: NetworkSpec, path: Path) -> None:
    if spec.part is not None:
        raise ModelError(
            f"{path} as a whole, because an exported program has no parts",
            found=f"part {spec.part!r}", next_step="export encoder and decoder to separate files",
        )  # fmt: skip


def _dtype(module: torch.nn.Module) -> str:
    """Return the dtype of the weights, which the inputs must have, too."""
    floating = (str(p.dtype) for p in module.parameters() if p.is_floating_point())
    found = next(floating, "torch.float32").removeprefix("torch.")
    if found == "bfloat16":
        module.float()
    return "float32" if found == "bfloat16" else found


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register PyTorch."""
    return [TorchRuntime]
