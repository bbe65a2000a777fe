"""Looking at a model: what it takes and gives, and with a data set what it does with real rows."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_analyze.errors import LatentAnalyzeError, ModelError, OptionError
from latent_analyze.files.pairs import common_folder, split_pair
from latent_analyze.host.contracts import NOTHING
from latent_analyze.models import inspection
from latent_analyze.models.bundle import SIDECAR, leave_open, read_bundle, replace_bundle
from latent_analyze.models.runtime_check import check_runtime
from latent_analyze.runs.advice import with_data
from latent_analyze.runs.encoding import draw_sample, rows_for
from latent_analyze.runs.opening import open_dataset, open_model
from latent_analyze.store.encode import require_encodable

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Dataset
    from latent_analyze.host.discovery import Host
    from latent_analyze.models.bundle import Bundle
    from latent_analyze.models.inspection import Check
    from latent_analyze.models.reference import ModelRef
    from latent_analyze.models.signature import Sample, Signature
    from latent_analyze.models.spec import Model, ModelSpec

ROWS, VALUES = 64, 1 << 24
"""Images that the checks take, evenly from the whole data set, and values of all of them."""


ONLY_DATA_TELL = {
    "encoder": ("range", "mean", "std", "mu", "log_var", "spread"),
    "decoder": ("range", "mean", "std", "activation", "scale", "shift", "latent_axes"),
}
"""What is not saved without data: the file shows it again, or it would be a guess."""


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found.

    Attributes
    ----------
    path, adapter, fingerprint, spec
        Where the model is, which adapter opened it, the hash of its files, its shapes.
    runtime
        Output -> largest difference from what the trainer stored, in standard deviations; None if
        nothing was stored.
    files
        What the adapter says about the files.
    checks
        What the model does with real rows; empty without a data set.
    written
        ``"written"`` and ``"kept"``: the model.toml that was saved, and the former one.
    next_step
        The command that leads further, without ``latent-analyze``.
    signature
        What the files mean for these data, and the signatures that were tried; None without data.
    untried
        What only data could tell, by the keys of model.toml, and what was taken instead.
    """

    path: str
    adapter: str
    fingerprint: str
    spec: ModelSpec
    runtime: Mapping[str, float] | None = None
    files: Any = None
    checks: Sequence[Check] = ()
    written: Mapping[str, str] = field(default_factory=dict)
    next_step: str = ""
    signature: Signature | None = None
    untried: Mapping[str, object] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """What keeps the model from being analyzed."""
        return [check.text for check in self.checks if check.severity == "problem"]

    def describe(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        found: dict[str, Any] = {
            "path": self.path,
            "adapter": self.adapter,
            "fingerprint": self.fingerprint,
            "spec": self.spec.model_dump(mode="json", exclude_none=True),
            "check": self.runtime,
        }
        if self.files is not None:
            found["files"] = self.files
        if self.signature is not None:
            found["signature"] = self.signature.describe()
        if self.untried:
            why = (
                "needs --data"
                if self.spec.can_encode
                else "a decoder alone: state it in model.toml"
            )
            found["not tried"] = {"why": why, **self.untried}
        return found | {"checks": [asdict(check) for check in self.checks], **self.written}


def inspect_model(
    path: str,
    data: str | None,
    host: Host,
    *,
    write: bool = False,
    device: str | None = None,
    trust: bool = False,
    stated: Mapping[str, str] = NOTHING,
) -> Inspection:
    """Open a model, check it on a data set if there is one, and save model.toml if asked to.

    Raises
    ------
    LatentAnalyzeError
        If model or data cannot be opened, or there is nothing to write.
    """
    if stated and not data:
        raise OptionError(
            "--data, with which what is stated about the model is tried", found="none",
            next_step=f"run: latent-analyze inspect {shlex.quote(path)} --data DATA",
        )  # fmt: skip
    dataset = open_dataset(data, host) if data else None
    sample = draw_sample(dataset) if dataset else None
    try:
        model, ref = open_model(
            path, host, device=device, trust=trust, sample=sample, stated=stated
        )
    except ModelError as error:
        raise with_data(error, path) if data is None else error from None
    runtime = check_runtime(model)
    describe = getattr(model, "describe", None)
    files = None if describe is None else describe()
    checks = _check(model, dataset, sample) if dataset and sample else []
    bundle = getattr(model, "bundle", None)
    open_keys = _open_keys(_sidecar(path), stated)
    written = (
        _write(Path(path), _decided(bundle, ref, open_keys, stated), host, ref) if write else {}
    )
    place = str(Path(written["written"]).parent) if write else path
    untried = _untried(bundle, open_keys) if ref.signature is None else {}
    step = _next_step(model.spec, place, data, untried) + (" --trust" if trust else "")
    if not write:
        step += "".join(f" --signature {shlex.quote(f'{k}={v}')}" for k, v in stated.items())
    return Inspection(
        ref.path, ref.adapter, model.fingerprint, model.spec, runtime, files, checks, written, step,
        ref.signature, untried,
    )  # fmt: skip


def _check(model: Model, dataset: Dataset, sample: Sample) -> list[Check]:
    """Return what the model does with real rows."""
    if model.spec.can_encode:
        dataset = rows_for(model, dataset)
        require_encodable(model, dataset)
        sample = sample.without([n for n in sample.value_names if n not in dataset.value_names])
    size = max(math.prod(dataset.item.shape), 1)
    rows = max(8, min(ROWS, VALUES // size))
    columns = {name: values[:rows] for name, values in sample.columns.items()}
    return inspection.inspect_model(model, sample.x[:rows], columns)


def _decided(
    bundle: Bundle | None, ref: ModelRef, open_keys: list[str], stated: Mapping[str, str]
) -> Bundle | None:
    """Return the settings to save; what nothing shows is no knowledge, so it is not saved."""
    signature = ref.signature
    if bundle is None:
        return None
    if signature is None:
        return leave_open(bundle, open_keys)
    if signature.problem and not stated:
        raise ModelError(
            "a signature that explains the data",
            found=f"none: the best explains {max(signature.explained or 0, 0):.1%} of the variance",
            next_step="state what you know, as --signature 'encoder.range=[-1,1]': it is saved",
        )  # fmt: skip
    # What was tried beside a wrong statement, or for nothing, is no knowledge either.
    unknown = ("assumed", "trial", "data") if signature.problem else ("assumed",)
    keys = [choice.key for choice in signature.choices if choice.known in unknown]
    roles = [key.removesuffix(".range") for key in keys if key.endswith(".range")]
    # A range is assumed together with what is subtracted and divided by.
    return leave_open(bundle, [*keys, *(f"{r}.{name}" for r in roles for name in ("mean", "std"))])


def _sidecar(path: str) -> Bundle | None:
    """Return the model.toml that is there already, or None."""
    return read_bundle(Path(path)) if (Path(path) / SIDECAR).is_file() else None


def _open_keys(sidecar: Bundle | None, stated: Mapping[str, str]) -> list[str]:
    """Return the keys that only data can tell, without those that are stated already."""
    keys = []
    for role, names in ONLY_DATA_TELL.items():
        before = getattr(sidecar, role, None)
        known = before.model_fields_set if before is not None else frozenset()
        keys += [f"{role}.{name}" for name in names if name not in known]
    return [key for key in keys if not {key, key.partition(".")[2]} & {*stated}]


def _untried(bundle: Bundle | None, keys: Sequence[str]) -> dict[str, object]:
    """Return what was taken for keys that only data can tell."""
    tables = {} if bundle is None else bundle.model_dump(mode="json", exclude_none=True)
    found = {}
    for key in keys:
        role, _, name = key.partition(".")
        value = tables.get(role, {}).get(name)
        if value is not None and name in getattr(bundle, role).model_fields_set:
            found[key] = value
    return found


def _write(path: Path, bundle: Bundle | None, host: Host, ref: ModelRef) -> dict[str, str]:
    if bundle is None:
        raise ModelError(
            f"a model whose adapter writes {SIDECAR}", found=f"one of {ref.adapter}",
            next_step=f"write {SIDECAR} by hand",
        )  # fmt: skip
    files = [half.file for half in (bundle.encoder, bundle.decoder) if half and half.file]
    parts = split_pair(path)
    bare = bool(files) and not (path / files[0]).exists()
    folder = common_folder(parts) if bare else path
    if bare and len(parts) == 1 and _holds_more(folder, bundle, host, ref):
        raise ModelError(
            f"the only model in {folder}", found=f"{path.name} beside its other half",
            next_step=f"run: latent-analyze inspect {shlex.quote(str(folder))} --write",
        )  # fmt: skip
    kept = replace_bundle(folder, bundle)
    return {"written": str(folder / SIDECAR)} | ({"kept": str(kept)} if kept else {})


def _holds_more(folder: Path, bundle: Bundle, host: Host, ref: ModelRef) -> bool:
    """Whether a folder is a model of more halves than one of its files is."""
    try:
        spec = open_model(str(folder), host, device=ref.device, trust=ref.trust)[0].spec
    except LatentAnalyzeError:
        return False
    halves = (bundle.encoder is not None) + (bundle.decoder is not None)
    return spec.can_encode + spec.can_decode > halves


def _next_step(spec: ModelSpec, path: str, data: str | None, untried: Mapping[str, object]) -> str:
    path = shlex.quote(path)
    if not spec.can_encode:
        return f"run normal:dim={spec.dim}:count=2000 --model {path}"
    if data is None and untried:
        return f"inspect {path} --data DATA"
    return f"encode {path} {'DATA' if data is None else shlex.quote(data)} -o latents.zarr"
