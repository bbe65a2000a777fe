"""``latent-analyze inspect``: what a model takes and gives, and what was inferred about it."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latent_analyze.cli.options import Device, Json, Trust

if TYPE_CHECKING:
    from latent_analyze.contracts import Dataset
    from latent_analyze.host import Host
    from latent_analyze.inspection import Check
    from latent_analyze.model import Model, ModelRef, ModelSpec

Data = Annotated[
    str | None, typer.Option("--data", help="Data set whose images the model is checked on.")
]
Write = Annotated[
    bool,
    typer.Option(
        "--write",
        help="Save model.toml beside the files, with --data the best reading; keep a former one.",
    ),
]
ROWS, VALUES = 64, 1 << 24
"""Images that the checks take, evenly from the whole data set, and values of all of them."""


def inspect(
    path: Annotated[str, typer.Argument(help="Folder or file of the model, or module:name.")],
    data: Data = None,
    write: Write = False,
    device: Device = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Show what a model takes and gives, and what was inferred about it.

    Exit code 1 if a check on the data finds what keeps the model from being analyzed.
    """
    from latent_analyze.api import check_runtime
    from latent_analyze.bundle import SIDECAR
    from latent_analyze.errors import printable
    from latent_analyze.host import Host
    from latent_analyze.opening import open_dataset, open_model
    from latent_analyze.result_files import dump_json

    host = Host()
    dataset = open_dataset(data, host) if data else None
    model, ref = open_model(
        path, host, device=device, trust=trust, image_shape=dataset.item.shape if dataset else None
    )
    found: dict[str, Any] = {
        "path": ref.path,
        "adapter": ref.adapter,
        "fingerprint": model.fingerprint,
        "spec": model.spec.model_dump(mode="json", exclude_none=True),
        "check": check_runtime(model),
    }
    describe = getattr(model, "describe", None)
    if describe is not None:
        found["files"] = describe()
    checks, bundle = _check(model, dataset) if dataset else ([], getattr(model, "bundle", None))
    found["checks"] = [asdict(check) for check in checks]
    if write:
        found |= _write(Path(path), bundle, host, ref)
    if as_json:
        typer.echo(dump_json(found), nl=False)
    else:
        _show({key: value for key, value in found.items() if key != "checks"})
        _show({check.name: f"{check.severity}: {check.text}" for check in checks})
    if any(check.severity == "problem" for check in checks):
        raise typer.Exit(1)
    if not as_json:
        same = bundle == getattr(model, "bundle", None)
        stated = write or bundle is None or (same and (Path(path) / SIDECAR).exists())
        place = str(Path(found["written"]).parent) if write else path
        step = _next_step(model.spec, place, data, stated=stated) + (" --trust" if trust else "")
        typer.echo(printable(f"next: latent-analyze {step}"))


def _check(model: Model, dataset: Dataset) -> tuple[list[Check], Any]:
    """Return what the checks found, and the bundle of the reading that reconstructs best."""
    import numpy as np

    from latent_analyze import inspection, latent_outputs
    from latent_analyze.encode import require_encodable
    from latent_analyze.errors import DatasetError

    if not dataset.count:
        raise DatasetError("a data set with rows", found=f"none in {dataset.name}")
    most = max(8, min(ROWS, VALUES // max(math.prod(dataset.item.shape), 1)))
    rows = np.unique(np.linspace(0, dataset.count - 1, most).astype(np.int64))
    if model.spec.can_encode:
        require_encodable(model, dataset)
    images = dataset.read(rows).x
    outputs = latent_outputs.tell_latent_outputs(model, images) if model.spec.can_encode else None
    checks = inspection.check_outputs(model, outputs)
    if outputs is not None:
        # All that follows is of the right outputs.
        model = model.with_bundle(outputs.applied_to(model.bundle))  # type: ignore[attr-defined]
    checks += inspection.inspect_model(model, images)
    bundle = getattr(model, "bundle", None)
    if model.spec.can_encode and model.spec.can_decode:
        readings = inspection.candidates(model, images)
        check = inspection.compare_readings(inspection.round_trip(model, images), readings)
        checks.append(check)
        bundle = readings[0].bundle if check.severity == "warning" else bundle
    return checks, bundle


def _write(path: Path, bundle: Any, host: Host, ref: ModelRef) -> dict[str, str]:
    from latent_analyze.bundle import SIDECAR, replace_bundle
    from latent_analyze.errors import ModelError

    if bundle is None:
        raise ModelError(
            f"a model whose adapter writes {SIDECAR}", found=f"one of {ref.adapter}",
            next_step=f"write {SIDECAR} by hand",
        )  # fmt: skip
    files = [half.file for half in (bundle.encoder, bundle.decoder) if half and half.file]
    bare = bool(files) and not (path / files[0]).exists()
    folder = path.parent if bare else path
    if bare and _holds_more(folder, bundle, host, ref):
        raise ModelError(
            f"the only model in {folder}", found=f"{path.name} beside its other half",
            next_step=f"run: latent-analyze inspect {shlex.quote(str(folder))} --write",
        )  # fmt: skip
    kept = replace_bundle(folder, bundle)
    return {"written": str(folder / SIDECAR)} | ({"kept": str(kept)} if kept else {})


def _holds_more(folder: Path, bundle: Any, host: Host, ref: ModelRef) -> bool:
    """Whether a folder is a model of more halves than one of its files is."""
    from latent_analyze.errors import LatentAnalyzeError
    from latent_analyze.opening import open_model

    try:
        spec = open_model(str(folder), host, device=ref.device, trust=ref.trust)[0].spec
    except LatentAnalyzeError:
        return False
    halves = (bundle.encoder is not None) + (bundle.decoder is not None)
    return spec.can_encode + spec.can_decode > halves


def _next_step(spec: ModelSpec, path: str, data: str | None, *, stated: bool) -> str:
    path = shlex.quote(path)
    if data is not None and not stated:
        return f"inspect {path} --data {shlex.quote(data)} --write"
    if not spec.can_encode:
        return f"run normal:dim={spec.dim}:count=2000 --model {path}"
    if data is None:
        return f"inspect {path} --data DATA"
    return f"encode {path} {shlex.quote(data)} -o latents.zarr"


def _show(value: Any, indent: str = "") -> None:
    from latent_analyze.errors import printable

    for key, entry in value.items():
        if isinstance(entry, dict) and entry:
            typer.echo(printable(f"{indent}{key}"))
            _show(entry, indent + "  ")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            for i, part in enumerate(entry):
                typer.echo(printable(f"{indent}{key} {i}"))
                _show(part, indent + "  ")
        elif isinstance(entry, (list, tuple)) and entry and isinstance(entry[0], str):
            typer.echo(printable(f"{indent}{key}"))
            for text in entry:
                typer.echo(printable(f"{indent}  {text}"))
        elif entry not in (None, {}, []):
            typer.echo(printable(f"{indent}{key}: {entry}"))
