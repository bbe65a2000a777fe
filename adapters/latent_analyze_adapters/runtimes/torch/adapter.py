"""The adapter of PyTorch: exported programs, TorchScript, state dicts with their class."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from latent_analyze.plugin import Adapter, Layout, ModelError, content_hash, file_sha256, hookimpl
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.location import ROLES
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    Read,
    Session,
    cause,
    inside,
    unchanged,
)
from latent_analyze_adapters.runtimes.torch.programs import (
    notes_on_program,
    notes_on_script,
    settle_rows,
)
from latent_analyze_adapters.runtimes.torch.session import (
    ModuleSession,
    ProgramSession,
    choose_device,
    import_torch,
)
from latent_analyze_adapters.runtimes.torch.weights import load_weights, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec

PROGRAM_SUFFIX = ".pt2"
Kind = Literal["exported program", "TorchScript", "state dict"]


@dataclass(frozen=True)
class Loaded:
    """What a file holds: a program or a module, with notes for people."""

    kind: Kind
    value: Any
    notes: tuple[str, ...] = ()


class TorchOpener(FolderOpener):
    """Reads and opens files of PyTorch; see `Opener`."""

    name: ClassVar[str] = "torch"
    suffixes: ClassVar[tuple[str, ...]] = (PROGRAM_SUFFIX, ".pt", ".pth", ".ts")
    layout: ClassVar[Layout] = "CHW"

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Hash a file and tell what it is, without opening it."""
        path = inside(self.folder, half.file)
        kind, sha256 = _kind(path), file_sha256(path)
        if half.entry is not None:
            entries.require_trust(self.trusted, f"the class {half.entry}")
            entry = entries.load_entry(half.entry, self.folder)
            sha256 = content_hash(sha256, entries.entry_sha256(entry, half.entry), half.arguments)
        if half.constants:
            sha256 = content_hash(sha256, *entries.kinds_of_constants(half))
        facts = {"kind": kind, "entry": half.entry, "part": half.part}
        return ModelFile(path, sha256, path.stat().st_size, "PyTorch", facts)

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Limit batches to what exported programs take, and say what was found in the files."""
        changes: dict[str, EncoderSpec | DecoderSpec] = {}
        notes: list[str] = []
        for role in ROLES:
            half = getattr(bundle, role)
            if half is None:
                continue
            loaded = self._load(read(half), half)
            found = list(loaded.notes)
            if loaded.kind == "exported program":
                found += notes_on_program(loaded.value, half)
                rows, note = settle_rows(loaded.value, half)
                changes[role] = half.model_copy(update={"batch": rows}) if note else half
                found += [note] if note else []
            elif loaded.kind == "TorchScript":
                path = inside(self.folder, half.file)
                found += notes_on_script(_part(loaded.value, half.part, path))
            notes += [f"{role}: {note}" for note in found]
        return bundle.model_copy(update=changes), tuple(notes)

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> Session:
        """Open a file, if it is still the same.

        Raises
        ------
        ModelError
            If the file is not trusted, damaged, or wants something that model.toml does not state.
        """
        unchanged(file, self.read(half))
        device, loaded = choose_device(self.device), self._load(file, half)
        name = file.path.name
        if loaded.kind == "exported program":
            return ProgramSession(loaded.value, half, place=(name, device))
        module = loaded.value.to(device).eval()
        place = (name, device, _dtype(module))
        return ModuleSession(_part(module, half.part, file.path), half, row, place=place)

    @cached_property
    def _loaded(self) -> dict[str, Loaded]:
        """What was loaded, by its hash: halves in one file share its weights."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}

    def _load(self, file: ModelFile, half: EncoderSpec | DecoderSpec) -> Loaded:
        kind, path = file.facts["kind"], file.path
        entries.require_trust(self.trusted, f"{path} ({kind})")
        if kind == "exported program":
            _without_part(half, path)
        if file.sha256 not in self._loaded:
            self._loaded[file.sha256] = self._loaded_anew(kind, path, half)
        return self._loaded[file.sha256]

    def _loaded_anew(self, kind: Kind, path: Path, half: EncoderSpec | DecoderSpec) -> Loaded:
        if kind == "exported program":
            return Loaded(kind, _load(path, lambda torch: torch.export.load(path)))
        if kind == "TorchScript":
            return Loaded(kind, _load(path, lambda t: t.jit.load(path, map_location="cpu")))
        if half.entry is None:
            raise ModelError(
                f"entry = 'package.module:Class' for {path}", found="a state dict without it",
                next_step="state the class in model.toml, or save the model with torch.export",
            )  # fmt: skip
        content = _load(path, lambda t: t.load(path, map_location="cpu", weights_only=True))
        module = _make(entries.load_entry(half.entry, self.folder).value, half)
        notes = load_weights(module, content, entry=half.entry, path=path)
        return Loaded(kind, module, notes)


class TorchRuntime(FileAdapter):
    """Opens PyTorch models, all of which can run code and want trust.

    Programs of `torch.export` (.pt2), TorchScript (.pt), and state dicts whose class model.toml
    names. A pickled module is never opened.
    """

    name = TorchOpener.name
    opener = TorchOpener

    @classmethod
    def import_runtime(cls) -> object:
        """Import PyTorch."""
        return import_torch()


def _kind(path: Path) -> Kind:
    """Tell what a file holds by the names in its archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.split("/", 1)[-1] for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError) as error:
        raise refusal(path, error) from None
    if any(name in ("archive_format", "serialized_exported_program.json") for name in names):
        return "exported program"
    if path.suffix.lower() == PROGRAM_SUFFIX:
        # A truncated program can end like one of the archives of tensors that it holds.
        raise refusal(path, ValueError("no exported program"))
    return "TorchScript" if any(name.startswith("code/") for name in names) else "state dict"


def _load(path: Path, load: Any) -> Any:
    try:
        return load(import_torch())
    # Damaged archives raise whatever comes first: zip, pickle, JSON, PyTorch.
    except Exception as error:
        raise refusal(path, error) from error


def _make(maker: Any, half: EncoderSpec | DecoderSpec) -> Any:
    try:
        module = maker(**half.arguments)
    except Exception as error:
        raise ModelError(
            f"{half.entry} made with the arguments {half.arguments}",
            found=f"{type(error).__name__}: {cause(error)}",
            next_step="correct arguments in model.toml",
        ) from error
    if not isinstance(module, import_torch().nn.Module):
        raise ModelError(f"a torch.nn.Module of {half.entry}", found=type(module).__name__)
    return module


def _part(module: Any, part: str | None, path: Path) -> Any:
    """Return a sub-module or method by its dotted name."""
    try:
        return reduce(getattr, part.split("."), module) if part else module
    except AttributeError:
        children = ", ".join(repr(name) for name, _ in module.named_children())
        raise ModelError(
            f"a sub-module or method {part!r} in {path}", found=children or "no sub-modules",
            next_step="correct part in model.toml",
        ) from None  # fmt: skip


def _without_part(half: EncoderSpec | DecoderSpec, path: Path) -> None:
    if half.part is not None:
        raise ModelError(
            f"{path} as a whole, as an exported program has no parts", found=f"part {half.part!r}",
            next_step="export encoder and decoder each to a file",
        )  # fmt: skip


def _dtype(module: Any) -> str:
    """Return the dtype of the weights, which the inputs must have too."""
    floating = (str(p.dtype) for p in module.parameters() if p.is_floating_point())
    found = next(floating, "torch.float32").removeprefix("torch.")
    if found == "bfloat16":
        module.float()
    return "float32" if found == "bfloat16" else found


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register PyTorch."""
    return [TorchRuntime]
