"""Short texts about what went wrong, for error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAUSE_LENGTH = 200

CORRECT = "correct it in model.toml or --signature, or leave it out"
"""The next step where what is stated does not fit."""
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def cause(error: BaseException) -> str:
    """Return the message of a library's error, on one line and shortened."""
    return shorten(" ".join(_COLOR.sub("", str(error)).split()) or type(error).__name__)


def typed_cause(error: BaseException) -> str:
    """Return the type of an error and its message, on one line and shortened."""
    return f"{type(error).__name__}: {cause(error)}"


def os_cause(error: OSError) -> str:
    """Return what the operating system says, such as "no such file or directory"."""
    return (error.strerror or str(error)).lower()


def shorten(text: str) -> str:
    """Cut a text to the length that a message has room for."""
    return text if len(text) <= CAUSE_LENGTH else text[: CAUSE_LENGTH - 3] + "..."


def run_error(feeds: Mapping[str, NDArray[np.generic]], found: str) -> ModelError:
    """Return the error for a model that fails on arrays of these shapes."""
    given = ", ".join(f"{name!r} of shape {feed.shape}" for name, feed in feeds.items())
    return ModelError(
        f"a model that runs on {given}", found=found,
        next_step="compare them with what it takes: latent-analyze inspect MODEL",
    )  # fmt: skip
