"""Hashes functions that exist in Python: their code, and the values that they use."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from latent_analyze.plugin import content_hash

PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)
MAX_DEPTH = 6
UNKNOWN = "unknown"


def function_hash(function: object) -> tuple[str, bool]:
    """Return a hash of a function, and whether it covers everything that decides its results.

    If it does not, because the function uses objects whose content is unknown, the hash is random.
    """
    parts = list(_parts(function, 0))
    if UNKNOWN in parts:
        return uuid.uuid4().hex, False
    return content_hash(*parts), True


def _parts(value: Any, depth: int) -> Iterator[object]:
    if depth > MAX_DEPTH:
        yield UNKNOWN
    elif isinstance(value, PLAIN):
        yield value if not isinstance(value, bytes) else content_hash(value)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield content_hash(value)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _parts(entry, depth + 1)
    elif isinstance(value, dict):
        yield from _parts([part for pair in value.items() for part in pair], depth + 1)
    elif isinstance(value, FunctionType):
        yield from _function(value, depth)
    elif isinstance(value, MethodType):
        yield from _parts(value.__func__, depth + 1)
        yield from _parts(value.__self__, depth + 1)
    elif isinstance(value, (ModuleType, type, BuiltinFunctionType, np.ufunc)):
        yield f"{getattr(value, '__module__', '')}.{value.__name__}"
    elif type(value).__module__ == "functools" and hasattr(value, "func"):
        yield from _parts([value.func, value.args, value.keywords], depth + 1)
    else:
        yield from _object(value, depth)


def _function(function: FunctionType, depth: int) -> Iterator[object]:
    used = inspect.getclosurevars(function)
    # Functions of packages are known by their names.
    if not depth or function.__module__ in ("__main__", None) or used.nonlocals:
        yield from _code(function.__code__)
        yield from _parts([function.__defaults__, function.__kwdefaults__], depth + 1)
        for values in (used.nonlocals, used.globals):
            for name in sorted(values):
                yield name
                if values[name] is not function:
                    yield from _parts(values[name], depth + 1)
    else:
        yield f"{function.__module__}.{function.__qualname__}"
        yield from _code(function.__code__)


def _code(code: CodeType) -> Iterator[object]:
    yield content_hash(code.co_code)
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield repr(constant)


def _object(value: object, depth: int) -> Iterator[object]:
    """Yield the attributes of an object, and the code of its class, if that is Python."""
    content = getattr(value, "__dict__", None)
    if content is None:
        yield UNKNOWN
        return
    yield type(value).__qualname__
    for cls in type(value).__mro__:
        for name, member in vars(cls).items():
            if isinstance(member, FunctionType):
                yield name
                yield from _code(member.__code__)
    yield from _parts(content, depth + 1)
