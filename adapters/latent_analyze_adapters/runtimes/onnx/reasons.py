"""Short reasons out of the long messages of ONNX Runtime."""

from __future__ import annotations

import re

from latent_analyze_adapters.models.messages import shorten

# ONNX Runtime puts a code before the reason, and the path, which our message already has.
_PREAMBLE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?")
_SOURCE = re.compile(r"\S+\.(?:cc|h|cpp|hpp|cu|cuh|mm):\d+ ")
_CONDITION = re.compile(r"^.{1,300}? was false\. (?=\S)")
_MISSING_NAME = re.compile(r"\bNode \(\) Op\b")


def cause(error: Exception | str) -> str:
    """Return the message of ONNX Runtime's error, on one line and shortened.

    The place in its C++ source is left out, because it can be longer than the reason.
    """
    said = _PREAMBLE.sub("", " ".join(str(error).split())).strip()
    if not said:
        return type(error).__name__
    while (place := _SOURCE.search(said)) is not None:
        rest = _CONDITION.sub("", _after_signature(said[place.end() :]))
        if not rest:
            break
        said = said[: place.start()] + rest
    return shorten(_MISSING_NAME.sub("Node", said))


def _after_signature(said: str) -> str:
    """Return what follows the signature of a function, or everything if it is not closed."""
    end = _closing(said, said.find("("))
    while end >= 0:
        rest = said[end:].lstrip(" >")
        start = len(said) - len(rest)
        if said[:end].endswith("operator()"):
            end = _closing(said, end)
        elif rest.startswith(("const ", "noexcept ")):
            end = start + rest.index(" ")
        elif rest.startswith("[with "):
            end = _closing(said, start)
        elif rest.startswith("::"):
            # A lambda, or an operator, inside the function.
            end = _closing(said, said.find("(", start))
        else:
            return rest
    return said.strip()


def _closing(said: str, start: int) -> int:
    """Return the place after the bracket that closes the one at `start`, or -1."""
    pairs = {"(": ")", "[": "]"}
    if start < 0 or said[start] not in pairs:
        return -1
    depth, opening, closing = 0, said[start], pairs[said[start]]
    for i in range(start, len(said)):
        depth += (said[i] == opening) - (said[i] == closing)
        if depth == 0:
            return i + 1
    return -1
