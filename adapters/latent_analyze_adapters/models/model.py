"""A model in files: encoder and decoder behind one interface, whatever the runtime."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import (
    Bundle,
    Latents,
    ModelError,
    ModelSpec,
    Signature,
    content_hash,
)
from latent_analyze_adapters.models.check import compare_with_samples
from latent_analyze_adapters.models.graph import NetworkSpec, Role, Shape
from latent_analyze_adapters.models.latents import size_from
from latent_analyze_adapters.models.location import ROLES, SIDECAR
from latent_analyze_adapters.models.network import (
    Network,
    code_count,
    columns_of,
    latent_spec,
    suitable_batch,
    to_decoder,
    to_latents,
)
from latent_analyze_adapters.models.opening import open_network
from latent_analyze_adapters.models.plan import Plan
from latent_analyze_adapters.models.session import (
    Opener,
    Session,
    bundle_path,
    run_batch,
)
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.models.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

NO_COLUMNS: Mapping[str, NDArray[np.generic]] = MappingProxyType({})


class FileModel:
    """An encoder and/or a decoder in files of one runtime; see `latent_analyze.plugin.Model`.

    A pickle holds what is known about the files, not the sessions. These are opened when they are
    needed, and only if the files are still the same.

    Attributes
    ----------
    bundle
        The content of model.toml, completed by what was inferred. Writing it to model.toml makes
        it explicit and changes nothing else.
    spec
        Shapes, ranges and abilities.
    signature
        What the files mean and how that is known, if the model was opened for data.
    """

    def __init__(
        self,
        path: Path,
        bundle: Bundle,
        cache: SessionCache,
        *,
        image_shape: Shape | None = None,
        signature: Signature | None = None,
    ) -> None:
        self.signature = signature
        self.path, self._cache, self._data_shape = path, cache, image_shape
        self._networks: dict[Role, Network] = {}
        bundle, self._notes = self._opener.complete(bundle, cache.file)
        for role in ROLES:
            spec = getattr(bundle, role)
            if spec is not None:
                self._open(role, bundle, spec)
        self.bundle = self._completed(bundle)
        self.spec = self._spec()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files, whatever they mean."""
        parts = [
            (role, network.file.sha256, getattr(self.bundle, role).part or "")
            for role, network in self._networks.items()
        ]
        return content_hash("files", self._opener.name, *parts)

    @cached_property
    def settings_fingerprint(self) -> str:
        """Hash of the files and of everything done around them; stores of 0.1 hold this one."""
        parts: list[object] = []
        for role, network in self._networks.items():
            plan, image = network.plan, network.plan.image
            parts += [role, network.file.sha256, plan.input.name, plan.outputs, plan.latent]
            parts += [image.shape, image.layout, image.range]
            parts += image.adjustments
            extra = plan.extra_inputs
            parts += [(e.tensor.name, *e.value, e.column or "", *e.texts) for e in extra]
            part = getattr(self.bundle, role).part
            parts += [part] if part else []
            parts += [f.name for f in plan.further]
            parts += [("axes", plan.given, plan.axes)] if plan.axes else []
        if self.bundle.encoder is not None and self.bundle.encoder.spread != "log_var":
            parts.append(self.bundle.encoder.spread)
        return content_hash(self._opener.name, *parts)

    def encode(
        self, x: NDArray[np.float32], columns: Mapping[str, NDArray[np.generic]] = NO_COLUMNS
    ) -> Latents:
        """Encode (n, *spec.input.shape) to mu (n, dim) and log_var (n, dim) or None.

        `columns` holds the values, (n,) each, of the labels that `spec.columns` names. Inputs whose
        label is missing get their constants.

        Raises
        ------
        ModelError
            If there is no encoder, the shape does not fit, or the runtime fails.
        """
        plan, spec = self._plan("encoder"), self.bundle.encoder
        assert spec is not None
        _check_shape(x, plan.image.shape, f"the encoder of {self.spec.name}")
        parts = {name: np.empty((len(x), n), dtype) for name, (n, dtype) in plan.forms.items()}
        for rows, outputs in self._run("encoder", x, plan.image.to_file, columns):
            for part, output in zip(parts.values(), outputs, strict=True):
                part[rows] = output
        return to_latents(parts, plan, spec)

    def decode(
        self, z: NDArray[np.float32], columns: Mapping[str, NDArray[np.generic]] = NO_COLUMNS
    ) -> NDArray[np.float32]:
        """Decode (n, dim) to (n, *spec.output.shape); images may leave [0, 1].

        `columns` holds the values, (n,) each, of the labels that `spec.decode_columns` names.
        Inputs whose label is missing get their constants.

        Raises
        ------
        ModelError
            If there is no decoder, the shape does not fit, or the runtime fails.
        """
        plan, spec = self._plan("decoder"), self._networks["decoder"].spec
        _check_shape(z, (plan.dim,), f"the decoder of {self.spec.name}")
        images = np.empty((len(z), *plan.image.shape), np.float32)
        pack = partial(to_decoder, plan=plan, spec=spec)
        for rows, (output,) in self._run("decoder", z, pack, columns):
            images[rows] = plan.image.from_file(output)
        return images

    def check(self) -> dict[str, float] | None:
        """Compare with the samples that the training runtime stored in the bundle.

        Returns
        -------
        dict or None
            For each of ``mu``, ``log_var`` and ``decoded``, the largest difference divided by the
            standard deviation of the stored output; None if the bundle has no samples.

        Raises
        ------
        ModelError
            If the samples cannot be read or do not fit the model.
        """
        if self.bundle.check is None:
            return None
        return compare_with_samples(self, bundle_path(self._opener.folder, self.bundle.check))

    @cached_property
    def codebook(self) -> NDArray[np.float32] | None:
        """Vectors of the codes, shape (codes, d), if latents are codes and the files show them."""
        if not self.spec.has_codes:
            return None
        return self._opener.codebook(self.bundle, self._cache.file)

    def with_bundle(self, bundle: Bundle) -> FileModel:
        """Return the same files, interpreted by another model.toml.

        Raises
        ------
        ModelError
            If it does not fit the files.
        """
        return FileModel(self.path, bundle, self._cache)

    @property
    def latent_outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the encoder that could be mu, log_var or a drawn z."""
        encoder = self._networks.get("encoder")
        outputs = encoder.graph.outputs if encoder else ()
        return tuple(t.name for t in outputs if self.spec.dim in (size_from(t, 1), size_from(t, 0)))

    def describe(self) -> dict[str, object]:
        """Return what is known about the files, besides `spec`, in plain data for people."""
        found: dict[str, object] = {"runs on": self._device}
        return found | {role: network.describe() for role, network in self._networks.items()}

    @property
    def _opener(self) -> Opener:
        return self._cache.opener

    @property
    def _device(self) -> str:
        return self._session(next(iter(self._networks))).device

    def _open(self, role: Role, bundle: Bundle, spec: NetworkSpec) -> None:
        # A decoder that states no shapes takes those of its encoder, and must fit them.
        encoder = self._networks["encoder"].plan if "encoder" in self._networks else None
        settings = Settings(
            spec,
            image=bundle.image_shape or (encoder.image.shape if encoder else None),
            latent=bundle.latent_shape or (encoder.latent if encoder else None),
            data=self._data_shape,
            encoder_layout=encoder.image.layout if encoder else None,
        )
        self._networks[role] = open_network(self._cache, role, settings)

    def _session(self, role: Role) -> Session:
        network = self._networks[role]
        return self._cache.session(network.file, network.spec, network.row_shape)

    def _plan(self, role: Role) -> Plan:
        if role not in self._networks:
            raise ModelError(
                f"a model with an {role}" if role == "encoder" else f"a model with a {role}",
                found=f"{self.spec.name} without one", next_step="name a bundle that has both",
            )  # fmt: skip
        return self._networks[role].plan

    def _run(
        self,
        role: Role,
        rows: NDArray[np.float32],
        pack: Callable[[NDArray[np.float32]], NDArray[np.number]],
        columns: Mapping[str, NDArray[np.generic]] = NO_COLUMNS,
    ) -> Iterator[tuple[slice, list[NDArray[np.float32]]]]:
        plan, session = self._plan(role), self._session(role)
        step = 1 if plan.repeated else plan.batch or self.spec.batch
        for start in range(0, len(rows), step):
            part = slice(start, min(start + step, len(rows)))
            labels = {name: values[part] for name, values in columns.items()}
            yield part, run_batch(session, plan, pack(rows[part]), labels)

    def _completed(self, bundle: Bundle) -> Bundle:
        """Return the bundle with everything that was inferred."""
        plans = {role: network.plan for role, network in self._networks.items()}
        first = next(iter(plans.values()))
        changes: dict[str, object] = {
            "runtime": self._opener.name,
            "image_shape": first.image.shape,
            "latent_shape": bundle.latent_shape or first.given or first.latent,
        }
        for role, plan in plans.items():
            names = ("mu", "log_var") if role == "encoder" else ("output",)
            found = dict(zip(names, plan.outputs, strict=False))
            found |= {"input": plan.input.name, "layout": plan.image.layout}
            changes[role] = getattr(bundle, role).model_copy(
                update={**found, "range": plan.image.range}
            )
        return bundle.model_copy(update=changes)

    def _spec(self) -> ModelSpec:
        encoder, decoder = (self._networks.get(role) for role in ROLES)
        notes = [*self._notes]
        notes += [note for network in self._networks.values() for note in network.plan.notes]
        if self.path != self._opener.folder and (self._opener.folder / SIDECAR).is_file():
            notes.append(f"the {SIDECAR} next to the file is not used: open the folder to use it")
        producers = dict.fromkeys(network.file.producer for network in self._networks.values())
        return ModelSpec(
            name=self.bundle.name,
            adapter=self._opener.name,
            input=encoder.plan.image.spec if encoder else None,
            latent=latent_spec(encoder, self.bundle.latent_shape or ()),
            codes=code_count(encoder),
            output=decoder.plan.image.spec if decoder else None,
            variational=encoder is not None and encoder.plan.is_variational,
            can_encode=encoder is not None,
            can_decode=decoder is not None,
            batch=suitable_batch([network.plan for network in self._networks.values()]),
            columns=columns_of(encoder),
            decode_columns=columns_of(decoder),
            further=encoder.plan.further if encoder else (),
            producer=", ".join(filter(None, producers)),
            notes=(*notes, f"runs on {self._device}"),
        )


def _check_shape(rows: NDArray[np.generic], shape: Shape, owner: str) -> None:
    if rows.shape[1:] != shape:
        raise ModelError(f"rows of shape {shape} for {owner}", found=str(rows.shape[1:]))
