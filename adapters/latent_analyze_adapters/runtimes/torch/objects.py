"""Modules of PyTorch that exist in Python."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from latent_analyze.plugin import Layout, ModelError, content_hash
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.objects import ObjectOpener
from latent_analyze_adapters.models.session import ModelFile
from latent_analyze_adapters.runtimes.torch.session import (
    ModuleSession,
    choose_device,
    import_torch,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ModuleOpener(ObjectOpener):
    """Opens modules, which stay on their device and keep their type; see `Opener`."""

    name: ClassVar[str] = "torch"
    default_layout: ClassVar[Layout] = "CHW"

    def hash_of(self, owner: Any) -> str:
        """Hash weights, buffers, structure, and the code of all classes in it."""
        if not is_module(owner):
            return content_hash("function", getattr(owner, "__qualname__", ""), _code(owner))
        state = [
            (key, str(value.dtype), tuple(value.shape), _bytes(value))
            for key, value in owner.state_dict().items()
            if isinstance(value, import_torch().Tensor)
        ]
        classes = dict.fromkeys(type(module) for module in owner.modules())
        own = [(c.__qualname__, _code(c)) for c in classes if not c.__module__.startswith("torch.")]
        return content_hash(repr(owner), state, own)

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> ModuleSession:
        """Return a session, in which the module runs as in evaluation."""
        half = self.half(spec)
        module = half.owner if is_module(half.owner) else None
        first = next(module.parameters(), None) if module is not None else None
        device = first.device if first is not None else choose_device("cpu")
        if self.device is not None and device.type != self.device:
            raise ModelError(
                f"{half.label} on {self.device}", found=f"a module on {device}",
                next_step=f"call .to({self.device!r}) first, or leave device out",
            )  # fmt: skip
        kind = first.dtype if first is not None else None
        keep = spec.batch_mode == "keep" or module is None

        def call(rows: torch.Tensor, **more: torch.Tensor) -> object:
            rows = rows.to(kind) if kind is not None and rows.is_floating_point() else rows
            if keep:
                return half.call(rows, **more)
            with evaluating(module):
                return half.call(rows, **more)

        name, dtype = file.path.name, self.dtype_of(spec)
        return ModuleSession(call, spec, row_shape, name=name, device=device, dtype=dtype)


def is_module(value: object) -> bool:
    """Whether this is a module of PyTorch; without importing it, because then it is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Switch a module to evaluation, and back to the modes that its parts were in."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _bytes(tensor: torch.Tensor) -> bytes:
    torch = import_torch()
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy().tobytes()) if flat.numel() else b""


def _code(value: type | Callable[..., object]) -> str:
    try:
        return inspect.getsource(value)
    # Code that was typed into an interpreter has no file.
    except (OSError, TypeError):
        return ""
