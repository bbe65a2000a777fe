"""PyTorch programs and modules as sessions: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError, missing_dependency
from latent_analyze_adapters.models.graph import Graph, NetworkSpec, Shape, Tensor
from latent_analyze_adapters.models.messages import cause, run_error
from latent_analyze_adapters.models.probing import name_outputs, probe_graph
from latent_analyze_adapters.runtimes.torch.programs import output_names

if TYPE_CHECKING:
    from types import ModuleType

    import torch
    from numpy.typing import NDArray
    from torch.export import ExportedProgram

    from latent_analyze_adapters.models.session import Feeds

DEVICES = ("cpu", "cuda", "mps")


def import_torch() -> ModuleType:
    """Return the torch package, or raise MissingDependencyError."""
    try:
        import torch
    except ImportError:
        raise missing_dependency("torch", "torch", "running PyTorch models") from None
    return torch


def choose_device(wanted: str | None) -> torch.device:
    """Return the requested device, or by default CUDA if there is one.

    Raises
    ------
    ModelError
        If PyTorch has no such device, or it cannot be used here.
    """
    torch = import_torch()
    name = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in DEVICES:
        raise ModelError(f"a device, {', '.join(DEVICES)}", found=repr(name))
    usable = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if name in usable and not usable[name]():
        raise ModelError(
            f"a PyTorch that runs on {name}", found=f"torch {torch.__version__} without it",
            next_step="choose the device cpu",
        )  # fmt: skip
    return torch.device(name)


class ModuleSession:
    """A module or method, which does not declare its shapes; see `Session`."""

    def __init__(
        self,
        call: Callable[..., object],
        spec: NetworkSpec,
        row_shape: Shape | None,
        *,
        name: str,
        device: torch.device,
        dtype: str,
    ) -> None:
        self._call, self._spec, self._row_shape = call, spec, row_shape
        self._name, self._device, self._dtype = name, device, dtype
        self.device = str(device)
        self._label = ":".join(filter(None, [spec.entry, spec.part])) or name

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs, found by a call with one row."""
        return probe_graph(
            self._run, self._spec, self._row_shape, name=self._name, dtype=self._dtype
        )

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run it once; any error of PyTorch becomes a ModelError."""
        given = self._run(feeds)
        return [given[name] for name in outputs]

    def _run(self, feeds: Feeds) -> Feeds:
        (_, rows), *extra = ((name, to_tensor(feed, self._device)) for name, feed in feeds.items())
        with import_torch().inference_mode():
            try:
                given = _moments(self._call(rows, **dict(extra)))
                return name_outputs(given, _to_array_if_tensor, name=self._label)
            except ModelError:
                raise
            # PyTorch raises errors of many kinds.
            except Exception as error:
                raise run_error(feeds, cause(error)) from error


class ProgramSession:
    """A program of `torch.export`, which declares its shapes; see `Session`."""

    def __init__(
        self, program: ExportedProgram, spec: NetworkSpec, *, name: str, device: torch.device
    ) -> None:
        self._name, self._device = name, device
        self.device, self._outputs = str(self._device), output_names(program, spec)
        self._signature, self._spec = program.graph_signature, program.call_spec
        self._values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        self._module = program.module().to(self._device)

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs."""
        inputs = [self._tensor(name, name) for name in self._signature.user_inputs]
        found = zip(self._outputs, self._signature.user_outputs, strict=True)
        outputs = [self._tensor(name, value) for name, value in found if value is not None]
        return Graph(self._name, tuple(inputs), tuple(outputs))

    def run(self, outputs: Iterable[str], feeds: Feeds) -> list[NDArray[np.generic]]:
        """Run it once; any error of PyTorch becomes a ModelError."""
        from torch.utils import _pytree as trees

        torch = import_torch()
        given = [
            to_tensor(feeds[tensor.name], self._device).to(self._values[tensor.name].dtype)
            for tensor in self.graph.inputs
        ]
        args, kwargs = trees.tree_unflatten(given, self._spec.in_spec)
        with torch.inference_mode():
            try:
                values = trees.tree_leaves(self._module(*args, **kwargs))
            except Exception as error:
                raise run_error(feeds, cause(error)) from error
        return [to_array(values[self._outputs.index(name)]) for name in outputs]

    def _tensor(self, name: str, value: str) -> Tensor:
        found = self._values.get(value)
        if found is None or not hasattr(found, "shape"):
            raise ModelError(
                f"tensors in and out of {self._name}", found=f"{name}, which is not a tensor"
            )
        # A free axis is a symbol, not a number.
        shape = tuple(length if isinstance(length, int) else None for length in found.shape)
        dtype = str(found.dtype).removeprefix("torch.")
        # NumPy lacks bfloat16.
        return Tensor(name, "float32" if dtype == "bfloat16" else dtype, shape)


def _moments(given: object) -> object:
    """Return mu and log_var of a Gaussian, as torch.distributions and diffusers return it."""
    from torch.distributions import Distribution, Independent

    found = given
    if isinstance(given, Mapping) and len(given) == 1:
        (found,) = given.values()
    if isinstance(found, Independent):
        found = found.base_dist
    if isinstance(found, Distribution):
        return {"mu": found.mean, "log_var": found.variance.log()}
    # Tensors have a method of that name.
    mean, log_var = getattr(found, "mean", None), getattr(found, "logvar", None)
    tensor = import_torch().Tensor
    if isinstance(mean, tensor) and isinstance(log_var, tensor):
        return {"mu": mean, "log_var": log_var}
    return given


def to_tensor(values: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """Return an array as a tensor on a device."""
    torch = import_torch()
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def to_array(tensor: torch.Tensor) -> NDArray[np.generic]:
    """Return a tensor as an array; all floating-point types become float32."""
    values = tensor.detach().cpu()
    return np.asarray(values.float().numpy() if values.is_floating_point() else values.numpy())


def _to_array_if_tensor(value: object) -> NDArray[np.generic] | None:
    return to_array(value) if isinstance(value, import_torch().Tensor) else None
