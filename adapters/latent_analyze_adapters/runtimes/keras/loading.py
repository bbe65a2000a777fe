"""Loading Keras and TensorFlow: without their start-up log, or with an error that helps."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import missing_dependency, quiet_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

TENSORFLOW = "tensorflow"
LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# TensorFlow writes these on import whatever its log level is set to: a header, informational
# lines, and a driver that is missing because the machine has no GPU.
_NOISE = re.compile(rb"WARNING: All log messages before|I\d{4} |E\d{4} .* UNKNOWN ERROR \(303\)")


def import_keras() -> Any:
    """Return the keras package, or raise MissingDependencyError."""
    return _import("keras")


def import_tensorflow() -> Any:
    """Return the tensorflow package, or raise MissingDependencyError."""
    return _import(TENSORFLOW)


def _import(name: str) -> Any:
    try:
        if name in sys.modules or TENSORFLOW in sys.modules:
            return importlib.import_module(name)
        with _quietly():
            return importlib.import_module(name)
    # Keras raises ImportError for a missing backend too.
    except ImportError:
        raise missing_dependency(name, "keras", "running Keras models") from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Import TensorFlow without its noise, unless its log level asks for all of it."""
    logger = logging.getLogger(TENSORFLOW)
    untouched = logger.level == logging.NOTSET
    # Read once, on import; level 2 keeps errors.
    if os.environ.setdefault(LEVEL, "2") == "0":
        yield
        return
    with quiet_stderr(_NOISE):
        yield
        if TENSORFLOW in sys.modules:
            # The driver is looked for with the devices.
            sys.modules[TENSORFLOW].config.list_physical_devices()
    if untouched:
        # It warns of functions that are traced again, as they are for batches of other sizes.
        logger.setLevel(logging.ERROR)
