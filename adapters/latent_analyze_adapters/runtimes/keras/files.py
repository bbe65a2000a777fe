"""Loads files of Keras, with errors that say what is missing or unsafe in them."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.messages import cause, shorten
from latent_analyze_adapters.runtimes.keras.loading import import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras
    from tensorflow.types.experimental import ConcreteFunction

    from latent_analyze_adapters.models.entries import Entry

SIGNATURE = "serving_default"
_MISSING = re.compile(
    r"Could not locate (?P<kind>class|function) '(?P<name>[^']*)'"
    r"|Unknown (?P<old_kind>[a-z ]+): '(?P<old_name>[^']*)'"
)
_WRAPPED, _REFUSAL = "Exception encountered: ", "safe_mode=False"


def not_keras(path: Path, found: str) -> ModelError:
    """Return the error for a file that is not a model."""
    return ModelError(
        f"a Keras model in {path}", found=found,
        next_step="save it with model.save('model.keras'), or export it to ONNX",
    )  # fmt: skip


def load_model(path: Path, *, safe_mode: bool, entry: Entry | None = None) -> keras.Model:
    """Return the model in a ``.keras`` or ``.h5`` file, not compiled.

    Parameters
    ----------
    path
        The file.
    safe_mode
        Whether to refuse everything that could run code.
    entry
        Its custom classes and functions, if it has any.

    Raises
    ------
    ModelError
        If it is damaged, unsafe, or uses classes that are missing.
    """
    keras = import_keras()
    known = _objects(entry.value) if entry else {}
    try:
        with _registered(known):
            return keras.saving.load_model(path, compile=False, safe_mode=safe_mode)
    # Damaged archives raise errors of zip, JSON, HDF5 or Keras, whichever notices first.
    except Exception as error:
        unsafe = _refused(error) if safe_mode else None
        if unsafe is not None:
            entries.require_trust(False, f"{path}, which holds {unsafe}")
        raise _not_loaded(path, error) from error


def load_signature(path: Path, part: str | None) -> ConcreteFunction:
    """Return a signature of a SavedModel, by default the one for serving.

    Raises
    ------
    ModelError
        If it is damaged, or has no such signature.
    """
    tf = import_tensorflow()
    try:
        signatures = tf.saved_model.load(str(path)).signatures
    # TensorFlow raises errors of many kinds, too.
    except Exception as error:
        raise not_keras(path, cause(error)) from error
    name = part or SIGNATURE
    if name not in signatures:
        raise ModelError(
            f"a signature {name!r} in {path}", found=", ".join(map(repr, signatures)) or "none",
            next_step="name one as part, in model.toml or --signature",
        )  # fmt: skip
    return signatures[name]


@contextmanager
def _registered(known: Mapping[str, object]) -> Iterator[None]:
    """Register classes and functions temporarily: two models may both have a class Sampling.

    Keras' own scope would prefer classes that are already registered.
    """
    registry = import_keras().saving.get_custom_objects()
    before = {name: registry[name] for name in known if name in registry}
    registry.update(known)
    try:
        yield
    finally:
        for name in known:
            registry.pop(name, None)
        registry.update(before)


def _objects(value: object) -> dict[str, object]:
    """Return what an entry and its module define, by the names used in files."""
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, type | FunctionType):
        raise ModelError(
            "an entry that is a class, a function or a dictionary of them for a Keras model",
            found=f"a {type(value).__name__}", next_step="correct entry in model.toml",
        )  # fmt: skip
    keras, module = import_keras(), value.__module__
    members = list(vars(sys.modules[module]).values()) if module in sys.modules else []
    # Another bundle may have imported its own module of this name since.
    if not any(member is value for member in members):
        members = [value]
    kinds = [member for member in members if isinstance(member, type | FunctionType)]
    own = [o for o in kinds if o.__module__ == module]
    return {n: o for o in own for n in (o.__name__, keras.saving.get_registered_name(o))}


def _refused(error: BaseException) -> str | None:
    """Return what safe mode refused: the innermost layer of the traceback, as messages vary."""
    refusals = [e for e in _chain(error) if _REFUSAL in str(e).rpartition(_WRAPPED)[2]]
    if not refusals:
        return None
    layer, found = import_keras().layers.Layer, "something"
    for frame, _ in traceback.walk_tb(refusals[-1].__traceback__):
        owner = frame.f_locals.get("cls", frame.f_locals.get("self"))
        kind = owner if isinstance(owner, type) else type(owner)
        found = f"a layer {kind.__name__}" if issubclass(kind, layer) else found
    return f"{found} that Keras' safe mode refuses"


def _not_loaded(path: Path, error: Exception) -> ModelError:
    """Return the error for a file that Keras cannot load."""
    text = str(error)
    missing = _MISSING.search(text)
    if missing is not None:
        return _no_class(path, missing, text)
    # Keras nests its errors, with the whole config before the cause.
    inner = text.rpartition(_WRAPPED)[2]
    found = cause(RuntimeError(inner)) if inner else cause(error)
    if "cannot be imported" in inner:
        return ModelError(
            f"a Keras model in {path} whose classes are installed", found=found,
            next_step="install the package that it was made with",
        )  # fmt: skip
    return not_keras(path, found)


def _no_class(path: Path, missing: re.Match[str], text: str) -> ModelError:
    kind, name = missing["kind"] or missing["old_kind"], missing["name"] or missing["old_name"]
    known = name.rpartition(">")[2]
    registered = re.search(f"'registered_name': '([^'>]*>{re.escape(known)})'", text)
    name = registered[1] if registered else name
    return ModelError(
        f"the {kind} {shorten(repr(name))} that {path} uses",
        found="none in Keras or in the module that entry names",
        next_step=f"put its code into a file my_layers.py next to model.toml, state "
        f"entry = 'my_layers:{shorten(known)}' there, and add --trust",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__
