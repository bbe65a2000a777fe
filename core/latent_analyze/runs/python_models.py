"""Opens models that exist in Python: modules, Keras models, and functions of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from latent_analyze.errors import ModelError
from latent_analyze.host.contracts import NOTHING
from latent_analyze.models.in_python import keep_model, python_path
from latent_analyze.models.reference import ModelRef
from latent_analyze.models.spec import Model
from latent_analyze.runs.opening import fingerprint_of, installed_first

if TYPE_CHECKING:
    from latent_analyze.host.discovery import Host
    from latent_analyze.models.signature import Sample


def open_objects(
    model: Any,
    host: Host,
    sample: Sample,
    *,
    dtype: str = "float32",
    device: str | None = None,
    given: Mapping[str, str] = NOTHING,
    stated: Mapping[str, str] = NOTHING,
) -> tuple[Model, ModelRef]:
    """Open an encoder, or an encoder and a decoder, by the first adapter that runs the encoder.

    Parameters
    ----------
    model
        ``(encoder, decoder)``, one of both, or a `Model`.
    host, sample
        The adapters, and some rows of the data.
    dtype, given
        Type of the rows as the encoder gets them, and what else is known of them; see `Adapter`.
    device, stated
        As in `open_model`.

    Raises
    ------
    ModelError
        If no adapter runs it.
    """
    path = python_path(model[0] if isinstance(model, (tuple, list)) and model else model)
    if isinstance(model, Model):
        keep_model(model.fingerprint, lambda: model)
        return model, ModelRef(path, model.fingerprint, "python")
    parts = _parts(model)
    first = next(iter(parts.values()))
    adopting = (p.cls for _, p in installed_first(host.adapters) if p.cls.adopts(first))
    cls = next(adopting, None)
    if cls is None:
        raise _not_a_model(first)
    adopt = partial(cls().adopt, parts, sample, dtype=dtype, device=device)
    opened = adopt(given=given, stated=stated)
    found, fingerprint = getattr(opened, "signature", None), fingerprint_of(opened)
    keep_model(fingerprint, lambda: adopt(signature=found))
    return opened, ModelRef(path, fingerprint, cls.name, device, signature=found)


def _parts(model: Any) -> dict[str, Any]:
    if not isinstance(model, (tuple, list)):
        return {"model": model}
    if len(model) not in (1, 2) or model[0] is None:
        raise _not_a_model(model)
    return {
        name: part
        for name, part in zip(("encoder", "decoder"), model, strict=False)
        if part is not None
    }


def _not_a_model(value: object) -> ModelError:
    return ModelError(
        "a path, or (encoder, decoder): modules of PyTorch, Keras models, or functions of arrays",
        found=f"a {type(value).__name__}",
        next_step="give the encoder, or (encoder, decoder)",
    )  # fmt: skip
