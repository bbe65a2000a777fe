"""Loading TensorFlow and Keras: quietly, with the right backend, or with an error that helps."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latent_analyze.plugin import OptionError, missing_dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKEND = "tensorflow"

# TensorFlow writes these on import whatever its log level is set to: a header, informational
# lines, and a driver that is missing because the machine has no GPU.
_NOISE = re.compile(rb"WARNING: All log messages before|I\d{4} |E\d{4} .* UNKNOWN ERROR \(303\)")


def load_keras() -> None:
    """Import TensorFlow, Keras and tf2onnx, so that later imports cannot fail.

    Raises
    ------
    MissingDependencyError
        If one of them is not installed.
    OptionError
        If Keras is set to another backend: tf2onnx converts TensorFlow functions only.
    """
    # Both are read once, on import; level 2 keeps errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _require_tensorflow(os.environ.setdefault("KERAS_BACKEND", BACKEND))
    try:
        with _without_noise():
            import keras
            import tensorflow as tf
            import tf2onnx  # noqa: F401

            tf.config.list_physical_devices()
    except ModuleNotFoundError as error:
        package = (error.name or BACKEND).partition(".")[0]
        raise missing_dependency(package, "train", "training Keras models") from error
    _require_tensorflow(keras.config.backend())
    for name in ("tf2onnx", "absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _require_tensorflow(backend: str) -> None:
    if backend != BACKEND:
        raise OptionError(
            f"Keras with the backend {BACKEND}",
            found=repr(backend),
            next_step=f"set KERAS_BACKEND={BACKEND} and start Python anew",
        )


@contextmanager
def _without_noise() -> Iterator[None]:
    """Hold back what is written to the process' standard error; then write all but the noise."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(2), "wb") as stderr:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr.fileno(), 2)
            held.seek(0)
            stderr.writelines(line for line in held if not _NOISE.match(line))
