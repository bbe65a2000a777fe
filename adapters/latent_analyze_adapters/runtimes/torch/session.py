"""PyTorch programs and modules as sessions: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import ModelError, missing_dependency
from latent_analyze_adapters.models.graph import Graph, Tensor
from latent_analyze_adapters.models.probing import named, probe_graph
from latent_analyze_adapters.models.session import cause, does_not_run
from latent_analyze_adapters.runtimes.torch.programs import names_of_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import DecoderSpec, EncoderSpec

DEVICES = ("cpu", "cuda", "mps")


def import_torch() -> Any:
    """Return the torch package, or raise MissingDependencyError."""
    try:
        import torch
    except ImportError:
        raise missing_dependency("torch", "torch", "running PyTorch models") from None
    return torch


def choose_device(wanted: str | None) -> Any:
    """Return the device to run on: the one that is wanted, or else CUDA where there is one.

    Raises
    ------
    ModelError
        If it is none that PyTorch has, or it cannot be used here.
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
    """A module or method that says nothing of its shapes; see `Session`."""

    def __init__(
        self,
        call: Callable[..., Any],
        half: EncoderSpec | DecoderSpec,
        row: tuple[int, ...] | None,
        *,
        place: tuple[str, Any, str],
    ) -> None:
        self._call, self._half, self._row = call, half, row
        self._name, self._device, self._dtype = place
        self.device = str(self._device)
        self._what = ":".join(filter(None, [half.entry, half.part])) or self._name

    @cached_property
    def graph(self) -> Graph:
        """Inputs and outputs, found by a call with one row."""
        return probe_graph(self._named, self._half, self._row, name=self._name, dtype=self._dtype)

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run it once; ModelError for whatever PyTorch raises."""
        given = self._named(feeds)
        return [given[name] for name in outputs]

    def _named(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        (_, rows), *constants = (
            (name, to_tensor(feed, self._device)) for name, feed in feeds.items()
        )
        with import_torch().inference_mode():
            try:
                given = self._call(rows, **dict(constants))
                return named(given, _to_array_if_tensor, name=self._what)
            except ModelError:
                raise
            # PyTorch raises errors of many kinds.
            except Exception as error:
                raise does_not_run(feeds, cause(error)) from error


class ProgramSession:
    """A program of `torch.export`, which says its shapes; see `Session`."""

    def __init__(
        self, program: Any, half: EncoderSpec | DecoderSpec, *, place: tuple[str, Any]
    ) -> None:
        self._name, self._device = place
        self.device, self._outputs = str(self._device), names_of_outputs(program, half)
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

    def run(self, outputs: Iterable[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run it once; ModelError for whatever PyTorch raises."""
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
                raise does_not_run(feeds, cause(error)) from error
        return [to_array(values[self._outputs.index(name)]) for name in outputs]

    def _tensor(self, name: str, value: str) -> Tensor:
        found = self._values.get(value)
        if found is None or not hasattr(found, "shape"):
            raise ModelError(f"tensors in and out of {self._name}", found=f"{name}, which is none")
        # A free axis is a symbol, not a number.
        shape = tuple(length if isinstance(length, int) else None for length in found.shape)
        dtype = str(found.dtype).removeprefix("torch.")
        # NumPy has no such floats.
        return Tensor(name, "float32" if dtype == "bfloat16" else dtype, shape)


def to_tensor(values: NDArray[Any], device: Any) -> Any:
    """Return an array as a tensor on a device."""
    torch = import_torch()
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def to_array(tensor: Any) -> NDArray[Any]:
    """Return a tensor as an array; half precisions as float32."""
    values = tensor.detach().cpu()
    return np.asarray(values.float().numpy() if values.is_floating_point() else values.numpy())


def _to_array_if_tensor(value: Any) -> NDArray[Any] | None:
    return to_array(value) if isinstance(value, import_torch().Tensor) else None
