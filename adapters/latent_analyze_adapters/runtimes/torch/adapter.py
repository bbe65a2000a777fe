"""The adapter for PyTorch: programs, TorchScript, modules, and state dicts with their class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from latent_analyze.plugin import (
    Adapter,
    DecoderSpec,
    EncoderSpec,
    Layout,
    ModelError,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.messages import CORRECT, typed_cause
from latent_analyze_adapters.models.objects import HALVES, ObjectAdapter
from latent_analyze_adapters.models.roles import ROLES, role_in_name
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    Read,
    Session,
    Specs,
    bundle_path,
    require_unchanged,
)
from latent_analyze_adapters.runtimes.torch.kinds import PROGRAM_SUFFIX, Kind, kind_of
from latent_analyze_adapters.runtimes.torch.objects import ModuleOpener, is_module
from latent_analyze_adapters.runtimes.torch.programs import limit_batch, notes_on_program
from latent_analyze_adapters.runtimes.torch.session import (
    ModuleSession,
    ProgramSession,
    choose_device,
    import_torch,
)
from latent_analyze_adapters.runtimes.torch.training_mode import (
    evaluate_program,
    evaluate_script,
    kept_note,
    program_layers,
    script_layers,
    switched_note,
)
from latent_analyze_adapters.runtimes.torch.weights import load_pickled, load_weights, not_torch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import torch

    from latent_analyze.plugin import Bundle


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

    def infer_specs(self, name: str, read: Read) -> Specs:
        """Find out what a file holds: both networks if a module has them as methods or submodules.

        A module does not declare its shapes: it is the encoder, unless its name says otherwise.
        """
        spec = EncoderSpec(file=name)
        loaded = self._load(read(spec), spec)
        if loaded.kind == "exported program":
            return super().infer_specs(name, read)
        for encode, decode in HALVES:
            if all(callable(getattr(loaded.value, half, None)) for half in (encode, decode)):
                return EncoderSpec(file=name, part=encode), DecoderSpec(file=name, part=decode)
        if role_in_name(Path(name).stem)[0] == "decoder":
            return None, DecoderSpec(file=name)
        return spec, None

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Hash a file and determine its kind, without opening it."""
        path = bundle_path(self.folder, spec.file)
        kind, sha256 = kind_of(path), file_sha256(path)
        if spec.entry is not None:
            entries.require_trust(self.trusted, f"the class {spec.entry}")
            entry = entries.load_entry(spec.entry, self.folder)
            sha256 = content_hash(sha256, entries.entry_sha256(entry, spec.entry), spec.arguments)
        if spec.constants:
            sha256 = content_hash(sha256, *entries.typed_constants(spec))
        if spec.batch_mode == "keep":
            sha256 = content_hash(sha256, spec.batch_mode)
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
        module = loaded.value.to(device)
        if spec.batch_mode == "eval" or loaded.kind == "state dict":
            module.eval()
        dtype, part = _dtype(module), _part(module, spec.part, file.path)
        return ModuleSession(part, spec, row_shape, name=name, device=device, dtype=dtype)

    @cached_property
    def _loaded(self) -> dict[str, Loaded]:
        """What was loaded, by hash: an encoder and a decoder in one file share its weights."""
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}

    def _load(self, file: ModelFile, spec: NetworkSpec) -> Loaded:
        path, kind = file.path, kind_of(file.path)
        entries.require_trust(self.trusted, f"{path} ({kind})")
        if kind == "exported program":
            _require_no_part(spec, path)
        if file.sha256 not in self._loaded:
            self._loaded[file.sha256] = self._load_anew(kind, path, spec)
        return self._loaded[file.sha256]

    def _load_anew(self, kind: Kind, path: Path, spec: NetworkSpec) -> Loaded:
        keep = spec.batch_mode == "keep"
        if kind == "exported program":
            program: Any = _load(path, lambda torch: torch.export.load(path))
            if keep:
                return Loaded(kind, program, kept_note(program_layers(program)))
            return Loaded(kind, program, switched_note(evaluate_program(program, path)))
        if kind == "TorchScript":
            script: Any = _load(path, lambda t: t.jit.load(path, map_location="cpu"))
            if keep:
                return Loaded(kind, script, kept_note(script_layers(script)))
            return Loaded(kind, script, switched_note(evaluate_script(script)))
        if spec.entry is None:
            module = load_pickled(path, self.folder)
            if module is not None:
                return Loaded("pickled module", module)
            raise ModelError(
                f"entry = 'package.module:Class' for {path}", found="a state dict without it",
                next_step="state the class in model.toml, or save the model with torch.export",
            )  # fmt: skip
        content = _load(path, lambda t: t.load(path, map_location="cpu", weights_only=True))
        module = _make(entries.load_entry(spec.entry, self.folder).value, spec)
        notes = load_weights(module, content, entry=spec.entry, path=path)
        return Loaded(kind, module, notes)


class TorchRuntime(ObjectAdapter):
    """Opens PyTorch models, all of which can run code and so require trust.

    These are programs of `torch.export` (.pt2), TorchScript (.pt), modules that were pickled as a
    whole, and state dicts whose class model.toml names.
    """

    name = TorchOpener.name
    opener = TorchOpener
    object_opener = ModuleOpener

    @classmethod
    def import_runtime(cls) -> object:
        """Import PyTorch."""
        return import_torch()

    @classmethod
    def adopts(cls, value: object) -> bool:
        """Whether this is a module of PyTorch."""
        return is_module(value)


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
            next_step=CORRECT,
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
