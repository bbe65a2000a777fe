"""A model in files of one runtime: encoder and decoder behind one interface."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import (
    Bundle,
    DecoderSpec,
    EncoderSpec,
    Latents,
    Layout,
    ModelError,
    ModelSpec,
    TensorSpec,
    content_hash,
)
from latent_analyze_adapters.models.check import compare_with_samples
from latent_analyze_adapters.models.further_inputs import further_inputs
from latent_analyze_adapters.models.graph import Role, Tensor
from latent_analyze_adapters.models.half import Half, columns_of, suitable_batch, to_log_var
from latent_analyze_adapters.models.image_side import file_axes
from latent_analyze_adapters.models.latent_side import prod_of
from latent_analyze_adapters.models.location import ROLES, SIDECAR
from latent_analyze_adapters.models.opened import Opened
from latent_analyze_adapters.models.plan import Plan, Stated, plan_half
from latent_analyze_adapters.models.session import Opener, Session, inside, run_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray


class FileModel:
    """An encoder and/or a decoder in files of one runtime; see `latent_analyze.Model`.

    It pickles as what is known of the files; sessions are opened where they are needed, and only
    if the files are still the same.

    Attributes
    ----------
    bundle
        What model.toml says, and where there is none, what was inferred: writing it as a sidecar
        changes nothing but to state it.
    spec
        Shapes, ranges and abilities.
    """

    def __init__(
        self,
        path: Path,
        bundle: Bundle,
        opened: Opened,
        *,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.path, self._opened, self._data_shape = path, opened, image_shape
        self._halves: dict[Role, Half] = {}
        bundle, self._notes = self._opener.complete(bundle, opened.file)
        for role in ROLES:
            half = getattr(bundle, role)
            if half is not None:
                self._open(role, bundle, half)
        self.bundle = self._resolved(bundle)
        self.spec = self._spec()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files and of all that is done around them, stated or inferred."""
        parts: list[Any] = []
        for role, half in self._halves.items():
            plan, side = half.plan, half.plan.side
            parts += [role, half.file.sha256, plan.input.name, plan.outputs, plan.latent]
            parts += [side.shape, side.layout, side.range]
            parts += side.adjustments
            parts += [(c.tensor.name, *c.value, c.column or "") for c in plan.constants]
            part = getattr(self.bundle, role).part
            parts += [part] if part else []
        if self.bundle.encoder is not None and self.bundle.encoder.spread != "log_var":
            parts.append(self.bundle.encoder.spread)
        return content_hash(self._opener.name, *parts)

    def encode(
        self, x: NDArray[np.float32], columns: Mapping[str, NDArray[Any]] = MappingProxyType({})
    ) -> Latents:
        """Encode (n, *spec.input.shape) to mu (n, dim) and log_var (n, dim) or None.

        `columns` has the values of the labels that `spec.columns` names, (n,) each; without it, the
        inputs that take them get their constants.

        Raises
        ------
        ModelError
            If there is no encoder, the shape is another one, or the runtime fails.
        """
        plan = self._plan("encoder")
        _check_shape(x, plan.side.shape, f"the encoder of {self.spec.name}")
        parts = [np.empty((len(x), plan.dim), np.float32) for _ in plan.outputs]
        for rows, outputs in self._run("encoder", x, plan.side.to_file, columns):
            for part, output in zip(parts, outputs, strict=True):
                part[rows] = output
        if len(parts) == 2 and self.bundle.encoder is not None:
            parts[1] = to_log_var(parts[1], self.bundle.encoder.spread)
        return Latents(*parts)

    def decode(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode (n, dim) to (n, *spec.output.shape); images are clipped to [0, 1].

        Raises
        ------
        ModelError
            If there is no decoder, the shape is another one, or the runtime fails.
        """
        plan = self._plan("decoder")
        _check_shape(z, (plan.dim,), f"the decoder of {self.spec.name}")
        images = np.empty((len(z), *plan.side.shape), np.float32)
        for rows, (output,) in self._run("decoder", z, lambda part: _to_latent(part, plan)):
            images[rows] = plan.side.from_file(output)
        return images

    def check(self) -> dict[str, float] | None:
        """Compare with the samples that the training runtime stored in the bundle.

        Returns
        -------
        dict or None
            For each of ``mu``, ``log_var`` and ``decoded`` the largest difference over the
            standard deviation of the stored output; None if the bundle has no samples.

        Raises
        ------
        ModelError
            If the samples cannot be read or do not fit the model.
        """
        if self.bundle.check is None:
            return None
        return compare_with_samples(self, inside(self._opener.folder, self.bundle.check))

    def with_bundle(self, bundle: Bundle) -> FileModel:
        """Return the same files, read as another model.toml would have it.

        Raises
        ------
        ModelError
            If it does not fit the files.
        """
        return FileModel(self.path, bundle, self._opened)

    @property
    def latent_outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the encoder that could hold mu, log_var or a drawn z."""
        half = self._halves.get("encoder")
        outputs = half.graph.outputs if half else ()
        return tuple(t.name for t in outputs if self.spec.dim in (prod_of(t, 1), prod_of(t, 0)))

    def describe(self) -> dict[str, Any]:
        """Return what is known of the files, beside `spec`, as plain data for people to read."""
        files: dict[str, Any] = {role: half.describe() for role, half in self._halves.items()}
        return {"runs on": self._device, **files}

    @property
    def _opener(self) -> Opener:
        return self._opened.opener

    @property
    def _device(self) -> str:
        return self._session(next(iter(self._halves))).device

    def _open(self, role: Role, bundle: Bundle, given: EncoderSpec | DecoderSpec) -> None:
        # A decoder without shapes of its own takes over those of its encoder, and must fit them.
        encoder = self._halves["encoder"].plan if "encoder" in self._halves else None
        stated = Stated(
            given,
            image=bundle.image_shape or (encoder.side.shape if encoder else None),
            latent=bundle.latent_shape or (encoder.latent if encoder else None),
            data=self._data_shape,
            beside=encoder.side.layout if encoder else None,
        )
        file, row = self._opened.file(given), _row(role, stated, self._opener.layout)
        session = self._opened.session(file, given, row)
        graph = session.graph

        def probe(taken: Tensor, rows: NDArray[Any], output: str) -> tuple[int, ...]:
            feeds = {taken.name: rows}
            for constant in further_inputs(graph, taken, given):
                feeds[constant.tensor.name] = constant.fill(len(rows))
            return session.run([output], feeds)[0].shape

        plan = self._opened.settle(file, given, row, plan_half(graph, stated, probe))
        self._halves[role] = Half(file, graph, plan, given, row)

    def _session(self, role: Role) -> Session:
        half = self._halves[role]
        return self._opened.session(half.file, half.given, half.row)

    def _plan(self, role: Role) -> Plan:
        if role not in self._halves:
            raise ModelError(
                f"a model with an {role}" if role == "encoder" else f"a model with a {role}",
                found=f"{self.spec.name} without one", next_step="name a bundle that has both",
            )  # fmt: skip
        return self._halves[role].plan

    def _run(
        self,
        role: Role,
        rows: NDArray[np.float32],
        pack: Callable[[NDArray[Any]], NDArray[Any]],
        columns: Mapping[str, NDArray[Any]] = MappingProxyType({}),
    ) -> Iterator[tuple[slice, list[NDArray[np.float32]]]]:
        plan, session = self._plan(role), self._session(role)
        step = 1 if plan.single else plan.batch or self.spec.batch
        for start in range(0, len(rows), step):
            part = slice(start, min(start + step, len(rows)))
            labels = {name: values[part] for name, values in columns.items()}
            yield part, run_batch(session, plan, pack(rows[part]), labels)

    def _resolved(self, bundle: Bundle) -> Bundle:
        plans = {role: half.plan for role, half in self._halves.items()}
        first = next(iter(plans.values()))
        changes: dict[str, Any] = {
            "runtime": self._opener.name,
            "image_shape": first.side.shape,
            "latent_shape": bundle.latent_shape or first.latent,
        }
        for role, plan in plans.items():
            stated = {"input": plan.input.name, "layout": plan.side.layout}
            names = ("mu", "log_var") if role == "encoder" else ("output",)
            stated |= dict(zip(names, plan.outputs, strict=False))
            changes[role] = getattr(bundle, role).model_copy(
                update={**stated, "range": plan.side.range}
            )
        return bundle.model_copy(update=changes)

    def _spec(self) -> ModelSpec:
        encoder, decoder = (self._halves.get(role) for role in ROLES)
        notes = [*self._notes]
        notes += [note for half in self._halves.values() for note in half.plan.notes]
        if self.path != self._opener.folder and (self._opener.folder / SIDECAR).is_file():
            notes.append(f"{SIDECAR} beside the file is not read: open the folder to use it")
        producers = dict.fromkeys(half.file.producer for half in self._halves.values())
        return ModelSpec(
            name=self.bundle.name,
            adapter=self._opener.name,
            input=encoder.plan.side.spec if encoder else None,
            latent=TensorSpec(shape=self.bundle.latent_shape or ()),
            output=decoder.plan.side.spec if decoder else None,
            variational=encoder is not None and len(encoder.plan.outputs) == 2,
            can_encode=encoder is not None,
            can_decode=decoder is not None,
            batch=suitable_batch([half.plan for half in self._halves.values()]),
            columns=columns_of(encoder),
            producer=", ".join(filter(None, producers)),
            notes=(*notes, f"runs on {self._device}"),
        )


def _row(role: Role, stated: Stated, layout: Layout) -> tuple[int, ...] | None:
    """Return the shape of one row of the input, as far as model.toml or the data tell."""
    image = stated.image or stated.data
    if role == "decoder" or image is None:
        return stated.latent if role == "decoder" else None
    return file_axes(image, stated.layout or layout)


def _check_shape(rows: NDArray[Any], shape: tuple[int, ...], owner: str) -> None:
    if rows.shape[1:] != shape:
        raise ModelError(f"rows of shape {shape} for {owner}", found=str(rows.shape[1:]))


def _to_latent(z: NDArray[Any], plan: Plan) -> NDArray[Any]:
    return np.ascontiguousarray(z, plan.input.dtype).reshape(len(z), *plan.latent)
