"""Imports Keras and TensorFlow without their startup log, or says how to install them."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latent_analyze.plugin import missing_dependency, quiet_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

TENSORFLOW = "tensorflow"
LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# TensorFlow writes these on import regardless of its log level: a header, informational lines, and
# an error about the driver of a GPU that the machine does not have.
_NOISE = re.compile(rb"WARNING: All log messages before|I\d{4} |E\d{4} .* UNKNOWN ERROR \(303\)")


def import_keras() -> ModuleType:
    """Return the keras package, or raise MissingDependencyError."""
    return _import("keras")


def import_tensorflow() -> ModuleType:
    """Return the tensorflow package, or raise MissingDependencyError."""
    return _import(TENSORFLOW)


def _import(name: str) -> ModuleType:
    try:
        if name in sys.modules or TENSORFLOW in sys.modules:
            return importlib.import_module(name)
        with _quietly():
            return importlib.import_module(name)
    # Keras also raises ImportError for a missing backend.
    except ImportError:
        raise missing_dependency(name, "keras", "running Keras models") from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Import TensorFlow without its noise, unless its log level asks for everything."""
    logger = logging.getLogger(TENSORFLOW)
    untouched = logger.level == logging.NOTSET
    # TensorFlow reads it once, on import; level 2 keeps errors.
    if os.environ.setdefault(LEVEL, "2") == "0":
        yield
        return
    with quiet_stderr(_NOISE):
        yield
        if TENSORFLOW in sys.modules:
            # Only this looks for the driver.
            sys.modules[TENSORFLOW].config.list_physical_devices()
    if untouched:
        # It would warn about retraced functions, which batches of other sizes cause.
        logger.setLevel(logging.ERROR)
